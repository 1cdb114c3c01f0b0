/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of the Host document against each other, and against the interfaces that use them. */
#include <string.h>

#include "config/draft.h"
#include "config/near.h"
#include "config/text.h"

struct node *
device_node(const struct draft *d, size_t i)
{
	return node_item(node_find(d->host_doc, "spec.devices"), i);
}

const char *
who_device(const struct site_host *h, size_t i, char buf[WHO_LEN])
{
	snprintf(buf, WHO_LEN, "host %s, device %s", h->name, h->devices[i].name);
	return buf;
}

/* The key that says what kind of device it is. */
const char *
device_key(const struct site_device *dev)
{
	static const char *const key[] = {
		[DEVICE_PCI] = "pci",      [DEVICE_MAC] = "mac",
		[DEVICE_TAP] = "tap",      [DEVICE_AF_PACKET] = "afPacket",
		[DEVICE_AF_XDP] = "afXdp", [DEVICE_KERNEL] = "kernel",
		[DEVICE_BOND] = "bond",    [DEVICE_VXLAN] = "vxlan"};

	return key[dev->kind];
}

/* What two devices must not have in common, or NULL: they are two. */
static const char *
same(const struct site_device *a, const struct site_device *b)
{
	static const uint8_t none[6];

	if (a->name[0] && strcmp(a->name, b->name) == 0)
		return "name";
	if (a->kind != b->kind)
		return NULL;
	if (a->kind >= DEVICE_TAP)
		return a->ifname[0] && strcmp(a->ifname, b->ifname) == 0 ? device_key(a) : NULL;
	if (a->kind == DEVICE_MAC)
		return memcmp(a->mac, none, 6) != 0 && memcmp(a->mac, b->mac, 6) == 0 ? "mac"
										      : NULL;
	return pci_addr_equal(&a->pci, &b->pci) ? "pci" : NULL;
}

void
check_devices(struct draft *d)
{
	const struct site_host *h = &d->site->host;
	char who[WHO_LEN];

	for (size_t i = 1; i < h->n_devices; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct where *w = &h->devices[j].where;
			const char *key = same(&h->devices[i], &h->devices[j]);

			if (!key || !node_sound(device_node(d, i), key) ||
			    !node_sound(device_node(d, j), key))
				continue;
			check_fail(d, device_node(d, i), key, who_device(h, i, who),
				   "two devices have this %s; the other one is at %s:%u:%u", key,
				   w->file, w->line, w->column);
			break;
		}
	}
}

static void
no_such_device(struct draft *d, struct node *n, const char *name, const char *who)
{
	const struct site_host *h = &d->site->host;
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};

	for (size_t i = 0; i < h->n_devices; i++)
		near_try(&near, h->devices[i].name);
	check_fail(d, n, "sriov.device", who, "device %s is not among the devices of %s%s",
		   text_quote(name, quoted),
		   d->host_doc ? "the Host document" : "a Host document: there is none",
		   near_hint(&near, hint));
}

bool
device_find(const struct site_host *h, const char *name, size_t *ret)
{
	for (size_t i = 0; i < h->n_devices; i++) {
		if (strcmp(h->devices[i].name, name) != 0)
			continue;
		*ret = i;
		return true;
	}
	return false;
}

/* Whether the interface's device is one that was found. */
static bool
resolve(struct draft *d, struct site_interface *i, struct node *n, const char *who)
{
	const char *name = node_text(node_find(n, "sriov.device"));

	i->queues = 1;
	i->vf.vlan = i->vlan;
	if (i->vf.qos && i->vlan == VLAN_NONE && node_sound(n, "sriov.vlan"))
		check_fail(d, n, "sriov.qos", who,
			   "qos is the priority of a VLAN tag; give vlan too, or leave qos out");
	if (!name || !node_sound(n, "sriov.device"))
		return false;
	if (device_find(&d->site->host, name, &i->device))
		return true;
	/* With a file cut short, the Host may be in the part that was not read. */
	if (!d->problems.cut_short && (!d->host_doc || node_sound(d->host_doc, "spec.devices")))
		no_such_device(d, n, name, who);
	return false;
}

void
check_functions(struct draft *d)
{
	unsigned int used[SITE_DEVICES_MAX] = {0};
	char who[WHO_LEN];

	for (size_t v = 0; v < d->site->n_vnfs; v++) {
		struct site_vnf *vnf = &d->site->vnfs[v];

		for (size_t k = 0; k < vnf->n_interfaces; k++) {
			struct site_interface *i = &vnf->interfaces[k];
			struct node *n = interface_node(d, v, k);
			const struct site_device *dev;

			who_interface(vnf, i, who);
			if (i->kind != IF_SRIOV || !resolve(d, i, n, who))
				continue;
			dev = &d->site->host.devices[i->device];
			if (++used[i->device] > dev->vfs &&
			    node_sound(device_node(d, i->device), "sriov.vfs"))
				check_fail(d, n, "sriov.device", who,
					   "it is interface number %u on device %s, which has %u "
					   "virtual function%s; raise sriov.vfs at %s:%u:%u",
					   used[i->device], dev->name, dev->vfs,
					   dev->vfs == 1 ? "" : "s", dev->where.file,
					   dev->where.line, dev->where.column);
		}
	}
}
