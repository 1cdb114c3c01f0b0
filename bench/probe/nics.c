/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/nics.h"

#include "bench/probe/heap.h"
#include "bench/probe/out.h"
#include "bench/probe/str.h"

static struct pci_dev devs[PCI_DEVICES_MAX];
static unsigned int n_devs;
static bool scanned;
static struct nic *nics[NICS_MAX];

unsigned int
machine_scan(const struct probe *p, struct pci_dev **ret)
{
	if (!scanned) {
		pci_init(p->args.ecam);
		n_devs = pci_scan(devs, PCI_DEVICES_MAX);
		scanned = true;
	}
	*ret = devs;
	return n_devs;
}

static struct pci_dev *
find(const struct probe *p, uint16_t virtio_id, unsigned int index)
{
	struct pci_dev *d;
	unsigned int n = machine_scan(p, &d);

	for (unsigned int i = 0; i < n; i++) {
		if (virtio_is(&d[i], virtio_id) && !index--)
			return &d[i];
	}
	return NULL;
}

struct pci_dev *
machine_find(const struct probe *p, uint16_t virtio_id)
{
	return find(p, virtio_id, 0);
}

unsigned int
nics_count(const struct probe *p)
{
	unsigned int n = 0;

	while (n < NICS_MAX && find(p, VIRTIO_ID_NET, n))
		n++;
	return n;
}

static void
say(const struct nic *n, unsigned int index)
{
	struct json *j = out_json();

	json_open(j, "nic");
	json_u64(j, "index", index);
	json_mac(j, "mac", n->mac);
	json_str(j, "rings", n->rx[0].q.ring.packed ? "packed" : "split");
	json_u64(j, "ring", n->rx[0].q.ring.size);
	json_u64(j, "queues", n->n_pairs);
	json_u64(j, "max_queues", n->max_pairs);
	json_u64(j, "mtu", n->mtu);
	json_bool(j, "mrg", n->mrg);
	json_bool(j, "indirect", n->rx[0].q.ring.indirect);
	json_hex(j, "features", n->v.features);
	json_close(j);
}

struct nic *
nics_at(const struct probe *p, unsigned int index)
{
	struct pci_dev *d = index < NICS_MAX ? find(p, VIRTIO_ID_NET, index) : NULL;
	const char *e;

	if (!d) {
		out_error("there is no such NIC", NULL);
		return NULL;
	}
	if (nics[index])
		return nics[index];
	nics[index] = heap_alloc(sizeof(struct nic));
	e = nics[index] ? nic_open(nics[index], d, &p->args) : "out of memory";
	if (e) {
		out_error("NIC", e);
		nics[index] = NULL;
		return NULL;
	}
	say(nics[index], index);
	return nics[index];
}

struct nic *
nics_get(const struct probe *p, const struct nic_name *name)
{
	unsigned int n;

	if (!name->by_mac)
		return nics_at(p, name->index);
	n = nics_count(p);
	for (unsigned int i = 0; i < n; i++) {
		struct nic *nic = nics_at(p, i);

		if (!nic)
			return NULL;
		if (!memcmp(nic->mac, name->mac, 6))
			return nic;
	}
	out_error("no NIC has that MAC", NULL);
	return NULL;
}

bool
nic_failed(const struct nic *n)
{
	if (n->error)
		out_error("NIC", n->error);
	return n->error;
}
