/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last stage of overlap: allow: more vCPUs than CPUs. Each vCPU goes to the CPU with the
 * fewest, away from the switch and from housekeeping as long as there is any other: sharing with a
 * polling switch would slow every VNF down, sharing with another vCPU only those two.
 */
#include <limits.h>

#include "rt/plan_priv.h"

struct load {
	unsigned int cpu[CPUSET_MAX];  /* vCPUs on it */
	unsigned int core[CPUSET_MAX]; /* vCPUs on any of its siblings, by core number */
};

enum pool { POOL_QUIET, POOL_NOT_SWITCH, POOL_ALL, POOLS };

static bool
in_pool(const struct planner *p, const struct topo_cpu *c, enum pool pool)
{
	if (pool == POOL_ALL)
		return true;
	if (plan_is_lane(p->plan, c->os))
		return false;
	return pool == POOL_NOT_SWITCH || !cpuset_has(&p->plan->housekeeping, (unsigned int)c->os);
}

/* Fewer on the CPU, then the VNF's own node, then fewer on the core, then the lower number. */
static bool
is_better(const struct load *l, const struct topo_cpu *a, const struct topo_cpu *b, int node)
{
	if (l->cpu[a->os] != l->cpu[b->os])
		return l->cpu[a->os] < l->cpu[b->os];
	if ((a->node == node) != (b->node == node))
		return a->node == node;
	return l->core[a->core] < l->core[b->core];
}

static const struct topo_cpu *
least_loaded(const struct planner *p, const struct load *l, int fixed, int node)
{
	for (enum pool pool = POOL_QUIET; pool < POOLS; pool++) {
		const struct topo_cpu *best = NULL;

		for (size_t i = 0; i < p->topo->n_cpus; i++) {
			const struct topo_cpu *c = &p->topo->cpu[i];

			if (!in_pool(p, c, pool) || (fixed >= 0 && c->node != fixed))
				continue;
			if (!best || is_better(l, c, best, node))
				best = c;
		}
		if (best)
			return best;
	}
	return NULL;
}

static void
load_add(struct load *l, const struct topo_cpu *c)
{
	l->cpu[c->os]++;
	l->core[c->core]++;
}

void
cores_share(struct planner *p)
{
	struct plan *plan = p->plan;
	struct load l = {0};

	for (size_t v = 0; v < plan->n_vnfs; v++)
		for (unsigned int i = 0; i < plan->vnf[v].vnf->cpu.vcpus; i++)
			if (plan->vnf[v].cpu[i] >= 0)
				load_add(&l, topo_find_cpu(p->topo, plan->vnf[v].cpu[i]));
	for (size_t v = 0; v < plan->n_vnfs; v++) {
		struct plan_vnf *pv = &plan->vnf[v];
		const struct site_vnf *vnf = pv->vnf;

		if (vnf->cpu.policy != CPU_DEDICATED)
			continue;
		for (unsigned int i = 0; i < vnf->cpu.vcpus; i++) {
			unsigned int cell = plan_cell_of(vnf, i);
			int node = MAX_OF(topo_node_index(p->topo, pv->cell_node[cell]), 0);
			int fixed = vnf->cells > 1 ? node : plan_bound(p, v, 0);
			const struct topo_cpu *c;

			if (pv->cpu[i] >= 0)
				continue;
			c = least_loaded(p, &l, fixed, node);
			if (!c) /* excluded by plan_check(): a fixed node has CPUs */
				continue;
			pv->cpu[i] = c->os;
			load_add(&l, c);
		}
	}
}
