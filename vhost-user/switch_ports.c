/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that come, change and go. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/tsc.h"
#include "vhost-user/switch.h"
#include "vhost-user/vhost.h"
#include "vhost-user/watch_ctl.h"

#define REF_PLACES  (SWITCH_SLOT_BITS + 1) /* the highest bit is the address table's: MAC_DECLARED */
#define BALANCE_MS  1000
#define GENERATIONS (UINT32_MAX >> REF_PLACES)

static int
free_slot(const struct lane_switch *sw)
{
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		if (!sw->fwd.slot[i])
			return (int)i;
	return -ENOSPC;
}

/* Never 0, and never that of a port that the address table may still name. */
static uint32_t
new_ref(struct lane_switch *sw, int slot)
{
	sw->generation = (sw->generation + 1) & GENERATIONS;
	if (sw->generation == 0)
		sw->generation = 1;
	return sw->generation << SWITCH_SLOT_BITS | (uint32_t)slot;
}

/* Undoes what make_port() did; lanes hold the port no more. */
static void
free_port(struct lane_switch *sw, struct swport *p)
{
	for (int i = 0; i < CHAIN_SIDES; i++)
		chain_free(p->chain[i]);
	watch_remove(sw, p);
	domain_leave(&sw->domains, &p->member);
	free(p);
}

/* NULL with words in @e. */
static struct swport *
make_port(struct lane_switch *sw, const struct port_cfg *cfg, int slot, struct err *e)
{
	struct swport *p = swport_make(cfg, new_ref(sw, slot), sw->n_lanes);

	if (!p) {
		err_sys(e, ENOMEM, "port %s", cfg->name);
		return NULL;
	}
	if (domain_join(&sw->domains, cfg, NULL, &p->member, e) < 0) {
		free(p);
		return NULL;
	}
	swport_refresh(p);
	p->lane = switch_choose_lane(sw, -1);
	for (int i = 0; i < CHAIN_SIDES; i++) {
		const struct chain *c = NULL;

		if (chain_make(p, (enum chain_side)i, NULL, &c, e) < 0) {
			free_port(sw, p);
			return NULL;
		}
		p->chain[i] = c;
	}
	return p;
}

/* Takes the port from the lanes; without memory for new lists they forget it one by one. */
static void
withdraw(struct lane_switch *sw, struct swport *p)
{
	fwd_remove(&sw->fwd, p);
	while (switch_publish(sw) < 0)
		log_warn("port %s: no memory to take it out; trying again", p->cfg.name);
}

/* What is behind the port: a front end, a device, a tunnel. */
static int
open_behind(struct lane_switch *sw, struct swport *p, struct err *e)
{
	return p->cfg.kind == PORT_VHOST ? vhost_open(p, e) : uplink_open(&sw->uplinks, p, e);
}

static void
close_behind(struct lane_switch *sw, struct swport *p)
{
	if (p->cfg.kind == PORT_VHOST)
		vhost_close(p);
	else
		uplink_close(&sw->uplinks, p);
}

static int
add(void *arg, const struct port_cfg *cfg, struct err *e)
{
	struct lane_switch *sw = arg;
	int slot = free_slot(sw);
	struct swport *p;
	int r;

	if (switch_find(sw, cfg->name))
		return err_set(e, EEXIST, "port %s: the name is taken", cfg->name);
	if (slot < 0)
		return err_set(e, ENOSPC, "port %s: all %u ports are in use", cfg->name,
			       SWITCH_PORTS_MAX);
	r = watch_check(sw, cfg, e);
	if (r == 0 && cfg->kind != PORT_VHOST)
		r = uplink_check(cfg, e);
	if (r < 0)
		return r;
	p = make_port(sw, cfg, slot, e);
	if (!p)
		return -e->code;
	r = fwd_add(&sw->fwd, p, e);
	if (r < 0)
		goto withdraw;
	if (switch_publish(sw) < 0) {
		r = err_sys(e, ENOMEM, "port %s", cfg->name);
		goto withdraw;
	}
	r = open_behind(sw, p, e);
	if (r < 0)
		goto withdraw;
	watch_refresh(sw);
	log_info("port %s: added, network %s, vlan %u, %s", cfg->name, cfg->network, cfg->vlan,
		 cfg->kind == PORT_VHOST   ? cfg->socket
		 : cfg->kind == PORT_VXLAN ? cfg->vxlan.over
					   : cfg->device[0]);
	return 0;

withdraw:
	withdraw(sw, p);
	free_port(sw, p);
	return r;
}

static int
remove_port(void *arg, const char *name, struct err *e)
{
	struct lane_switch *sw = arg;
	struct swport *p = switch_find(sw, name);

	if (!p)
		return err_set(e, ENOENT, "port %s: no such port", name);
	withdraw(sw, p);
	close_behind(sw, p);
	log_info("port %s: removed", name);
	free_port(sw, p);
	watch_refresh(sw);
	return 0;
}

/* What belongs to the connection or names the port stays; the rest is as @cfg has it. */
static int
check_set(const struct swport *p, const struct port_cfg *cfg, struct err *e)
{
	if (cfg->kind != p->cfg.kind || strcmp(cfg->socket, p->cfg.socket) != 0 ||
	    cfg->socket_listen != p->cfg.socket_listen || cfg->queues != p->cfg.queues ||
	    strcmp(cfg->network, p->cfg.network) != 0 || cfg->bond_mode != p->cfg.bond_mode ||
	    cfg->offload != p->cfg.offload ||
	    memcmp(cfg->device, p->cfg.device, sizeof(cfg->device)) != 0)
		return err_set(e, EINVAL,
			       "port %s: kind, network, socket, queues, offload and devices "
			       "cannot change; remove it and add it",
			       cfg->name);
	return 0;
}

/* All that may change lies behind the socket; what lies before is read by vhost's threads. */
static void
copy_cfg(struct swport *p, const struct port_cfg *cfg)
{
	memcpy(p->cfg.mac, cfg->mac, sizeof(*cfg) - offsetof(struct port_cfg, mac));
}

/* What the port is by now, put back to @was and @old. What was learnt behind it stays. */
static void
undo_set(struct lane_switch *sw, struct swport *p, const struct port_cfg *was,
	 const struct membership *old)
{
	struct membership new = p->member;

	copy_cfg(p, was);
	p->member = *old;
	swport_refresh(p);
	fwd_undo(&sw->fwd, p, &new);
	rcu_wait(sw->rcu);
	fwd_collect(&sw->fwd);
	domain_leave(&sw->domains, &new);
}

static int
set(void *arg, const struct port_cfg *cfg, struct err *e)
{
	struct lane_switch *sw = arg;
	struct swport *p = switch_find(sw, cfg->name);
	struct switch_chains chains;
	struct membership old, new;
	struct port_cfg was;
	int r;

	if (!p)
		return err_set(e, ENOENT, "port %s: no such port", cfg->name);
	r = check_set(p, cfg, e);
	if (r == 0)
		r = watch_check(sw, cfg, e);
	if (r == 0 && cfg->kind != PORT_VHOST)
		r = uplink_check(cfg, e);
	if (r < 0)
		return r;
	was = p->cfg;
	old = p->member;
	r = domain_join(&sw->domains, cfg, &old, &new, e);
	if (r < 0)
		return r;
	copy_cfg(p, cfg);
	p->member = new;
	swport_refresh(p);
	r = switch_make_chains(p, &chains, e);
	if (r < 0)
		goto undo;
	r = fwd_change(&sw->fwd, p, &old, e);
	if (r < 0)
		goto free_chains;
	/* nobody has the old lists in hand when a stage goes that put tags on their frames */
	rcu_wait(sw->rcu);
	switch_use_chains(sw, p, &chains);
	domain_leave(&sw->domains, &old);
	watch_refresh(sw);
	uplink_changed(&sw->uplinks, p);
	log_info("port %s: changed", cfg->name);
	return 0;

free_chains:
	switch_free_chains(&chains);
undo:
	undo_set(sw, p, &was, &old);
	return r;
}

static int
stats(void *arg, const char *name, struct port_cfg *ret_cfg, struct port_stats *ret_stats,
      struct err *e)
{
	const struct swport *p = switch_find(arg, name);

	if (!p)
		return err_set(e, ENOENT, "port %s: no such port", name);
	*ret_cfg = p->cfg;
	swport_stats(p, ret_stats);
	uplink_stats(&((struct lane_switch *)arg)->uplinks, p, ret_stats);
	return 0;
}

static bool
next(void *arg, uint32_t *at, struct port_cfg *ret_cfg, struct port_stats *ret_stats)
{
	struct lane_switch *sw = arg;

	for (; *at < SWITCH_PORTS_MAX; (*at)++) {
		const struct swport *p = sw->fwd.slot[*at];

		if (!p)
			continue;
		*ret_cfg = p->cfg;
		swport_stats(p, ret_stats);
		uplink_stats(&sw->uplinks, p, ret_stats);
		(*at)++;
		return true;
	}
	return false;
}

static int
tick(void *arg)
{
	struct lane_switch *sw = arg;
	struct timespec now;
	uint64_t now_ms;
	int wait;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	uplinks_tick(&sw->uplinks, now_ms);
	wait = uplinks_wait_ms(&sw->uplinks, now_ms);
	if (sw->n_lanes < 2)
		return wait;
	switch_balance(sw, tsc_now());
	return wait < 0 || wait > BALANCE_MS ? BALANCE_MS : wait;
}

const struct ctl_ops switch_ctl_ops = {
	.add = add,
	.set = set,
	.remove = remove_port,
	.stats = stats,
	.next = next,
	.ask = switch_ask,
	.watch = watch_handle,
	.tick = tick,
};

void
switch_close_ports(struct lane_switch *sw)
{
	struct err e = {0};

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		const struct swport *p = sw->fwd.slot[i];

		if (p && remove_port(sw, p->cfg.name, &e) < 0)
			log_err("%s", e.text);
	}
}
