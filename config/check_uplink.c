/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are the switch's: what they are made of, and which networks leave the host by them. */
#include <string.h>

#include "config/draft.h"
#include "config/near.h"
#include "config/text.h"

/* DPDK's names of devices have 63 bytes, of which the driver's takes up to 16. */
#define UPLINK_NAME_MAX 40

static bool
is_pci(const struct site_device *dev)
{
	return dev->kind == DEVICE_PCI || dev->kind == DEVICE_MAC;
}

/* What a physical function says that makes no sense of another device. */
static void
check_kind(struct draft *d, size_t i)
{
	const struct site_device *dev = &d->site->host.devices[i];
	struct node *n = device_node(d, i);
	char who[WHO_LEN];

	who_device(&d->site->host, i, who);
	if (!is_pci(dev) && dev->vfs)
		check_fail(d, n, "sriov.vfs", who,
			   "only a physical function (mac, pci) has virtual ones; leave sriov out");
	if (!is_pci(dev) && dev->driver != DRIVER_KERNEL)
		check_fail(d, n, "driver", who,
			   "only a physical function (mac, pci) has a driver; leave it out");
	if (is_pci(dev) && dev->driver == DRIVER_DPDK && dev->vfs)
		check_fail(d, n, "driver", who,
			   "a function that is the switch's has no virtual ones: sriov.vfs needs "
			   "its own driver; leave one of them out");
	if (strlen(dev->name) > UPLINK_NAME_MAX && (!is_pci(dev) || dev->driver == DRIVER_DPDK))
		check_fail(d, n, "name", who, "the name of an uplink has at most %d characters",
			   UPLINK_NAME_MAX);
}

/* Finds what device @i names under @path; complains when there is nothing that can be used so. */
static bool
use_device(struct draft *d, size_t i, const char *path, const char *name, size_t *ret)
{
	struct site_host *h = &d->site->host;
	char who[WHO_LEN], quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};
	const struct site_device *dev;

	who_device(h, i, who);
	if (!device_find(h, name, ret)) {
		for (size_t k = 0; k < h->n_devices; k++)
			near_try(&near, h->devices[k].name);
		check_fail(d, device_node(d, i), path, who, "device %s does not exist%s",
			   text_quote(name, quoted), near_hint(&near, hint));
		return false;
	}
	dev = &h->devices[*ret];
	if (is_pci(dev) && dev->driver != DRIVER_DPDK) {
		check_fail(d, device_node(d, i), path, who,
			   "device %s is the host's; give it to the switch with driver: dpdk",
			   name);
		return false;
	}
	return true;
}

static bool
is_empty(const struct node *n, const char *path)
{
	const struct node *list = node_find(n, path);

	return list && !list->bad && list->n == 0;
}

static void
check_bond(struct draft *d, size_t i)
{
	struct site_host *h = &d->site->host;
	struct site_device *bond = &h->devices[i];
	char who[WHO_LEN];
	size_t m;

	who_device(h, i, who);
	if (is_empty(device_node(d, i), "bond.members"))
		check_fail(d, device_node(d, i), "bond.members", who, "a bond needs members");
	for (size_t k = 0; k < bond->n_members; k++) {
		if (!use_device(d, i, "bond.members", bond->member[k], &m))
			continue;
		if (h->devices[m].kind >= DEVICE_BOND)
			check_fail(d, device_node(d, i), "bond.members", who,
				   "device %s is a bond or a tunnel itself; members are devices",
				   bond->member[k]);
		else if (h->devices[m].used)
			check_fail(d, device_node(d, i), "bond.members", who,
				   "device %s is a member of another bond; leave it out of one",
				   bond->member[k]);
		h->devices[m].used = true;
	}
}

static bool
is_member(const struct site_host *h, size_t dev)
{
	for (size_t i = 0; i < h->n_devices; i++)
		for (size_t k = 0; h->devices[i].kind == DEVICE_BOND && k < h->devices[i].n_members;
		     k++)
			if (strcmp(h->devices[i].member[k], h->devices[dev].name) == 0)
				return true;
	return false;
}

static void
check_vxlan(struct draft *d, size_t i)
{
	struct site_host *h = &d->site->host;
	struct site_device *dev = &h->devices[i];
	const struct port_vxlan *x = &dev->vxlan;
	struct node *n = device_node(d, i);
	char who[WHO_LEN];
	size_t over;

	who_device(h, i, who);
	if (is_empty(n, "vxlan.peers"))
		check_fail(d, n, "vxlan.peers", who, "a tunnel needs the addresses of its peers");
	for (size_t k = 0; k < PORT_PEERS_MAX && x->peer[k].family; k++)
		if (x->local.family && x->peer[k].family != x->local.family) {
			check_fail(d, n, "vxlan.peers", who,
				   "peers and local are not both IPv4, nor both IPv6");
			break;
		}
	if (x->gateway.family && x->local.family && x->gateway.family != x->local.family)
		check_fail(d, n, "vxlan.gateway", who,
			   "gateway and local are not both IPv4, nor both IPv6");
	if (!x->over[0] || !use_device(d, i, "vxlan.over", x->over, &over))
		return;
	if (h->devices[over].kind == DEVICE_VXLAN)
		check_fail(d, n, "vxlan.over", who, "device %s is a tunnel itself", x->over);
	else if (is_member(h, over))
		check_fail(d, n, "vxlan.over", who, "device %s is a member of a bond; name that",
			   x->over);
	dev->over = over;
	h->devices[over].used = true;
}

static void
no_such_uplink(struct draft *d, size_t net, const char *name)
{
	const struct site_host *h = &d->site->host;
	char who[WHO_LEN], quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};

	for (size_t i = 0; i < h->n_devices; i++)
		near_try(&near, h->devices[i].name);
	snprintf(who, sizeof(who), "network %s", d->site->networks[net].name);
	check_fail(d, d->network_doc[net], "spec.uplink", who,
		   "uplink %s is not among the devices of %s%s", text_quote(name, quoted),
		   d->host_doc ? "the Host document" : "a Host document: there is none",
		   near_hint(&near, hint));
}

static void
resolve(struct draft *d, size_t net)
{
	struct site_network *own = &d->site->networks[net];
	struct site_host *h = &d->site->host;
	const char *name = node_text(node_find(d->network_doc[net], "spec.uplink"));
	const struct site_device *dev;
	char who[WHO_LEN];

	if (!own->has_uplink || !name || !node_sound(d->network_doc[net], "spec.uplink")) {
		own->has_uplink = false;
		return;
	}
	if (!device_find(h, name, &own->uplink)) {
		own->has_uplink = false;
		if (!d->problems.cut_short &&
		    (!d->host_doc || node_sound(d->host_doc, "spec.devices")))
			no_such_uplink(d, net, name);
		return;
	}
	dev = &h->devices[own->uplink];
	snprintf(who, sizeof(who), "network %s", own->name);
	if (is_pci(dev) && dev->driver != DRIVER_DPDK)
		check_fail(d, d->network_doc[net], "spec.uplink", who,
			   "device %s is the host's; give it to the switch with driver: dpdk at "
			   "%s:%u:%u",
			   dev->name, dev->where.file, dev->where.line, dev->where.column);
	else if (is_member(h, own->uplink))
		check_fail(d, d->network_doc[net], "spec.uplink", who,
			   "device %s is a member of a bond; name the bond", dev->name);
	h->devices[own->uplink].used = true;
}

/* What two networks of one uplink must not have in common. Whether there is nothing. */
static bool
check_pair(struct draft *d, size_t net, size_t other)
{
	const struct site_network *a = &d->site->networks[net], *b = &d->site->networks[other];
	const char *uplink = d->site->host.devices[a->uplink].name;
	struct node *doc = d->network_doc[net];
	char who[WHO_LEN];

	snprintf(who, sizeof(who), "network %s", a->name);
	if (a->vlan == b->vlan && a->vlan != VLAN_NONE && node_sound(doc, "spec.vlan"))
		check_fail(
			d, doc, "spec.vlan", who,
			"vlan %u on uplink %s is already network %s's at %s:%u:%u; choose another, "
			"or make one network of them",
			a->vlan, uplink, b->name, b->where.file, b->where.line, b->where.column);
	else if ((a->vlan == VLAN_NONE || b->vlan == VLAN_NONE) && node_sound(doc, "spec.vlan"))
		check_fail(d, doc, "spec.uplink", who,
			   "it shares uplink %s with network %s, and %s has no vlan to tell them "
			   "apart; give it one (with native: true its frames stay untagged there)",
			   uplink, b->name, a->vlan == VLAN_NONE ? a->name : b->name);
	else if (a->native && b->native)
		check_fail(d, doc, "spec.native", who,
			   "network %s is untagged on uplink %s already; only one can be", b->name,
			   uplink);
	else
		return true;
	return false;
}

static void
check_network(struct draft *d, size_t i)
{
	const struct site_network *n = d->site->networks;
	char who[WHO_LEN];

	snprintf(who, sizeof(who), "network %s", n[i].name);
	if (n[i].native && (!n[i].has_uplink || n[i].vlan == VLAN_NONE) &&
	    node_sound(d->network_doc[i], "spec.uplink") &&
	    node_sound(d->network_doc[i], "spec.vlan"))
		check_fail(d, d->network_doc[i], "spec.native", who,
			   "native says that a VLAN is untagged on the uplink; it needs vlan and "
			   "uplink");
	for (size_t k = 0; k < i && n[i].has_uplink; k++) {
		if (n[k].has_uplink && n[k].uplink == n[i].uplink && !check_pair(d, i, k))
			break;
	}
}

static void
check_switch(struct draft *d)
{
	const struct site_switch *s = &d->site->host.sw;
	unsigned int n = cpuset_count(&s->cpus);
	char who[WHO_LEN];

	snprintf(who, sizeof(who), "host %s", d->site->host.name);
	if (!s->cpus_auto && d->host_doc && n != s->threads &&
	    node_sound(d->host_doc, "spec.switch.cpus") &&
	    node_sound(d->host_doc, "spec.switch.threads"))
		check_fail(
			d, d->host_doc, "spec.switch.cpus", who,
			"switch.cpus has %u CPUs, but there are %u threads; a thread has one CPU",
			n, s->threads);
}

void
check_uplinks(struct draft *d)
{
	struct site_host *h = &d->site->host;

	check_switch(d);
	for (size_t i = 0; i < h->n_devices; i++)
		check_kind(d, i);
	for (size_t i = 0; i < h->n_devices; i++)
		if (h->devices[i].kind == DEVICE_BOND)
			check_bond(d, i);
	for (size_t i = 0; i < h->n_devices; i++)
		if (h->devices[i].kind == DEVICE_VXLAN)
			check_vxlan(d, i);
	for (size_t i = 0; i < d->site->n_networks; i++)
		resolve(d, i);
	for (size_t i = 0; i < d->site->n_networks; i++)
		check_network(d, i);
}
