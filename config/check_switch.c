/* SPDX-License-Identifier: Apache-2.0 */
/* What the ports of the switch say: against themselves, their networks and each other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/draft.h"
#include "config/text.h"

#define BURST_MIN 131072 /* two segments of TSO, so that a rate is reached at all */

static bool
has_vlans(const uint64_t *map)
{
	for (size_t i = 0; i < VLAN_WORDS; i++)
		if (map[i])
			return true;
	return false;
}

/* Which of the three modes, and whether what belongs to another one is declared. */
static void
check_mode(struct draft *d, struct site_interface *i, struct node *n, const char *who)
{
	struct port_cfg *c = &i->port.cfg;
	bool trunk = has_vlans(c->trunk);

	c->vlan_mode = trunk ? PORT_TRUNK : i->port.qinq ? PORT_QINQ : PORT_ACCESS;
	if (trunk && i->port.qinq)
		check_fail(d, n, "switch.qinq", who,
			   "a port is a trunk or carries all in a service tag (qinq); leave one of "
			   "them out");
	else if (trunk && i->vlan != VLAN_NONE && node_find(n, "switch.vlan"))
		check_fail(d, n, "switch.vlan", who,
			   "vlan is for untagged frames of an access port; a trunk says native");
	if (!trunk && c->native_vlan && node_sound(n, "switch.trunk"))
		check_fail(d, n, "switch.native", who,
			   "native is for a trunk; say trunk too, or vlan for an access port");
	i->port.has_trunk = trunk;
	if (i->port.qinq && !trunk && i->vlan == VLAN_NONE)
		check_fail(
			d, n, "switch.qinq", who,
			"qinq needs the VLAN of its service tag; say vlan here or in the Network");
	if (trunk)
		i->vlan = VLAN_NONE;
}

static uint64_t
burst_of(uint64_t rate, uint64_t burst)
{
	if (!rate || burst)
		return burst;
	return MAX_OF(rate / 50, (uint64_t)BURST_MIN); /* 20 ms */
}

static struct port_policer
policer_of(const struct site_port *p, uint64_t rate)
{
	if (!rate)
		return (struct port_policer){0};
	return (struct port_policer){.rate = rate,
				     .peak = p->peak,
				     .burst = burst_of(rate, p->burst),
				     .excess = p->peak && !p->excess ? burst_of(p->peak, p->burst)
								     : p->excess};
}

static void
check_rates(struct draft *d, struct site_interface *i, struct node *n, const char *who)
{
	struct site_port *p = &i->port;

	if ((p->peak || p->burst || p->excess) && !p->ingress && !p->egress)
		check_fail(
			d, n, "switch.limit", who,
			"limit says how large bursts may be, but no rate; say ingress or egress");
	if (p->peak && p->peak < MAX_OF(p->ingress, p->egress))
		check_fail(d, n, "switch.limit.peak", who,
			   "peak is the higher of two rates; it is below ingress or egress");
	if ((p->cfg.strict || p->shape_burst) && !p->shape)
		check_fail(d, n, "switch.shape", who, "shape needs a rate; say egress");
	p->cfg.police_in = policer_of(p, p->ingress);
	p->cfg.police_out = policer_of(p, p->egress);
	if (p->shape)
		p->cfg.shape_out =
			(struct port_policer){.rate = p->shape,
					      .burst = burst_of(p->shape, p->shape_burst)};
}

/* "vnf/interface" of the switch. */
static const struct site_interface *
find_port(const struct site *s, const char *name)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	for (size_t v = 0; slash && v < s->n_vnfs; v++) {
		const struct site_vnf *vnf = &s->vnfs[v];

		if (strncmp(vnf->name, name, len) != 0 || vnf->name[len])
			continue;
		for (size_t i = 0; i < vnf->n_interfaces; i++)
			if (vnf->interfaces[i].kind == IF_SWITCH &&
			    strcmp(vnf->interfaces[i].name, slash + 1) == 0)
				return &vnf->interfaces[i];
	}
	return NULL;
}

static void
check_mirror(struct draft *d, struct site_interface *i, struct node *n, const char *who)
{
	struct port_cfg *c = &i->port.cfg;
	const struct site_interface *to;
	char quoted[QUOTED_LEN];
	size_t dev;

	if (!c->mirror_to[0]) {
		if (node_find(n, "switch.mirror") && node_sound(n, "switch.mirror") &&
		    i->port.mirror != MIRROR_BOTH)
			check_fail(d, n, "switch.mirror", who,
				   "mirror says which frames are copied; say where to: mirrorTo");
		return;
	}
	c->mirror_in = (i->port.mirror & MIRROR_IN) != 0;
	c->mirror_out = (i->port.mirror & MIRROR_OUT) != 0;
	if (d->problems.n >= PROBLEMS_KEPT || d->problems.cut_short)
		return;
	to = find_port(d->site, c->mirror_to);
	if (to == i)
		check_fail(d, n, "switch.mirrorTo", who,
			   "a port cannot be copied to itself; name another one");
	else if (!to && !(device_find(&d->site->host, c->mirror_to, &dev) &&
			  d->site->host.devices[dev].used))
		check_fail(d, n, "switch.mirrorTo", who,
			   "%s is no interface of the switch (VNF/INTERFACE) and no uplink",
			   text_quote(c->mirror_to, quoted));
}

static void
check_port(struct draft *d, size_t v, size_t k)
{
	struct site_vnf *vnf = &d->site->vnfs[v];
	struct site_interface *i = &vnf->interfaces[k];
	struct node *n = interface_node(d, v, k);
	struct port_cfg *c = &i->port.cfg;
	char who[WHO_LEN];

	who_interface(vnf, i, who);
	check_mode(d, i, n, who);
	check_rates(d, i, n, who);
	check_mirror(d, i, n, who);
	check_rules(d, v, k);
	c->any_mac = i->port.spoof == SPOOF_ALLOW;
	c->any_ip = i->port.spoof != SPOOF_CHECK;
	c->mirror_also = !i->port.mirror_only;
	c->isolated = i->port.isolate == ISOLATE_YES;
	if (i->port.isolate == ISOLATE_NETWORK && i->network < d->site->n_networks)
		c->isolated = d->site->networks[i->network].isolate;
}

void
check_ports(struct draft *d)
{
	for (size_t v = 0; v < d->site->n_vnfs; v++)
		for (size_t i = 0; i < d->site->vnfs[v].n_interfaces; i++)
			if (d->site->vnfs[v].interfaces[i].kind == IF_SWITCH)
				check_port(d, v, i);
}

struct known_mac {
	const uint8_t *mac;
	size_t network, vnf, interface;
	bool fixed; /* of staticMacs, else the interface's own */
};

static int
by_mac(const void *a, const void *b)
{
	const struct known_mac *x = a, *y = b;
	int r = memcmp(x->mac, y->mac, 6);

	if (x->network != y->network)
		return x->network < y->network ? -1 : 1;
	if (r)
		return r;
	if (x->fixed != y->fixed)
		return x->fixed ? 1 : -1;
	return x->vnf != y->vnf ? (x->vnf < y->vnf ? -1 : 1)
				: (int)x->interface - (int)y->interface;
}

/* The addresses of one interface; returns how many. @ret may be NULL. */
static size_t
list_macs(const struct site *s, size_t v, size_t i, struct known_mac *ret)
{
	static const uint8_t none[6];
	const struct site_interface *own = &s->vnfs[v].interfaces[i];
	size_t n = 0;

	if (own->kind != IF_SWITCH)
		return 0;
	if (ret)
		ret[n] = (struct known_mac){own->mac, own->network, v, i, false};
	n++;
	for (size_t m = 0; m < PORT_MACS_MAX; m++) {
		const uint8_t *mac = own->port.cfg.static_mac[m];

		if (memcmp(mac, none, sizeof(none)) == 0)
			break;
		if (ret)
			ret[n] = (struct known_mac){mac, own->network, v, i, true};
		n++;
	}
	return n;
}

static size_t
list_all_macs(const struct site *s, struct known_mac *ret)
{
	size_t n = 0;

	for (size_t v = 0; v < s->n_vnfs; v++)
		for (size_t i = 0; i < s->vnfs[v].n_interfaces; i++)
			n += list_macs(s, v, i, ret ? ret + n : NULL);
	return n;
}

int
check_static_macs(struct draft *d)
{
	size_t n = list_all_macs(d->site, NULL);
	struct known_mac *m = calloc(n + 1, sizeof(*m));
	char who[WHO_LEN], other[WHO_LEN];

	if (!m)
		return -ENOMEM;
	list_all_macs(d->site, m);
	qsort(m, n, sizeof(*m), by_mac);
	for (size_t i = 1; i < n; i++) {
		const struct site_vnf *a = &d->site->vnfs[m[i].vnf], *b;

		if (!m[i].fixed || m[i].network != m[i - 1].network ||
		    memcmp(m[i].mac, m[i - 1].mac, 6) != 0)
			continue;
		b = &d->site->vnfs[m[i - 1].vnf];
		check_fail(d, interface_node(d, m[i].vnf, m[i].interface), "switch.staticMacs",
			   who_interface(a, &a->interfaces[m[i].interface], who),
			   "an address of staticMacs already belongs to %s, in the same network",
			   who_interface(b, &b->interfaces[m[i - 1].interface], other));
	}
	free(m);
	return 0;
}
