/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vhost-user/vhost.h"

/*
 * Makes the polling thread use the ports that sw->slot holds now. When this returns it has let go of
 * the table before, and of every port that only that table held. -ENOMEM: nothing has changed.
 */
static int
publish(struct lane_switch *sw)
{
	struct port_table *t = port_table_make(sw->slot, ++sw->serial);
	const struct port_table *old;

	if (!t)
		return -ENOMEM;
	/* release: pairs with the acquire at the start of a round */
	old = atomic_exchange_explicit(&sw->poller.ports, t, memory_order_acq_rel);
	rcu_wait(sw->poller.lane.rcu);
	free((void *)old);
	return 0;
}

int
switch_init(struct lane_switch *sw)
{
	sw->poller.lane.rcu = rcu_make(1);
	if (!sw->poller.lane.rcu)
		return -ENOMEM;
	sw->poller.fwd.lane = &sw->poller.lane;
	vhost_init(sw->poller.lane.rcu);
	return publish(sw);
}

static struct swport *
find(struct lane_switch *sw, const char *name)
{
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		if (sw->slot[i] && strcmp(sw->slot[i]->cfg.name, name) == 0)
			return sw->slot[i];
	return NULL;
}

static int
free_slot(const struct lane_switch *sw)
{
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		if (!sw->slot[i])
			return (int)i;
	return -ENOSPC;
}

/* Never 0, and never that of a port that the address table may still name. */
static uint32_t
new_ref(struct lane_switch *sw, int slot)
{
	sw->generation = (sw->generation + 1) & (UINT32_MAX >> SWITCH_SLOT_BITS);
	if (sw->generation == 0)
		sw->generation = 1;
	return sw->generation << SWITCH_SLOT_BITS | (uint32_t)slot;
}

static int
add(void *arg, const struct port_cfg *cfg, struct err *e)
{
	struct lane_switch *sw = arg;
	int slot = free_slot(sw);
	struct swport *p;
	int r;

	if (find(sw, cfg->name))
		return err_set(e, EEXIST, "port %s: the name is taken", cfg->name);
	if (slot < 0)
		return err_set(e, ENOSPC, "port %s: all %u ports are in use", cfg->name,
			       SWITCH_PORTS_MAX);
	p = swport_make(cfg, new_ref(sw, slot), 1);
	if (!p)
		return err_sys(e, ENOMEM, "port %s", cfg->name);
	r = domain_join(&sw->domains, cfg, NULL, &p->member, e);
	if (r < 0)
		goto free_port;
	swport_refresh(p);
	sw->slot[slot] = p;
	if (publish(sw) < 0) {
		r = err_sys(e, ENOMEM, "port %s", cfg->name);
		goto leave;
	}
	r = vhost_open(p, e);
	if (r < 0)
		goto unpublish;
	log_info("port %s: added, network %s, vlan %u, socket %s", cfg->name, cfg->network,
		 cfg->vlan, cfg->socket);
	return 0;

unpublish:
	sw->slot[slot] = NULL;
	if (publish(sw) < 0)
		return r; /* no memory: the port stays, unconnected, rather than dangle */
leave:
	sw->slot[slot] = NULL;
	domain_leave(&sw->domains, &p->member);
free_port:
	free(p);
	return r;
}

static int
remove_port(void *arg, const char *name, struct err *e)
{
	struct lane_switch *sw = arg;
	struct swport *p = find(sw, name);

	if (!p)
		return err_set(e, ENOENT, "port %s: no such port", name);
	sw->slot[p->ref & SWITCH_SLOT_MASK] = NULL;
	if (publish(sw) < 0) {
		sw->slot[p->ref & SWITCH_SLOT_MASK] = p;
		return err_sys(e, ENOMEM, "port %s", name);
	}
	vhost_close(p);
	domain_leave(&sw->domains, &p->member);
	log_info("port %s: removed", name);
	free(p);
	return 0;
}

static int
stats(void *arg, const char *name, struct port_cfg *ret_cfg, struct port_stats *ret_stats,
      struct err *e)
{
	const struct swport *p = find(arg, name);

	if (!p)
		return err_set(e, ENOENT, "port %s: no such port", name);
	*ret_cfg = p->cfg;
	swport_stats(p, ret_stats);
	return 0;
}

static bool
next(void *arg, uint32_t *at, struct port_cfg *ret_cfg, struct port_stats *ret_stats)
{
	const struct lane_switch *sw = arg;

	for (; *at < SWITCH_PORTS_MAX; (*at)++) {
		const struct swport *p = sw->slot[*at];

		if (!p)
			continue;
		*ret_cfg = p->cfg;
		swport_stats(p, ret_stats);
		(*at)++;
		return true;
	}
	return false;
}

const struct ctl_ops switch_ctl_ops = {
	.add = add,
	.remove = remove_port,
	.stats = stats,
	.next = next,
};

void
switch_close_ports(struct lane_switch *sw)
{
	struct err e = {0};

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		if (sw->slot[i] && remove_port(sw, sw->slot[i]->cfg.name, &e) < 0)
			log_err("%s", e.text);
}

void
switch_fini(struct lane_switch *sw)
{
	free((void *)atomic_exchange(&sw->poller.ports, NULL));
	rcu_free(sw->poller.lane.rcu);
	mac_table_fini(&sw->poller.fwd.mac);
}
