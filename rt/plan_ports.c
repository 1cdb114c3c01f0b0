/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch's ports, from what interfaces, networks and devices say: whole but for sockets.
 */
#include <stdio.h>
#include <string.h>

#include "rt/plan_priv.h"

/* IPv4: outer Ethernet, IP, UDP and VXLAN headers (RFC 7348, 5); IPv6's header has 20 bytes more. */
#define VXLAN_OVERHEAD_4 50
#define VXLAN_OVERHEAD_6 70

static void
set_segment(const struct site *site, const struct site_network *net, struct port_cfg *ret)
{
	ret->segment[0] = '\0';
	if (net->has_uplink)
		snprintf(ret->segment, sizeof(ret->segment), "%s",
			 site->host.devices[net->uplink].name);
}

static void
fill_port(const struct site *site, const struct site_vnf *vnf, const struct site_interface *i,
	  struct port_cfg *ret)
{
	const struct site_network *net = &site->networks[i->network];

	*ret = i->port.cfg;
	snprintf(ret->name, sizeof(ret->name), "%s/%s", vnf->name, i->name);
	snprintf(ret->network, sizeof(ret->network), "%s", net->name);
	set_segment(site, net, ret);
	memcpy(ret->mac, i->mac, sizeof(ret->mac));
	ret->kind = PORT_VHOST;
	ret->vlan = ret->vlan_mode == PORT_TRUNK ? VLAN_NONE : i->vlan;
	ret->queues = i->queues;
	ret->mtu = i->mtu;
	ret->mac_age_s = (uint32_t)(net->mac_age_ns / 1000000000u);
	ret->snoop = net->snooping;
}

size_t
plan_count_ports(const struct site *site)
{
	size_t n = site->host.n_devices;

	for (size_t v = 0; v < site->n_vnfs; v++)
		for (size_t i = 0; i < site->vnfs[v].n_interfaces; i++)
			n += site->vnfs[v].interfaces[i].kind == IF_SWITCH;
	return n;
}

void
plan_fill_ports(struct plan *plan)
{
	for (size_t v = 0; v < plan->n_vnfs; v++) {
		const struct site_vnf *vnf = plan->vnf[v].vnf;

		for (size_t i = 0; i < vnf->n_interfaces; i++) {
			struct plan_port *port = &plan->port[plan->n_ports];

			if (vnf->interfaces[i].kind != IF_SWITCH)
				continue;
			port->vnf = v;
			port->interface = i;
			port->rule = vnf->interfaces[i].port.rule;
			port->n_rules = vnf->interfaces[i].port.n_rules;
			fill_port(plan->site, vnf, &vnf->interfaces[i], &port->cfg);
			plan->n_ports++;
		}
	}
	plan->has_switch = plan->n_ports > 0;
}

const char *
plan_device_kind(const struct site_device *d)
{
	static const char *const kind[] = {
		[DEVICE_PCI] = "physical function",
		[DEVICE_MAC] = "physical function",
		[DEVICE_TAP] = "tap",
		[DEVICE_AF_PACKET] = "af_packet",
		[DEVICE_AF_XDP] = "af_xdp",
		[DEVICE_KERNEL] = "kernel",
		[DEVICE_BOND] = "bond",
		[DEVICE_VXLAN] = "vxlan",
	};

	return kind[d->kind];
}

/*
 * DPDK's arguments for device @i. The name behind the driver's is the declared one, so that it stays
 * when others come and go. A function that nobody has looked at has its address only when declared so.
 * @ret: PORT_DEVICE_LEN bytes.
 */
static void
device_args(const struct plan *plan, size_t i, char *ret)
{
	const struct site_device *d = &plan->site->host.devices[i];
	char pci[PCI_ADDR_LEN];

	ret[0] = '\0';
	switch (d->kind) {
	case DEVICE_PCI:
	case DEVICE_MAC:
		if (plan->pf[i].known || d->kind == DEVICE_PCI)
			snprintf(ret, PORT_DEVICE_LEN, "%s",
				 pci_addr_format(&plan->pf[i].pci, pci));
		break;
	case DEVICE_TAP:
		snprintf(ret, PORT_DEVICE_LEN, "net_tap_%s,iface=%s", d->name, d->ifname);
		break;
	case DEVICE_AF_PACKET:
		snprintf(ret, PORT_DEVICE_LEN, "net_af_packet_%s,iface=%s", d->name, d->ifname);
		break;
	case DEVICE_AF_XDP:
		snprintf(ret, PORT_DEVICE_LEN, "net_af_xdp_%s,iface=%s", d->name, d->ifname);
		break;
	case DEVICE_KERNEL:
		snprintf(ret, PORT_DEVICE_LEN,
			 "net_virtio_user_%s,path=/dev/vhost-net,iface=%s,queues=1,queue_size=1024",
			 d->name, d->ifname);
		break;
	case DEVICE_BOND:
	case DEVICE_VXLAN:
		break;
	}
}

static size_t
find_device(const struct site_host *h, const char *name)
{
	size_t i = 0;

	while (i < h->n_devices && strcmp(h->devices[i].name, name) != 0)
		i++;
	return i;
}

static void
fill_bond(const struct plan *plan, const struct site_device *d, struct port_cfg *ret)
{
	const struct site_host *h = &plan->site->host;
	size_t n = 0;

	ret->kind = PORT_BOND;
	ret->bond_mode = (uint8_t)d->bond_mode;
	for (size_t k = 0; k < d->n_members && n < PORT_MEMBERS_MAX; k++) {
		size_t m = find_device(h, d->member[k]);

		if (m < h->n_devices)
			device_args(plan, m, ret->device[n++]);
	}
}

static void
add_vlan(struct port_cfg *c, uint16_t vlan)
{
	if (vlan != VLAN_NONE)
		c->trunk[vlan / 64] |= UINT64_C(1) << (vlan % 64);
}

/* What the ports of the uplink's networks carry is carried out of the host too. */
static void
add_port_vlans(const struct plan *plan, struct port_cfg *c)
{
	for (size_t i = 0; i < plan->n_ports; i++) {
		const struct port_cfg *p = &plan->port[i].cfg;

		if (plan->port[i].vnf == PLAN_UPLINK || strcmp(p->segment, c->name) != 0)
			continue;
		for (size_t w = 0; p->vlan_mode == PORT_TRUNK && w < VLAN_WORDS; w++)
			c->trunk[w] |= p->trunk[w];
		add_vlan(c, p->vlan_mode == PORT_TRUNK ? p->native_vlan : p->vlan);
	}
}

/* What the networks of device @dev ask of its port. */
static void
add_networks(const struct plan *plan, size_t dev, struct port_cfg *c)
{
	const struct site *s = plan->site;
	bool tagged = false;

	c->mtu = 0;
	for (size_t i = 0; i < s->n_networks; i++) {
		const struct site_network *n = &s->networks[i];

		if (!n->has_uplink || n->uplink != dev)
			continue;
		add_vlan(c, n->vlan);
		tagged |= n->vlan != VLAN_NONE;
		if (n->native)
			c->native_vlan = n->vlan;
		c->mtu = MAX_OF(c->mtu, n->mtu);
		c->mac_age_s = MAX_OF(c->mac_age_s, (uint32_t)(n->mac_age_ns / 1000000000u));
		c->snoop |= n->snooping;
	}
	if (tagged) {
		c->vlan_mode = PORT_TRUNK;
		add_port_vlans(plan, c);
	}
	if (!c->mtu)
		c->mtu = 1500;
	if (!c->mac_age_s)
		c->mac_age_s = 300;
}

static void
fill_uplink(struct plan *plan, size_t dev)
{
	const struct site_device *d = &plan->site->host.devices[dev];
	struct plan_port *port = &plan->port[plan->n_ports++];
	struct port_cfg *c = &port->cfg;

	*port = (struct plan_port){.vnf = PLAN_UPLINK, .interface = dev};
	snprintf(c->name, sizeof(c->name), "%s", d->name);
	/* Its own, whichever networks come and go. */
	snprintf(c->network, sizeof(c->network), "%s", d->name);
	snprintf(c->segment, sizeof(c->segment), "%s", d->name);
	c->queues = 1;
	c->any_mac = c->any_ip = 1;
	c->lldp = d->lldp;
	c->kind = PORT_ETHDEV;
	if (d->kind == DEVICE_BOND) {
		fill_bond(plan, d, c);
	} else if (d->kind == DEVICE_VXLAN) {
		c->kind = PORT_VXLAN;
		c->vxlan = d->vxlan;
	} else {
		device_args(plan, dev, c->device[0]);
	}
	add_networks(plan, dev, c);
}

/* A tunnel's packets are larger than those that it carries. */
static void
raise_mtu(struct plan *plan, const struct port_cfg *tunnel)
{
	unsigned int more = tunnel->vxlan.local.family == 6 ? VXLAN_OVERHEAD_6 : VXLAN_OVERHEAD_4;

	for (size_t i = 0; i < plan->n_ports; i++) {
		struct port_cfg *c = &plan->port[i].cfg;

		if (plan->port[i].vnf == PLAN_UPLINK && strcmp(c->name, tunnel->vxlan.over) == 0)
			c->mtu = (uint16_t)MIN_OF(MAX_OF(c->mtu + 0u, tunnel->mtu + more),
						  MTU_MAX + 0u);
	}
}

static bool
is_member(const struct site_host *h, const struct site_device *d)
{
	for (size_t i = 0; i < h->n_devices; i++)
		for (size_t k = 0; h->devices[i].kind == DEVICE_BOND && k < h->devices[i].n_members;
		     k++)
			if (strcmp(h->devices[i].member[k], d->name) == 0)
				return true;
	return false;
}

void
plan_fill_uplinks(struct plan *plan)
{
	const struct site_host *h = &plan->site->host;

	/* Tunnels last: they need the port that they go over. */
	for (int tunnels = 0; plan->has_switch && tunnels < 2; tunnels++)
		for (size_t i = 0; i < h->n_devices; i++)
			if (h->devices[i].used && !is_member(h, &h->devices[i]) &&
			    (h->devices[i].kind == DEVICE_VXLAN) == tunnels)
				fill_uplink(plan, i);
	for (size_t i = 0; i < plan->n_ports; i++)
		if (plan->port[i].cfg.kind == PORT_VXLAN)
			raise_mtu(plan, &plan->port[i].cfg);
}

static int
node_of_port(const struct topo *topo, const struct plan *plan, const struct plan_port *port)
{
	const struct topo_cpu *c;

	if (port->vnf == PLAN_UPLINK)
		return topo_node_index(topo, plan->pf[port->interface].node);
	c = topo_find_cpu(topo, plan->vnf[port->vnf].cpu[0]);
	return c ? c->node : NO_NODE;
}

/* The lane with the fewest queues, of those on the port's node if there is one. */
void
plan_share_ports(const struct topo *topo, struct plan *plan)
{
	unsigned int load[SITE_LANES_MAX] = {0};

	for (size_t i = 0; i < plan->n_ports; i++) {
		struct plan_port *port = &plan->port[i];
		int node = node_of_port(topo, plan, port), best = -1;
		bool best_near = false;

		for (unsigned int l = 0; l < plan->n_lanes; l++) {
			const struct topo_cpu *c = topo_find_cpu(topo, plan->lane_cpu[l]);
			bool near = c && c->node == node;

			if (best < 0 || (near && !best_near) ||
			    (near == best_near && load[l] < load[best])) {
				best = (int)l;
				best_near = near;
			}
		}
		if (best < 0)
			continue;
		port->lane = (unsigned int)best;
		load[best] += port->cfg.queues;
	}
}
