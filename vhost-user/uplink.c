/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/uplink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vhost-user/bond.h"
#include "vhost-user/eth_dev.h"
#include "vhost-user/rcu.h"
#include "vhost-user/uplink_priv.h"

#define TICK_MS 1000

static int
check_devices(const struct port_cfg *cfg, struct err *e)
{
	int n = 0;

	for (int i = 0; i < PORT_MEMBERS_MAX && cfg->device[i][0]; i++, n++)
		if (eth_dev_check(cfg->device[i], e) < 0)
			return err_prefix(e, "port %s", cfg->name);
	if (n == 0)
		return err_set(e, EINVAL, "port %s: no device is declared", cfg->name);
	if (cfg->kind == PORT_BOND && n < 2)
		return err_set(e, EINVAL, "port %s: a bond of one device", cfg->name);
	if (cfg->kind == PORT_BOND && cfg->bond_mode > BOND_LACP)
		return err_set(e, EINVAL, "port %s: no such bond mode: %u", cfg->name,
			       cfg->bond_mode);
	/* net_tap of DPDK 24.11 crashes when its port leaves a bond */
	for (int i = 0; cfg->kind == PORT_BOND && i < n; i++)
		if (strncmp(cfg->device[i], "net_tap", 7) == 0)
			return err_set(e, EINVAL,
				       "port %s: device %s: a tap cannot be in a bond; bond the "
				       "devices that lead outside",
				       cfg->name, cfg->device[i]);
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			if (eth_dev_same(cfg->device[i], cfg->device[k]))
				return err_set(e, EINVAL, "port %s: device %s is in it twice",
					       cfg->name, cfg->device[i]);
	return 0;
}

int
uplink_check(const struct port_cfg *cfg, struct err *e)
{
	if (cfg->kind == PORT_VXLAN)
		return vxlan_check(cfg, e);
	return check_devices(cfg, e);
}

static struct uplink *
find(const struct uplinks *u, const struct swport *p)
{
	struct uplink *l = u->first;

	while (l && l->port != p)
		l = l->next;
	return l;
}

static struct uplink *
find_name(const struct uplinks *u, const char *name)
{
	struct uplink *l = u->first;

	while (l && strcmp(l->port->cfg.name, name) != 0)
		l = l->next;
	return l;
}

/* Why @l cannot be over @over, in words that are told once. */
static int
check_over(const struct uplink *l, const struct uplink *over, struct err *e)
{
	const struct port_cfg *cfg = &l->port->cfg;
	uint32_t need = cfg->mtu + VXLAN_OUTER; /* of which 14 are the inner header */

	if (!over)
		return err_set(e, ENOENT, "port %s: waits for port %s, which it is over", cfg->name,
			       cfg->vxlan.over);
	if (over->port->cfg.kind == PORT_VXLAN)
		return err_set(e, EINVAL, "port %s: vxlan over %s, which is vxlan itself",
			       cfg->name, cfg->vxlan.over);
	if (over->port->cfg.mtu < need)
		return err_set(e, EINVAL,
			       "port %s: mtu %u needs %u on port %s, which has %u; give it more "
			       "or this one less",
			       cfg->name, cfg->mtu, need, cfg->vxlan.over, over->port->cfg.mtu);
	if (!over->up)
		return err_set(e, ENETDOWN, "port %s: waits for port %s, which is down", cfg->name,
			       cfg->vxlan.over);
	return 0;
}

static int
check_network(const struct uplinks *u, const struct uplink *l, struct err *e)
{
	uint32_t n = 0;

	for (const struct uplink *v = u->first; v; v = v->next) {
		if (v == l || !v->over || v->over != l->over)
			continue;
		n++;
		if (v->vxlan->vni == l->vxlan->vni && v->vxlan->local == l->vxlan->local)
			return err_set(e, EEXIST, "port %s: vni %u is port %s's already",
				       l->port->cfg.name, l->port->cfg.vxlan.vni,
				       v->port->cfg.name);
	}
	if (n >= TUNNELS_MAX)
		return err_set(e, ENOSPC, "port %s: %d VXLAN ports are over port %s already",
			       l->port->cfg.name, TUNNELS_MAX, l->port->cfg.vxlan.over);
	return 0;
}

static void
vxlan_down(struct uplinks *u, struct uplink *l)
{
	struct uplink *over = l->over;

	if (!over)
		return;
	l->over = NULL;
	l->up = false;
	atomic_store_explicit(&l->port->ops, NULL, memory_order_release);
	/* waits until no lane is in either */
	if (over->up)
		uplink_tunnels(u, over);
	rcu_wait(u->rcu);
	log_info("port %s: down, as port %s is", l->port->cfg.name, over->port->cfg.name);
}

static int
vxlan_up(struct uplinks *u, struct uplink *l, struct err *e)
{
	struct uplink *over = find_name(u, l->port->cfg.vxlan.over);
	struct swport *p = l->port;
	int r = check_over(l, over, e);

	if (r < 0)
		return r;
	l->over = over;
	r = check_network(u, l, e);
	if (r < 0)
		goto undo;
	l->vxlan->over = over->port;
	l->vxlan->our_mac = mac_number(over->eth->dev.mac);
	for (uint32_t i = 0; i < l->vxlan->n_hops; i++)
		l->vxlan->hop[i].age = ARP_FRESH; /* ask at once */
	uplink_tunnels(u, over);
	p->backing = l->vxlan;
	atomic_store_explicit(&p->rx_mask, 1, memory_order_relaxed);
	atomic_store_explicit(&p->tx_mask, 1, memory_order_relaxed);
	/* release: pairs with a lane's acquire */
	atomic_store_explicit(&p->ops, &vxlan_ops, memory_order_release);
	atomic_fetch_add_explicit(&p->connects, 1, memory_order_relaxed);
	l->up = true;
	log_info("port %s: up over port %s", p->cfg.name, over->port->cfg.name);
	vxlan_port_tick(l->vxlan, over->eth);
	return 0;
undo:
	l->over = NULL;
	return r;
}

/* Over @l: they wait until it comes back. */
static void
riders_down(struct uplinks *u, const struct uplink *l)
{
	for (struct uplink *v = u->first; v; v = v->next)
		if (v->over == l)
			vxlan_down(u, v);
}

/* What could not be at once is tried each second; why not is told once. */
static void
try_again(struct uplinks *u, struct uplink *l)
{
	struct err e = {0};
	int r;

	for (uint32_t i = 0; l->port->cfg.kind != PORT_VXLAN && i < PORT_MEMBERS_MAX; i++)
		if (l->port->cfg.device[i][0] && !eth_dev_present(l->port->cfg.device[i]))
			return;
	r = l->port->cfg.kind == PORT_VXLAN ? vxlan_up(u, l, &e) : uplink_eth_up(u, l, &e);
	if (r < 0 && !l->complained)
		log_warn("%s; tried again each second", e.text);
	l->complained = r < 0;
}

static void
tick(struct uplinks *u, struct uplink *l)
{
	if (l->up && l->eth && uplink_eth_gone(l)) {
		log_err("port %s: its device is gone", l->port->cfg.name);
		riders_down(u, l);
		uplink_eth_down(u, l);
	}
	if (!l->up)
		try_again(u, l);
	else if (l->vxlan)
		vxlan_port_tick(l->vxlan, l->over->eth);
	else
		uplink_eth_tick(u, l);
}

void
uplinks_tick(struct uplinks *u, uint64_t now_ms)
{
	bool second = now_ms >= u->second_ms;

	if (!u->first || now_ms < u->due_ms)
		return;
	u->due_ms = now_ms + TICK_MS;
	for (struct uplink *l = u->first; l; l = l->next) {
		if (second)
			tick(u, l);
		if (l->port->cfg.kind != PORT_BOND)
			continue;
		u->due_ms = now_ms + BOND_LINK_MS;
		if (!second && l->up)
			uplink_eth_link(l, false);
	}
	if (!second)
		return;
	u->second_ms = now_ms + TICK_MS;
	u->due_ms = MIN_OF(u->due_ms, u->second_ms);
	eth_pools_sweep(&u->pools);
}

int
uplinks_wait_ms(const struct uplinks *u, uint64_t now_ms)
{
	if (!u->first)
		return -1;
	return now_ms < u->due_ms ? (int)(u->due_ms - now_ms) : 0;
}

static int
bring_up(struct uplinks *u, struct uplink *l, struct err *e)
{
	int r;

	if (l->port->cfg.kind != PORT_VXLAN)
		return uplink_eth_up(u, l, e);
	l->vxlan = vxlan_port_make(l->port, ++u->made, e);
	if (!l->vxlan)
		return -ENOMEM;
	r = vxlan_up(u, l, e);
	if (r == -ENOENT || r == -ENETDOWN) {
		log_info("%s", e->text);
		*e = (struct err){0};
		return 0;
	}
	if (r < 0)
		vxlan_port_free(l->vxlan);
	return r;
}

int
uplink_open(struct uplinks *u, struct swport *p, struct err *e)
{
	struct uplink *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_sys(e, ENOMEM, "port %s", p->cfg.name);
	if (!u->system[0])
		gethostname(u->system, sizeof(u->system) - 1);
	l->port = p;
	l->complained = true; /* told below, or to the caller */
	l->next = u->first;
	u->first = l;
	r = bring_up(u, l, e);
	if (r < 0) {
		u->first = l->next;
		free(l);
	}
	return r;
}

static void
unlink_from(struct uplinks *u, const struct uplink *l)
{
	struct uplink **at = &u->first;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
}

void
uplink_close(struct uplinks *u, struct swport *p)
{
	struct uplink *l = find(u, p);

	if (!l)
		return;
	if (l->vxlan) {
		vxlan_down(u, l);
		vxlan_port_free(l->vxlan);
	} else {
		riders_down(u, l);
		uplink_eth_down(u, l);
	}
	unlink_from(u, l);
	free(l);
}

/* The same tunnel as it is declared now; what it knew is known. */
static void
vxlan_remake(struct uplinks *u, struct uplink *l)
{
	struct err e = {0};
	struct vxlan_port *new = vxlan_port_make(l->port, ++u->made, &e), *old = l->vxlan;

	if (!new) {
		log_err("%s; it stays as it was", e.text);
		return;
	}
	vxlan_down(u, l);
	vxlan_port_inherit(new, old);
	l->vxlan = new;
	vxlan_port_free(old);
	l->complained = false;
	try_again(u, l);
}

void
uplink_changed(struct uplinks *u, struct swport *p)
{
	struct uplink *l = find(u, p);

	if (!l)
		return;
	if (l->vxlan) {
		if (!l->up || vxlan_port_differs(l->vxlan))
			vxlan_remake(u, l);
		return;
	}
	if (l->up && l->mtu != p->cfg.mtu) {
		riders_down(u, l);
		uplink_eth_down(u, l);
		l->complained = false;
		try_again(u, l);
	}
	if (l->up)
		uplink_eth_changed(u, l);
}

void
uplink_stats(const struct uplinks *u, const struct swport *p, struct port_stats *ret)
{
	const struct uplink *l = find(u, p);

	if (!l)
		return;
	ret->connected = l->up && (l->vxlan ? l->over->link : l->link);
	ret->missed = l->missed + (l->eth && l->up ? eth_dev_missed(&l->eth->dev) : 0);
}

void
uplinks_fini(struct uplinks *u)
{
	eth_pools_sweep(&u->pools);
}
