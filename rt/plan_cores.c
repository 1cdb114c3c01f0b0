/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which cores of the chosen nodes: the vCPUs of one VNF behind one L3 where they fit, those of the
 * switch's users near the switch. Takes exactly as many of each sort as plan_nodes.c counted.
 */
#include <errno.h>
#include <stdlib.h>

#include "rt/plan_priv.h"

/* Free units of @node with (@wide) or without siblings, behind cache @l3 (-2: any). */
static unsigned int
count_free(const struct planner *p, int node, int l3, bool wide)
{
	unsigned int n = 0;

	for (size_t j = 0; j < p->n_units; j++) {
		const struct unit *u = &p->unit[j];

		n += u->owner == UNIT_FREE && u->node == node && (l3 == -2 || u->l3 == l3) &&
		     (u->n_cpus > 1) == wide;
	}
	return n;
}

static int
l3_of(struct planner *p, int cpu)
{
	const struct topo_cpu *c = topo_find_cpu(p->topo, cpu);

	return c ? c->l3 : -2;
}

/*
 * The cache to take the next units from: the switch's when all fit there and @near says so; else
 * the fullest one where all fit; else the emptiest.
 */
static int
choose_l3(struct planner *p, int node, unsigned int wide, unsigned int narrow, bool near)
{
	int best = -2, most = -2, near_l3 = near ? l3_of(p, p->plan->switch_cpu) : -2;
	unsigned int best_left = 0, most_free = 0;

	for (size_t j = 0; j < p->n_units; j++) {
		int l3 = p->unit[j].l3;
		unsigned int w, n;

		if (p->unit[j].node != node || p->unit[j].owner != UNIT_FREE)
			continue;
		w = count_free(p, node, l3, true);
		n = count_free(p, node, l3, false);
		if (w + n > most_free) {
			most_free = w + n;
			most = l3;
		}
		if (w < wide || n < narrow)
			continue;
		if (l3 == near_l3)
			return l3;
		if (best == -2 || w + n - wide - narrow < best_left) {
			best_left = w + n - wide - narrow;
			best = l3;
		}
	}
	return best != -2 ? best : most;
}

/* An isolated one before others: somebody isolated it for this. */
static struct unit *
pick(struct planner *p, int node, int l3, bool wide)
{
	struct unit *best = NULL;

	for (size_t j = 0; j < p->n_units; j++) {
		struct unit *u = &p->unit[j];

		if (u->owner == UNIT_FREE && u->node == node && u->l3 == l3 &&
		    (u->n_cpus > 1) == wide && (!best || u->isolated > best->isolated))
			best = u;
	}
	return best;
}

/*
 * Gives @u to the demand: the next unplaced vCPUs, or the emulator threads when there are none
 * left.
 */
static void
give(struct planner *p, const struct demand *d, struct unit *u, unsigned int *vcpus)
{
	struct plan_vnf *pv;
	int used = 0;

	if (d->vnf == SWITCH_DEMAND) {
		u->owner = UNIT_SWITCH;
		p->plan->lane_cpu[p->plan->n_lanes++] = u->cpu[0];
		p->plan->switch_cpu = p->plan->lane_cpu[0];
		return;
	}
	u->owner = d->vnf;
	pv = &p->plan->vnf[d->vnf];
	if (!*vcpus) {
		for (int i = 0; i < u->n_cpus; i++)
			cpuset_add(&pv->emulator, (unsigned int)u->cpu[i]);
		return;
	}
	for (unsigned int i = d->first; i < d->end && *vcpus; i++) {
		if (pv->cpu[i] >= 0 || used == (d->fill == FILL_ONE ? 1 : u->n_cpus))
			continue;
		pv->cpu[i] = u->cpu[used++];
		(*vcpus)--;
	}
}

/* Takes units for @vcpus of @d, and for its emulator, on @node. */
static int
take_on_node(struct planner *p, const struct demand *d, int node, unsigned int vcpus, bool emulator)
{
	struct room r = {.wide = count_free(p, node, -2, true),
			 .narrow = count_free(p, node, -2, false)};
	bool near = d->links > 0;
	unsigned int wide, narrow;
	struct unit *u;

	if (!room_fits(d, vcpus, emulator, &r, p->width, &wide, &narrow))
		return -ENOSPC;
	while (wide || narrow) {
		int l3 = choose_l3(p, node, wide, narrow, near);
		bool first = true;

		/* All that this cache has, wide ones first where pairs are wanted. */
		while ((u = wide ? pick(p, node, l3, true) : NULL) ||
		       (u = narrow ? pick(p, node, l3, false) : NULL)) {
			if (u->n_cpus > 1)
				wide--;
			else
				narrow--;
			give(p, d, u, &vcpus);
			first = false;
		}
		if (first)
			return -ENOSPC;
	}
	return 0;
}

/* The same walk over nodes as plan_nodes.c made when it counted. */
static int
take_spread(struct planner *p, const struct demand *d)
{
	struct room *r = calloc(p->topo->n_nodes, sizeof(*r));
	bool used[TOPO_NODES_MAX] = {false}, emulator = d->emulator;
	unsigned int vcpus = d->vcpus, wide, narrow;
	int err = r ? 0 : -ENOMEM;

	if (r)
		rooms_count(p, r);
	for (size_t n = 0; !err && n < p->topo->n_nodes && (vcpus || emulator); n++) {
		int node = rooms_largest(r, p->topo->n_nodes, used);
		unsigned int here = MIN_OF(vcpus, room_vcpus(d, &r[node], p->width));
		bool emu = emulator && here == vcpus &&
			   room_fits(d, here, true, &r[node], p->width, &wide, &narrow);

		err = take_on_node(p, d, node, here, emu);
		vcpus -= here;
		emulator = emulator && !emu;
		used[node] = true;
	}
	free(r);
	return err;
}

static void
place_memory(struct planner *p, const struct demand *d, int mem_node)
{
	const struct topo_node *n = &p->topo->node[mem_node];
	struct plan_vnf *pv;

	if (d->vnf == SWITCH_DEMAND) {
		p->plan->switch_node = n->os;
		return;
	}
	if (d->cell == EMULATOR)
		return;
	pv = &p->plan->vnf[d->vnf];
	pv->cell_node[MAX_OF(d->cell, 0)] = p->topo->n_nodes > 1 ? n->os : -1;
	pv->node = pv->cell_node[0];
}

int
cores_pick(struct planner *p)
{
	int r = 0;

	for (size_t v = 0; v < p->plan->n_vnfs; v++)
		cpuset_zero(&p->plan->vnf[v].emulator);
	for (size_t i = 0; i < p->n_demands && !r; i++) {
		const struct demand *d = &p->demand[i];
		const struct choice *c = &p->choice[i];

		place_memory(p, d, c->mem_node);
		if (!d->vcpus && !d->emulator)
			continue;
		if (c->cpu_node < 0)
			r = take_spread(p, d);
		else
			r = take_on_node(p, d, c->cpu_node, d->vcpus, d->emulator);
	}
	for (size_t v = 0; v < p->plan->n_vnfs; v++)
		if (cpuset_empty(&p->plan->vnf[v].emulator))
			p->plan->vnf[v].emulator = p->plan->housekeeping;
	return r;
}
