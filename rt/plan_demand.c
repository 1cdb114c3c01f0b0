/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each part of the site still needs once pins are honoured, in the order in which it is
 * placed: those that sit on one node each (named nodes, pins, cells), then the switch, then its users, then others, the largest
 * first; last those that float.
 */
#include <errno.h>
#include <stdlib.h>

#include "rt/plan_priv.h"

struct order {
	struct demand demand;
	int tier, rarity;
	unsigned int units;
};

static bool
mixed_widths(const struct planner *p)
{
	for (size_t j = 0; j < p->n_units; j++)
		if ((p->unit[j].n_cpus > 1) != (p->width > 1))
			return true;
	return false;
}

static int
by_order(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->tier != y->tier)
		return x->tier - y->tier;
	if (x->rarity != y->rarity)
		return x->rarity - y->rarity;
	if (!x->demand.links != !y->demand.links)
		return x->demand.links ? -1 : 1;
	if (x->units != y->units)
		return x->units < y->units ? 1 : -1;
	if (x->demand.vnf != y->demand.vnf)
		return x->demand.vnf - y->demand.vnf;
	return x->demand.cell - y->demand.cell;
}

/* The node where most of the placed vCPUs @first..@end-1 are, of equals the first. */
static int
home_of(const struct planner *p, const struct plan_vnf *pv, unsigned int first, unsigned int end)
{
	unsigned int count[TOPO_NODES_MAX] = {0};
	int best = NO_NODE;

	for (unsigned int i = first; i < end; i++) {
		const struct topo_cpu *c = topo_find_cpu(p->topo, pv->cpu[i]);

		if (c)
			count[c->node]++;
	}
	for (int n = 0; n < (int)p->topo->n_nodes; n++)
		if (count[n] && (best < 0 || count[n] > count[best]))
			best = n;
	return best;
}

static enum fill
fill_of(const struct planner *p, const struct site_vnf *vnf)
{
	if (p->stage >= STAGE_THREADS || vnf->cpu.threads == THREADS_ISOLATE)
		return FILL_ONE;
	return vnf->cpu.threads == THREADS_REQUIRE ? FILL_PAIRS : FILL_ANY;
}

static unsigned int
links_of(const struct site_vnf *vnf)
{
	unsigned int n = 0;

	for (size_t i = 0; i < vnf->n_interfaces; i++)
		n += vnf->interfaces[i].kind == IF_SWITCH;
	return n;
}

static bool
wants_emulator(const struct planner *p, const struct site_vnf *vnf)
{
	return vnf->cpu.emulator == EMULATOR_ISOLATE && p->stage < STAGE_EMULATOR;
}

/* One cell of VNF @v, or all of it where it has but one. */
static struct demand
demand_of(const struct planner *p, size_t v, unsigned int cell)
{
	const struct plan_vnf *pv = &p->plan->vnf[v];
	const struct site_vnf *vnf = pv->vnf;
	unsigned int cells = plan_cells(vnf), each = vnf->cpu.vcpus / cells;
	struct demand d = {
		.vnf = (int)v,
		.fill = fill_of(p, vnf),
		.emulator = cells == 1 && wants_emulator(p, vnf),
		.fixed = plan_bound(p, v, cell),
		.page_size = vnf->memory.page_size,
		.pages = vnf->memory.size / vnf->memory.page_size / cells,
		.links = cell == 0 ? links_of(vnf) : 0, /* interrupts go to the first vCPUs */
		.cell = cells == 1 ? WHOLE : (int)cell,
		.first = cell * each,
		.end = (cell + 1) * each,
	};

	d.home = home_of(p, pv, d.first, d.end);
	for (unsigned int i = d.first; vnf->cpu.policy == CPU_DEDICATED && i < d.end; i++)
		d.vcpus += pv->cpu[i] < 0 && p->stage < STAGE_SHARE;
	return d;
}

static struct demand
demand_of_switch(const struct planner *p)
{
	const struct topo_cpu *c = topo_find_cpu(p->topo, p->plan->switch_cpu);

	return (struct demand){
		.vnf = SWITCH_DEMAND,
		.fill = FILL_ONE,
		.vcpus = c ? 0 : MAX_OF(p->site->host.sw.threads, 1u),
		.fixed = NO_NODE,
		.home = c ? c->node : NO_NODE,
		.cell = WHOLE,
	};
}

static struct order
order_of(const struct planner *p, const struct demand *d, bool mixed)
{
	/* What cannot be spread over nodes comes before what can. */
	bool bound = d->fixed >= 0 || d->home >= 0 || d->cell >= 0;

	return (struct order){
		.demand = *d,
		.tier = bound      ? 0
			: d->vcpus ? 2
				   : 3,
		/* Rare cores first to those who can use no others (some siblings offline). */
		.rarity = !mixed                  ? 0
			  : d->fill == FILL_PAIRS ? 0
			  : d->fill == FILL_ONE   ? 1
						  : 2,
		.units = units_needed(d, p->width),
	};
}

/* The demands of VNF @v; returns how many. */
static size_t
orders_of(const struct planner *p, size_t v, bool mixed, struct order *o)
{
	const struct site_vnf *vnf = &p->site->vnfs[v];
	unsigned int cells = plan_cells(vnf);
	struct demand d;
	size_t n = 0;

	for (unsigned int cell = 0; cell < cells; cell++) {
		d = demand_of(p, v, cell);
		o[n++] = order_of(p, &d, mixed);
	}
	if (cells > 1 && wants_emulator(p, vnf)) {
		d = (struct demand){.vnf = (int)v,
				    .fill = fill_of(p, vnf),
				    .emulator = true,
				    .fixed = NO_NODE,
				    .home = NO_NODE,
				    .page_size = vnf->memory.page_size,
				    .cell = EMULATOR};
		o[n] = order_of(p, &d, mixed);
		o[n++].tier = 2;
	}
	return n;
}

static size_t
count_demands(const struct site *s)
{
	size_t n = 1; /* the switch */

	for (size_t v = 0; v < s->n_vnfs; v++)
		n += plan_cells(&s->vnfs[v]) + 1;
	return n;
}

/* Marks the cell of each VNF that is placed after its others. */
static void
mark_last(struct planner *p)
{
	for (size_t i = 0; i < p->n_demands; i++) {
		struct demand *d = &p->demand[i];

		d->last = d->cell >= 0;
		for (size_t k = i + 1; k < p->n_demands && d->last; k++)
			d->last = p->demand[k].vnf != d->vnf || p->demand[k].cell < 0;
	}
}

int
demands_make(struct planner *p)
{
	bool mixed = mixed_widths(p);
	size_t n = 0, max = count_demands(p->site);
	struct order *o = calloc(max, sizeof(*o));

	free(p->demand);
	free(p->choice);
	p->demand = calloc(max, sizeof(*p->demand));
	p->choice = calloc(max, sizeof(*p->choice));
	if (!o || !p->demand || !p->choice) {
		free(o);
		return err_set(p->e, ENOMEM, "plan: out of memory");
	}
	if (p->plan->has_switch)
		o[n++] = (struct order){.demand = demand_of_switch(p), .tier = 1};
	for (size_t v = 0; v < p->site->n_vnfs; v++)
		n += orders_of(p, v, mixed, o + n);
	qsort(o, n, sizeof(*o), by_order);
	for (size_t i = 0; i < n; i++)
		p->demand[i] = o[i].demand;
	p->n_demands = n;
	mark_last(p);
	free(o);
	return 0;
}
