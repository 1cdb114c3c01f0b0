/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which physical function each declared device is, and which of its virtual functions each interface
 * gets: in order of declaration, so that a site that only grows at its end keeps its numbers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/plan_priv.h"

#define LISTED_MAX 8

static const char *
mac_text(const uint8_t mac[6], char buf[18])
{
	snprintf(buf, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return buf;
}

/* "0000:01:00.0 (52:54:00:12:34:56, eth0), ..." */
static void
list_pfs(const struct topo *t, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < t->n_pfs && used < size; i++) {
		const struct topo_pf *pf = &t->pf[i];
		char addr[PCI_ADDR_LEN], mac[18];

		if (i == LISTED_MAX) {
			snprintf(buf + used, size - used, " and %zu more", t->n_pfs - i);
			return;
		}
		used += (size_t)snprintf(buf + used, size - used, "%s%s (%s%s%s)", i ? ", " : "",
					 pci_addr_format(&pf->pci, addr),
					 pf->netdev[0] ? mac_text(pf->mac, mac)
						       : "no network driver",
					 pf->netdev[0] ? ", " : "", pf->netdev);
	}
}

static int
refuse_missing(struct planner *p, const struct site_device *d)
{
	char name[PCI_ADDR_LEN], have[600];

	list_pfs(p->topo, have, sizeof(have));
	if (d->kind == DEVICE_MAC)
		mac_text(d->mac, name);
	else
		pci_addr_format(&d->pci, name);
	return err_set(
		p->e, EINVAL,
		"host %s, device %s: no physical function with SR-IOV has the %s %s; this "
		"host has %s%s",
		p->site->host.name, d->name, d->kind == DEVICE_MAC ? "MAC" : "PCI address", name,
		have[0] ? have : "none",
		have[0] ? ""
			: ": enable SR-IOV in the firmware's setup, or look whether the card "
			  "has it");
}

static const struct topo_pf *
find_pf(const struct topo *t, const struct site_device *d)
{
	for (size_t i = 0; i < t->n_pfs; i++) {
		const struct topo_pf *pf = &t->pf[i];

		if (d->kind == DEVICE_MAC
			    ? pf->netdev[0] && memcmp(pf->mac, d->mac, sizeof(d->mac)) == 0
			    : pci_addr_equal(&pf->pci, &d->pci))
			return pf;
	}
	return NULL;
}

/* Two devices by different names of one function. */
static const struct site_device *
twin_of(const struct plan *plan, const struct pci_addr *pci)
{
	for (size_t i = 0; i < plan->n_pfs; i++)
		if (plan->pf[i].known && pci_addr_equal(&plan->pf[i].pci, pci))
			return plan->pf[i].device;
	return NULL;
}

static int
resolve_device(struct planner *p, const struct site_device *d)
{
	struct plan *plan = p->plan;
	struct plan_pf *ret = &plan->pf[plan->n_pfs];
	const struct site_device *twin;
	const struct topo_pf *pf;

	*ret = (struct plan_pf){.device = d, .pci = d->pci, .node = NO_NODE, .vfs = d->vfs};
	memcpy(ret->mac, d->mac, sizeof(ret->mac));
	if (!p->topo->pfs_known || d->kind >= DEVICE_TAP) {
		plan->n_pfs++;
		return 0;
	}
	pf = find_pf(p->topo, d);
	if (!pf && d->driver == DRIVER_DPDK && d->kind == DEVICE_PCI) {
		plan->n_pfs++; /* one without SR-IOV does as well; its driver will tell */
		return 0;
	}
	if (!pf && d->driver == DRIVER_DPDK)
		return err_set(
			p->e, EINVAL,
			"host %s, device %s: no function has this MAC; one that the switch's "
			"driver has shows none: declare it by pci",
			p->site->host.name, d->name);
	if (!pf)
		return refuse_missing(p, d);
	twin = twin_of(plan, &pf->pci);
	if (twin)
		return err_set(p->e, EINVAL,
			       "host %s: devices %s and %s are the same physical function (%s); "
			       "leave one of them out",
			       p->site->host.name, twin->name, d->name, pf->netdev);
	if (d->vfs > pf->vfs_max)
		return err_set(p->e, EINVAL,
			       "host %s, device %s: sriov.vfs is %u, but %s can have at most %u "
			       "virtual functions; lower it",
			       p->site->host.name, d->name, d->vfs,
			       pf->netdev[0] ? pf->netdev : "it", pf->vfs_max);
	if (d->vfs && !pf->netdev[0])
		return err_set(p->e, EINVAL,
			       "host %s, device %s: %s; virtual functions need the physical "
			       "function's own network driver: load or bind it",
			       p->site->host.name, d->name,
			       pf->driver[0] ? "it is bound to another driver than its network one"
					     : "no driver has it");
	ret->known = true;
	ret->pci = pf->pci;
	memcpy(ret->netdev, pf->netdev, sizeof(ret->netdev));
	memcpy(ret->driver, pf->driver, sizeof(ret->driver));
	memcpy(ret->mac, pf->mac, sizeof(ret->mac));
	ret->node = pf->node;
	plan->n_pfs++;
	return 0;
}

static int
give_function(struct planner *p, size_t v, size_t i)
{
	const struct site_vnf *vnf = &p->site->vnfs[v];
	const struct site_interface *own = &vnf->interfaces[i];
	struct plan *plan = p->plan;
	struct plan_vf *vf = &plan->vf[plan->n_vfs];
	struct plan_pf *pf;

	if (own->device >= plan->n_pfs)
		return err_set(p->e, EINVAL, "vnf %s, interface %s: its device is not declared",
			       vnf->name, own->name);
	pf = &plan->pf[own->device];
	if (pf->used >= pf->vfs)
		return err_set(p->e, EINVAL,
			       "vnf %s, interface %s: device %s has %u virtual functions, and all "
			       "of them are given to interfaces declared before; raise its "
			       "sriov.vfs",
			       vnf->name, own->name, pf->device->name, pf->vfs);
	*vf = (struct plan_vf){
		.vnf = v, .interface = i, .pf = own->device, .number = pf->used++, .cfg = own->vf};
	plan->n_vfs++;
	return 0;
}

static bool
is_function(const struct site_vnf *vnf, size_t i)
{
	return vnf->interfaces[i].kind == IF_SRIOV;
}

int
plan_functions(struct planner *p)
{
	const struct site *s = p->site;
	size_t n = 0;
	int r = 0;

	for (size_t v = 0; v < s->n_vnfs; v++)
		for (size_t i = 0; i < s->vnfs[v].n_interfaces; i++)
			n += is_function(&s->vnfs[v], i);
	p->plan->pf = calloc(s->host.n_devices + 1, sizeof(*p->plan->pf));
	p->plan->vf = calloc(n + 1, sizeof(*p->plan->vf));
	if (!p->plan->pf || !p->plan->vf)
		return err_set(p->e, ENOMEM, "plan: out of memory");
	for (size_t i = 0; i < s->host.n_devices && r == 0; i++)
		r = resolve_device(p, &s->host.devices[i]);
	for (size_t v = 0; v < s->n_vnfs && r == 0; v++)
		for (size_t i = 0; i < s->vnfs[v].n_interfaces && r == 0; i++)
			if (is_function(&s->vnfs[v], i))
				r = give_function(p, v, i);
	return r;
}
