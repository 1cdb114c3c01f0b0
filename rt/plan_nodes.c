/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which NUMA node everybody goes to: a depth-first search over (demand, node for CPUs, node for
 * memory) that counts units and pages and knows no single core. The cheapest complete choice wins;
 * the first of equals, so nodes fill in order and the result is always the same. A budget
 * bounds it: the first descent is the greedy answer, what follows only improves on it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rt/plan_priv.h"

#define OPTIONS_MAX 256
/*
 * Options looked at, of nodes x nodes for each step: to improve on a choice, and to find the first.
 */
#define WORK_IMPROVE 1000000u
#define WORK_FIRST   16000000u

/* Costs. A step of SLIT distance (10 is local) is 1 for each interface that crosses it. */
#define COST_SPREAD   100000 /* vCPUs on several nodes */
#define COST_REMOTE   5000   /* memory on another node than the vCPUs */
#define COST_EMULATOR 1000   /* emulator threads on another node than the vCPUs */

struct search {
	struct planner *p;
	size_t n_nodes;
	struct room *room;     /* n_nodes for each depth */
	struct choice *option; /* OPTIONS_MAX for each depth */
	struct choice *now;    /* up to the present depth */
	size_t switch_depth;   /* of the switch's demand; SIZE_MAX without one */
	int best;
	unsigned int work; /* options looked at */
};

static int
far(const struct planner *p, int a, int b)
{
	return a < 0 || b < 0 ? 0 : p->topo->node[a].distance[b] - 10;
}

static bool
memory_fits(const struct demand *d, const struct room *r)
{
	if (d->vnf == SWITCH_DEMAND)
		return r->free_2m >= PLAN_SWITCH_MEM / SIZE_2M || r->free_1g >= 1;
	if (d->page_size == SIZE_1G)
		return r->free_1g >= d->pages;
	if (d->page_size == SIZE_2M)
		return r->free_2m >= d->pages;
	return r->bytes / d->page_size >= d->pages;
}

static void
take_memory(const struct demand *d, struct room *r)
{
	if (d->vnf == SWITCH_DEMAND && r->free_2m >= PLAN_SWITCH_MEM / SIZE_2M)
		r->free_2m -= PLAN_SWITCH_MEM / SIZE_2M;
	else if (d->vnf == SWITCH_DEMAND)
		r->free_1g -= 1;
	else if (d->page_size == SIZE_1G)
		r->free_1g -= d->pages;
	else if (d->page_size == SIZE_2M)
		r->free_2m -= d->pages;
	else
		r->bytes -= d->pages * d->page_size;
}

/* Where the CPUs of the demand at @depth are, by its choice or its pins. */
static int
cpu_node(const struct search *s, size_t depth)
{
	int chosen = s->now[depth].cpu_node;

	return chosen >= 0 ? chosen : s->p->demand[depth].home;
}

/* What the ways of the demand at @depth, on @node, to those placed before it cost. */
static int
link_cost(const struct search *s, size_t depth, int node)
{
	const struct demand *d = s->p->demand;
	int cost = 0;

	if (s->switch_depth < depth)
		return (int)d[depth].links * far(s->p, node, cpu_node(s, s->switch_depth));
	for (size_t i = 0; i < depth && depth == s->switch_depth; i++)
		cost += (int)d[i].links * far(s->p, cpu_node(s, i), node);
	return cost;
}

static int
housekeeping_node(const struct planner *p)
{
	const struct topo_cpu *c = topo_find_cpu(p->topo, cpuset_next(&p->housekeeping, 0));

	return c ? c->node : NO_NODE;
}

/* What the ways from the switch on @node to its uplinks cost. */
static int
uplink_cost(const struct search *s, int node)
{
	const struct plan *plan = s->p->plan;
	int cost = 0;

	for (size_t i = 0; i < plan->n_pfs; i++)
		if (plan->pf[i].device->used && plan->pf[i].node >= 0)
			cost += far(s->p, node, topo_node_index(s->p->topo, plan->pf[i].node));
	return cost;
}

/* What the ways to devices cost when the demand at @depth goes to @node. */
static int
nic_cost(const struct search *s, size_t depth, int node)
{
	const struct demand *d = &s->p->demand[depth];
	bool nodes[TOPO_NODES_MAX] = {false};

	if (d->vnf == SWITCH_DEMAND)
		return uplink_cost(s, node);
	if (d->cell == EMULATOR || (d->cell >= 0 && !d->last))
		return 0;
	nodes[node] = true;
	for (size_t i = 0; i < depth && d->cell >= 0; i++)
		if (s->p->demand[i].vnf == d->vnf)
			nodes[s->now[i].mem_node] = true;
	return plan_nic_cost(s->p, (size_t)d->vnf, nodes);
}

/* Whether another cell of the same guest is on @node. */
static bool
is_taken(const struct search *s, size_t depth, int node)
{
	const struct demand *d = &s->p->demand[depth];

	for (size_t i = 0; i < depth; i++)
		if (s->p->demand[i].vnf == d->vnf && s->p->demand[i].cell >= 0 &&
		    s->now[i].mem_node == node)
			return true;
	return false;
}

static bool
has_cpus(const struct planner *p, int node)
{
	for (size_t i = 0; i < p->topo->n_cpus; i++)
		if (p->topo->cpu[i].node == node)
			return true;
	return false;
}

/* Whether memory of the demand at @depth, with its vCPUs on @near, may be on node @m at all. */
static bool
may_hold(const struct search *s, size_t depth, int near, int m)
{
	const struct demand *d = &s->p->demand[depth];

	if (d->fixed >= 0 && m != d->fixed)
		return false;
	if (d->cell < 0)
		return true;
	/* A cell's memory is where its vCPUs are, and no other cell is there. */
	return (near < 0 ? has_cpus(s->p, m) : m == near) && !is_taken(s, depth, m);
}

/* Takes @d's units of nodes in turn, the roomiest first, while any are missing. */
static bool
take_spread(const struct search *s, const struct demand *d, struct room *r)
{
	bool used[TOPO_NODES_MAX] = {false};
	unsigned int vcpus = d->vcpus, wide, narrow;
	bool emulator = d->emulator;

	for (size_t n = 0; n < s->n_nodes && (vcpus || emulator); n++) {
		int node = rooms_largest(r, s->n_nodes, used);
		unsigned int here = MIN_OF(vcpus, room_vcpus(d, &r[node], s->p->width));
		bool emu = emulator && here == vcpus &&
			   room_fits(d, here, true, &r[node], s->p->width, &wide, &narrow);

		if (!emu && !room_fits(d, here, false, &r[node], s->p->width, &wide, &narrow))
			return false;
		r[node].wide -= wide;
		r[node].narrow -= narrow;
		vcpus -= here;
		emulator = emulator && !emu;
		used[node] = true;
	}
	return !vcpus && !emulator;
}

/* Keeps the list sorted, the earlier of equals first, and drops the dearest when it is full. */
static void
add_option(struct choice *o, size_t *n, struct choice add)
{
	size_t at = *n;

	if (*n == OPTIONS_MAX && add.cost >= o[--at].cost)
		return;
	if (*n < OPTIONS_MAX)
		(*n)++;
	for (; at > 0 && o[at - 1].cost > add.cost; at--)
		o[at] = o[at - 1];
	o[at] = add;
}

/* One way to place CPUs, with every node that has the memory. @near is where memory should be. */
static void
add_options(const struct search *s, size_t depth, int cpu_node_chosen, int near, int cost,
	    struct choice *o, size_t *n)
{
	const struct demand *d = &s->p->demand[depth];
	const struct room *r = s->room + depth * s->n_nodes;
	int hk = housekeeping_node(s->p);

	for (int m = 0; m < (int)s->n_nodes; m++) {
		int dist = near < 0    ? far(s->p, hk, m) + nic_cost(s, depth, m) /* they float */
			   : m == near ? 0
				       : COST_REMOTE + far(s->p, near, m);

		if (may_hold(s, depth, near, m) && memory_fits(d, &r[m]))
			add_option(o, n, (struct choice){cpu_node_chosen, m, cost + dist});
	}
}

/* Taking the roomiest nodes first, most vCPUs end up on the very first: memory belongs there. */
static void
add_spread(const struct search *s, size_t depth, struct choice *o, size_t *n)
{
	const bool used[TOPO_NODES_MAX] = {false};
	const struct demand *d = &s->p->demand[depth];
	const struct room *r = s->room + depth * s->n_nodes;
	int first = rooms_largest(r, s->n_nodes, used);
	/* Only the emulator's core elsewhere is no harm to the vCPUs. */
	bool apart = d->vcpus > room_vcpus(d, &r[first], s->p->width);

	add_options(s, depth, NO_NODE, d->home >= 0 ? d->home : first,
		    apart ? COST_SPREAD : COST_EMULATOR, o, n);
}

/* Every way to place the demand at @depth in what is left, cheapest first. */
static size_t
list_options(const struct search *s, size_t depth, struct choice *o)
{
	const struct demand *d = &s->p->demand[depth];
	const struct room *r = s->room + depth * s->n_nodes;
	unsigned int wide, narrow;
	size_t n = 0;

	if (!d->vcpus && !d->emulator) {
		add_options(s, depth, NO_NODE, d->home,
			    d->home < 0 ? 0 : link_cost(s, depth, d->home), o, &n);
		return n;
	}
	for (int c = 0; c < (int)s->n_nodes; c++) {
		int away = d->home >= 0 && c != d->home ? COST_SPREAD : 0;

		if (d->cell == EMULATOR)
			away = is_taken(s, depth, c) ? 0 : COST_EMULATOR;
		if ((d->fixed < 0 || c == d->fixed) &&
		    room_fits(d, d->vcpus, d->emulator, &r[c], s->p->width, &wide, &narrow))
			add_options(s, depth, c, c,
				    away + link_cost(s, depth, c) + nic_cost(s, depth, c), o, &n);
	}
	if (d->fixed < 0 && d->cell == WHOLE)
		add_spread(s, depth, o, &n);
	return n;
}

/* What is left after the choice at @depth; false when a spread does not fit. */
static bool
take(const struct search *s, size_t depth)
{
	const struct demand *d = &s->p->demand[depth];
	const struct choice *c = &s->now[depth];
	struct room *r = s->room + (depth + 1) * s->n_nodes;
	unsigned int wide, narrow;

	memcpy(r, r - s->n_nodes, s->n_nodes * sizeof(*r));
	take_memory(d, &r[c->mem_node]);
	if (!d->vcpus && !d->emulator)
		return true;
	if (c->cpu_node < 0)
		return take_spread(s, d, r);
	room_fits(d, d->vcpus, d->emulator, &r[c->cpu_node], s->p->width, &wide, &narrow);
	r[c->cpu_node].wide -= wide;
	r[c->cpu_node].narrow -= narrow;
	return true;
}

/* At most PLAN_VNFS_MAX + 1 deep. */
static void
descend(struct search *s, size_t depth, int cost)
{
	struct choice *o = s->option + depth * OPTIONS_MAX;
	size_t n;

	if (depth == s->p->n_demands) {
		s->best = cost;
		memcpy(s->p->choice, s->now, depth * sizeof(*s->now));
		return;
	}
	n = list_options(s, depth, o);
	s->work += (unsigned int)(s->n_nodes * s->n_nodes);
	for (size_t i = 0; i < n && cost + o[i].cost < s->best; i++) {
		if (s->work > (s->best == INT_MAX ? WORK_FIRST : WORK_IMPROVE))
			return;
		s->now[depth] = o[i];
		if (take(s, depth))
			descend(s, depth + 1, cost + o[i].cost);
	}
}

int
nodes_choose(struct planner *p)
{
	struct search s = {.p = p, .n_nodes = p->topo->n_nodes, .best = INT_MAX};
	int r = 0;

	s.room = calloc((p->n_demands + 1) * s.n_nodes, sizeof(*s.room));
	s.option = calloc((p->n_demands + 1) * OPTIONS_MAX, sizeof(*s.option));
	s.now = calloc(p->n_demands + 1, sizeof(*s.now));
	if (!s.room || !s.option || !s.now) {
		r = err_set(p->e, ENOMEM, "plan: out of memory");
		goto free_search;
	}
	s.switch_depth = SIZE_MAX;
	for (size_t i = 0; i < p->n_demands; i++)
		if (p->demand[i].vnf == SWITCH_DEMAND)
			s.switch_depth = i;
	rooms_count(p, s.room);
	descend(&s, 0, 0);
	if (s.best == INT_MAX)
		r = -ENOSPC;
free_search:
	free(s.room);
	free(s.option);
	free(s.now);
	return r;
}
