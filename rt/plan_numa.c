/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which NUMA nodes are given by the declaration and by where devices are, before anything is
 * searched: numa.node, numa.nics: required, and pins of guests with several cells. And what the
 * way to a device costs, where it is only preferred.
 */
#include <errno.h>
#include <stdlib.h>

#include "rt/plan_priv.h"

/* A step of SLIT distance weighs more for a device than for a port of the switch: nothing queues there. */
#define COST_NIC 2

unsigned int
plan_cells(const struct site_vnf *vnf)
{
	return vnf->cells > 1 ? vnf->cells : 1;
}

unsigned int
plan_cell_of(const struct site_vnf *vnf, unsigned int vcpu)
{
	return vcpu / (vnf->cpu.vcpus / plan_cells(vnf));
}

int
plan_bound(const struct planner *p, size_t v, unsigned int cell)
{
	return p->bound[v * SITE_CELLS_MAX + cell];
}

static int *
bound_of(struct planner *p, size_t v)
{
	return &p->bound[v * SITE_CELLS_MAX];
}

/* The first function of VNF @v at or after @from, or plan->n_vfs: they stand in order of VNFs. */
static size_t
next_function(const struct planner *p, size_t v, size_t from)
{
	size_t i = MAX_OF(from, p->vf_first[v]);

	return i < p->plan->n_vfs && p->plan->vf[i].vnf == v ? i : p->plan->n_vfs;
}

#define for_each_function(f, p, v)                                                                 \
	for (size_t f = next_function(p, v, 0); f < (p)->plan->n_vfs;                              \
	     f = next_function(p, v, f + 1))

static const struct plan_pf *
pf_of(const struct planner *p, size_t f)
{
	return &p->plan->pf[p->plan->vf[f].pf];
}

int
plan_nic_cost(const struct planner *p, size_t v, const bool *nodes)
{
	int sum = 0;

	for_each_function(f, p, v)
	{
		int at = topo_node_index(p->topo, pf_of(p, f)->node), best = -1;

		for (size_t n = 0; at >= 0 && n < p->topo->n_nodes; n++) {
			int far = p->topo->node[at].distance[n] - 10;

			if (nodes[n] && (best < 0 || far < best))
				best = far;
		}
		sum += best > 0 ? COST_NIC * best : 0;
	}
	return sum;
}

static bool
has_cpus(const struct planner *p, int node)
{
	for (size_t i = 0; i < p->topo->n_cpus; i++)
		if (p->topo->cpu[i].node == node)
			return true;
	return false;
}

/* Whether the device of function @f is on a node where its VNF can be. */
static int
check_usable(struct planner *p, size_t v, size_t f)
{
	const struct site_vnf *vnf = &p->site->vnfs[v];
	const struct plan_pf *pf = pf_of(p, f);
	int node = topo_node_index(p->topo, pf->node);
	const char *lacks = node < 0 ? "memory" : "CPUs";

	if (node >= 0 && (vnf->cpu.policy == CPU_SHARED || has_cpus(p, node)))
		return 0;
	return err_set(p->e, EINVAL,
		       "vnf %s: numa.nics is required, but its device %s is on NUMA node %d, which "
		       "has no %s that this process may use; say numa.nics: preferred",
		       vnf->name, pf->device->name, pf->node, lacks);
}

static int
refuse_apart(struct planner *p, size_t v, size_t a, size_t b)
{
	return err_set(p->e, EINVAL,
		       "vnf %s: numa.nics is required, but its devices are on different NUMA nodes "
		       "(%s on node %d, %s on node %d); say numa.nics: preferred or numa.cells: 2, "
		       "or use devices of one node",
		       p->site->vnfs[v].name, pf_of(p, a)->device->name, pf_of(p, a)->node,
		       pf_of(p, b)->device->name, pf_of(p, b)->node);
}

/* A guest that sees one node. */
static int
bind_whole(struct planner *p, size_t v)
{
	const struct site_vnf *vnf = &p->site->vnfs[v];
	int *bound = bound_of(p, v), r;
	size_t first = p->plan->n_vfs;

	if (vnf->numa_node != NODE_AUTO)
		bound[0] = topo_node_index(p->topo, vnf->numa_node);
	if (!vnf->numa_nics)
		return 0;
	for_each_function(f, p, v)
	{
		if (pf_of(p, f)->node < 0)
			continue;
		r = check_usable(p, v, f);
		if (r < 0)
			return r;
		if (first == p->plan->n_vfs)
			first = f;
		if (pf_of(p, f)->node != pf_of(p, first)->node)
			return refuse_apart(p, v, first, f);
	}
	if (first == p->plan->n_vfs)
		return 0;
	if (vnf->numa_node != NODE_AUTO && pf_of(p, first)->node != vnf->numa_node)
		return err_set(p->e, EINVAL,
			       "vnf %s: numa.node is %d, but numa.nics is required and its device "
			       "%s is on node %d; change numa.node, or say numa.nics: preferred",
			       vnf->name, vnf->numa_node, pf_of(p, first)->device->name,
			       pf_of(p, first)->node);
	bound[0] = topo_node_index(p->topo, pf_of(p, first)->node);
	return 0;
}

/* Pins say where a cell is. */
static int
bind_pinned(struct planner *p, size_t v)
{
	const struct site_vnf *vnf = &p->site->vnfs[v];
	int *bound = bound_of(p, v);

	for (unsigned int i = 0; i < vnf->cpu.vcpus; i++) {
		const struct topo_cpu *c = topo_find_cpu(p->topo, vnf->cpu.pin[i]);
		unsigned int cell = plan_cell_of(vnf, i);

		if (!c) /* not pinned, or to what is not there: plan_check() says so */
			continue;
		if (bound[cell] >= 0 && bound[cell] != c->node)
			return err_set(p->e, EINVAL,
				       "vnf %s: vCPU %u is pinned to CPU %d of NUMA node %d, but "
				       "another vCPU of its cell %u to node %d; a cell is on one "
				       "node",
				       vnf->name, i, c->os, p->topo->node[c->node].os, cell,
				       p->topo->node[bound[cell]].os);
		bound[cell] = c->node;
		for (unsigned int o = 0; o < vnf->cells; o++)
			if (o != cell && bound[o] == c->node)
				return err_set(p->e, EINVAL,
					       "vnf %s: cells %u and %u are both pinned to NUMA "
					       "node %d; each needs one of its own",
					       vnf->name, MIN_OF(o, cell), MAX_OF(o, cell),
					       p->topo->node[c->node].os);
	}
	return 0;
}

/* Each node of a device gets a cell; which one is all the same, since all are equal. */
static int
bind_cells(struct planner *p, size_t v)
{
	const struct site_vnf *vnf = &p->site->vnfs[v];
	int *bound = bound_of(p, v);
	unsigned int usable = 0, cell;
	int r;

	for (int n = 0; n < (int)p->topo->n_nodes; n++)
		usable += has_cpus(p, n);
	if (usable < vnf->cells)
		return err_set(p->e, EINVAL,
			       "vnf %s: numa.cells is %u, and each needs a host NUMA node of its "
			       "own; this host has %u with CPUs and memory",
			       vnf->name, vnf->cells, usable);
	r = bind_pinned(p, v);
	if (r < 0 || !vnf->numa_nics)
		return r;
	for_each_function(f, p, v)
	{
		int node = topo_node_index(p->topo, pf_of(p, f)->node);

		if (pf_of(p, f)->node < 0)
			continue;
		r = check_usable(p, v, f);
		if (r < 0)
			return r;
		for (cell = 0; cell < vnf->cells && bound[cell] != node; cell++)
			;
		if (cell < vnf->cells)
			continue;
		for (cell = 0; cell < vnf->cells && bound[cell] >= 0; cell++)
			;
		if (cell == vnf->cells)
			return err_set(p->e, EINVAL,
				       "vnf %s: numa.nics is required, but its device %s is on "
				       "NUMA node %d, and its %u cells are on others (other "
				       "devices or pins put them there); raise numa.cells, or say "
				       "numa.nics: preferred",
				       vnf->name, pf_of(p, f)->device->name, pf_of(p, f)->node,
				       vnf->cells);
		bound[cell] = node;
	}
	return 0;
}

int
plan_bind(struct planner *p)
{
	size_t n = p->site->n_vnfs, f = 0;
	int r = 0;

	p->bound = malloc((n + 1) * SITE_CELLS_MAX * sizeof(*p->bound));
	p->vf_first = calloc(n + 1, sizeof(*p->vf_first));
	if (!p->bound || !p->vf_first)
		return err_set(p->e, ENOMEM, "plan: out of memory");
	for (size_t i = 0; i < n * SITE_CELLS_MAX; i++)
		p->bound[i] = NO_NODE;
	for (size_t v = 0; v < n && r == 0; v++) {
		p->vf_first[v] = f;
		while (f < p->plan->n_vfs && p->plan->vf[f].vnf == v)
			f++;
		r = p->site->vnfs[v].cells > 1 ? bind_cells(p, v) : bind_whole(p, v);
	}
	return r;
}
