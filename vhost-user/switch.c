/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-user/idle.h"
#include "vhost-user/vhost.h"
#include "vhost-user/watch_ctl.h"

#define NO_LANE UINT32_MAX

static struct lane_ports *
list_of(struct lane_switch *sw, uint32_t lane)
{
	struct lane_ports *list;
	uint32_t n = 0;

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		n += sw->fwd.slot[i] && sw->fwd.slot[i]->lane == lane;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what it holds */
	list = malloc(sizeof(*list) + n * sizeof(list->port[0]));
	if (!list)
		return NULL;
	list->serial = ++sw->serial;
	list->n = 0;
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		if (sw->fwd.slot[i] && sw->fwd.slot[i]->lane == lane)
			list->port[list->n++] = sw->fwd.slot[i];
	return list;
}

int
switch_publish(struct lane_switch *sw)
{
	struct lane_ports *list[LANES_MAX] = {0};

	for (uint32_t i = 0; i < sw->n_lanes; i++) {
		list[i] = list_of(sw, i);
		if (!list[i])
			goto fail;
	}
	for (uint32_t i = 0; i < sw->n_lanes; i++) {
		/* release: pairs with the acquire at the start of a round */
		list[i] = (struct lane_ports *)atomic_exchange_explicit(&sw->lane[i].ports, list[i],
									memory_order_acq_rel);
		idle_wake(&sw->lane[i]);
	}
	rcu_wait(sw->rcu);
	fwd_collect(&sw->fwd);
	for (uint32_t i = 0; i < sw->n_lanes; i++)
		free(list[i]);
	return 0;

fail:
	for (uint32_t i = 0; i < sw->n_lanes; i++)
		free(list[i]);
	return -ENOMEM;
}

int
switch_init(struct lane_switch *sw)
{
	sw->rcu = rcu_make(sw->n_lanes + 1); /* and telemetry.c */
	if (!sw->rcu)
		return -ENOMEM;
	for (uint32_t i = 0; i < sw->n_lanes; i++) {
		sw->lane[i].number = i;
		sw->lane[i].lanes = sw->n_lanes;
		sw->lane[i].rcu = sw->rcu;
		sw->lane[i].fwd = &sw->fwd;
		sw->lane[i].domains = &sw->domains;
	}
	if (watch_start(sw) < 0)
		return -ENOMEM;
	sw->uplinks.rcu = sw->rcu;
	vhost_init(sw->rcu);
	return switch_publish(sw);
}

struct swport *
switch_find(struct lane_switch *sw, const char *name)
{
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		if (sw->fwd.slot[i] && strcmp(sw->fwd.slot[i]->cfg.name, name) == 0)
			return sw->fwd.slot[i];
	return NULL;
}

int
switch_make_chains(struct swport *p, struct switch_chains *ret, struct err *e)
{
	struct switch_chains c = {0};
	int r = 0;

	for (int i = 0; i < CHAIN_SIDES && r == 0; i++)
		r = chain_make(p, (enum chain_side)i, p->chain[i], &c.side[i], e);
	if (r < 0)
		switch_free_chains(&c);
	else
		*ret = c;
	return r;
}

void
switch_free_chains(struct switch_chains *c)
{
	for (int i = 0; i < CHAIN_SIDES; i++)
		chain_free(c->side[i]);
}

void
switch_use_chains(struct lane_switch *sw, struct swport *p, const struct switch_chains *c)
{
	struct switch_chains old;

	for (int i = 0; i < CHAIN_SIDES; i++)
		/* release: pairs with the lanes' acquire */
		old.side[i] =
			atomic_exchange_explicit(&p->chain[i], c->side[i], memory_order_acq_rel);
	/* a lane looks for stages that want every round when its list is a new one */
	if (switch_publish(sw) < 0)
		rcu_wait(sw->rcu);
	switch_free_chains(&old);
}

int
switch_rechain(struct lane_switch *sw, struct swport *p, struct err *e)
{
	struct switch_chains c;
	int r = switch_make_chains(p, &c, e);

	if (r == 0)
		switch_use_chains(sw, p, &c);
	return r;
}

int
switch_move(struct lane_switch *sw, struct swport *p, uint32_t lane)
{
	uint32_t before = p->lane;

	if (before == lane)
		return 0;
	/* in between nobody serves it, for the time of a round: its frames wait in its rings */
	p->lane = NO_LANE;
	if (switch_publish(sw) < 0) {
		p->lane = before;
		return -ENOMEM;
	}
	p->lane = lane;
	if (switch_publish(sw) == 0)
		return 0;
	p->lane = before;
	return switch_publish(sw) < 0 ? -ENOMEM : 0;
}

void
switch_fini(struct lane_switch *sw)
{
	for (uint32_t i = 0; i < sw->n_lanes; i++)
		free((void *)atomic_exchange(&sw->lane[i].ports, NULL));
	watch_stop(sw);
	uplinks_fini(&sw->uplinks);
	fwd_collect(&sw->fwd);
	domains_fini(&sw->domains);
	rcu_free(sw->rcu);
	mac_table_fini(&sw->fwd.mac);
}
