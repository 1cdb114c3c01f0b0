/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each part of the site still needs once pins are honoured, in the order in which it is
 * placed: those without a choice of node, then the switch, then its users, then others, the largest
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
	return x->demand.vnf - y->demand.vnf;
}

/* The node where most of the VNF's placed vCPUs are, of equals the first. */
static int
home_of(const struct planner *p, const struct plan_vnf *pv)
{
	unsigned int count[TOPO_NODES_MAX] = {0};
	int best = NO_NODE;

	for (unsigned int i = 0; i < pv->vnf->cpu.vcpus; i++) {
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

static struct demand
demand_of(const struct planner *p, size_t v)
{
	const struct plan_vnf *pv = &p->plan->vnf[v];
	const struct site_vnf *vnf = pv->vnf;
	struct demand d = {
		.vnf = (int)v,
		.fill = fill_of(p, vnf),
		.emulator = vnf->cpu.emulator == EMULATOR_ISOLATE && p->stage < STAGE_EMULATOR,
		.fixed = vnf->numa_node == NODE_AUTO ? NO_NODE
						     : topo_node_index(p->topo, vnf->numa_node),
		.home = home_of(p, pv),
		.page_size = vnf->memory.page_size,
		.pages = vnf->memory.size / vnf->memory.page_size,
	};

	for (unsigned int i = 0; vnf->cpu.policy == CPU_DEDICATED && i < vnf->cpu.vcpus; i++)
		d.vcpus += pv->cpu[i] < 0 && p->stage < STAGE_SHARE;
	for (size_t i = 0; i < vnf->n_interfaces; i++)
		d.links += vnf->interfaces[i].kind == IF_SWITCH;
	return d;
}

static struct demand
demand_of_switch(const struct planner *p)
{
	const struct topo_cpu *c = topo_find_cpu(p->topo, p->plan->switch_cpu);

	return (struct demand){
		.vnf = SWITCH_DEMAND,
		.fill = FILL_ONE,
		.vcpus = c ? 0 : 1,
		.fixed = NO_NODE,
		.home = c ? c->node : NO_NODE,
	};
}

int
demands_make(struct planner *p)
{
	bool mixed = mixed_widths(p);
	size_t n = 0, max = p->site->n_vnfs + 1;
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
	for (size_t v = 0; v < p->site->n_vnfs; v++) {
		struct demand d = demand_of(p, v);
		bool bound = d.fixed >= 0 || d.home >= 0;

		o[n] = (struct order){
			.demand = d,
			.tier = bound     ? 0
				: d.vcpus ? 2
					  : 3,
			/*
			 * Rare cores first to those who can use no others (some siblings offline).
			 */
			.rarity = !mixed                 ? 0
				  : d.fill == FILL_PAIRS ? 0
				  : d.fill == FILL_ONE   ? 1
							 : 2,
			.units = units_needed(&d, p->width),
		};
		n++;
	}
	qsort(o, n, sizeof(*o), by_order);
	for (size_t i = 0; i < n; i++)
		p->demand[i] = o[i].demand;
	p->n_demands = n;
	free(o);
	return 0;
}
