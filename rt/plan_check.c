/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declarations that contradict the host, found before any placement is tried. What is merely too
 * much for the host is not found here but by the placement, which does the arithmetic.
 */
#include <errno.h>

#include "rt/plan_priv.h"

static int
housekeeping_given(struct planner *p)
{
	const struct site_host *h = &p->site->host;
	char list[128];

	if (cpuset_empty(&h->housekeeping))
		return err_set(p->e, EINVAL,
			       "host %s: housekeeping is empty; name at least one CPU, or say auto",
			       h->name);
	cpuset_for_each (cpu, &h->housekeeping) {
		struct cpuset have = {0};

		if (topo_find_cpu(p->topo, cpu))
			continue;
		for (size_t i = 0; i < p->topo->n_cpus; i++)
			cpuset_add(&have, (unsigned int)p->topo->cpu[i].os);
		return err_set(p->e, EINVAL,
			       "host %s: housekeeping names CPU %d, which this host does not have "
			       "(it has %s); name others, or say auto",
			       h->name, cpu, cpuset_format(&have, list, sizeof(list)));
	}
	p->housekeeping = h->housekeeping;
	return 0;
}

/* Every CPU of the first core of the first node that has CPUs; one that nobody isolated, if any. */
static void
housekeeping_auto(struct planner *p)
{
	const struct topo *t = p->topo;
	const struct topo_cpu *first = NULL;

	for (int pass = 0; pass < 2 && !first; pass++)
		for (size_t n = 0; n < t->n_nodes && !first; n++)
			for (size_t i = 0; i < t->n_cpus && !first; i++)
				if (t->cpu[i].node == (int)n && (pass || !t->cpu[i].isolated))
					first = &t->cpu[i];
	for (size_t i = 0; first && i < t->n_cpus; i++)
		if (t->cpu[i].core == first->core)
			cpuset_add(&p->housekeeping, (unsigned int)t->cpu[i].os);
}

int
plan_housekeeping(struct planner *p)
{
	cpuset_zero(&p->housekeeping);
	if (!p->site->host.housekeeping_auto)
		return housekeeping_given(p);
	housekeeping_auto(p);
	return 0;
}

/* The VNF other than @v with a vCPU pinned to @cpu, or to its core when it wants cores whole. */
static int
pinned_by_other(const struct planner *p, size_t v, const struct topo_cpu *c)
{
	for (size_t o = 0; o < p->site->n_vnfs; o++) {
		const struct site_cpu *cpu = &p->site->vnfs[o].cpu;

		for (unsigned int i = 0; o != v && i < cpu->vcpus; i++) {
			const struct topo_cpu *other =
				cpu->pin[i] < 0 ? NULL : topo_find_cpu(p->topo, cpu->pin[i]);

			if (other && other->core == c->core)
				return (int)o;
		}
	}
	return -1;
}

/* Who else a pin of vCPU @i of VNF @v collides with; only overlap: allow permits that. */
static int
check_pin_alone(struct planner *p, size_t v, unsigned int i)
{
	const struct site_vnf *vnf = &p->site->vnfs[v];
	const struct topo_cpu *c = topo_find_cpu(p->topo, vnf->cpu.pin[i]);
	const char *remedy = "pin it elsewhere, or say overlap: allow in the Host document";
	int other = pinned_by_other(p, v, c);

	cpuset_for_each (h, &p->housekeeping) {
		const struct topo_cpu *hk = topo_find_cpu(p->topo, h);

		if (hk && hk->core == c->core)
			return err_set(
				p->e, EINVAL,
				"vnf %s: vCPU %u is pinned to CPU %d, which is %s housekeeping "
				"(CPU %d); %s",
				vnf->name, i, c->os, h == c->os ? "for" : "a sibling of", h,
				remedy);
	}
	if (other >= 0)
		return err_set(
			p->e, EINVAL,
			"vnf %s: vCPU %u is pinned to CPU %d, on a core that vnf %s is pinned "
			"to; %s",
			vnf->name, i, c->os, p->site->vnfs[other].name, remedy);
	for (unsigned int o = 0; o < i; o++) {
		const struct topo_cpu *mine =
			vnf->cpu.pin[o] < 0 ? NULL : topo_find_cpu(p->topo, vnf->cpu.pin[o]);

		if (mine &&
		    (mine == c || (mine->core == c->core && vnf->cpu.threads == THREADS_ISOLATE)))
			return err_set(p->e, EINVAL,
				       "vnf %s: vCPUs %u and %u are pinned to %s %d%s; %s",
				       vnf->name, o, i,
				       mine == c ? "the same CPU" : "SMT siblings of core",
				       mine == c ? c->os : c->core,
				       mine == c ? "" : ", which threads: isolate forbids", remedy);
	}
	return 0;
}

static int
check_pin(struct planner *p, size_t v, unsigned int i)
{
	const struct site_vnf *vnf = &p->site->vnfs[v];
	const struct topo_cpu *c = topo_find_cpu(p->topo, vnf->cpu.pin[i]);

	if (vnf->cpu.policy != CPU_DEDICATED)
		return err_set(p->e, EINVAL,
			       "vnf %s: vCPU %u is pinned, which needs cpu.policy: dedicated",
			       vnf->name, i);
	if (!c)
		return err_set(
			p->e, EINVAL,
			"vnf %s: vCPU %u is pinned to CPU %d, which this host does not have or "
			"this process may not use; it has %zu CPUs, up to CPU %d",
			vnf->name, i, vnf->cpu.pin[i], p->topo->n_cpus,
			p->topo->cpu[p->topo->n_cpus - 1].os);
	if (vnf->numa_node != NODE_AUTO && p->topo->node[c->node].os != vnf->numa_node)
		return err_set(
			p->e, EINVAL,
			"vnf %s: vCPU %u is pinned to CPU %d of NUMA node %d, but numa.node is "
			"%d; change one of them",
			vnf->name, i, c->os, p->topo->node[c->node].os, vnf->numa_node);
	if (vnf->cells < 2 && plan_bound(p, v, 0) >= 0 && plan_bound(p, v, 0) != c->node)
		return err_set(
			p->e, EINVAL,
			"vnf %s: vCPU %u is pinned to CPU %d of NUMA node %d, but numa.nics is "
			"required and its devices are on node %d; pin it elsewhere, or say "
			"numa.nics: preferred",
			vnf->name, i, c->os, p->topo->node[c->node].os,
			p->topo->node[plan_bound(p, v, 0)].os);
	return p->site->host.overlap == OVERLAP_ALLOW ? 0 : check_pin_alone(p, v, i);
}

static int
check_node(struct planner *p, const struct site_vnf *vnf)
{
	int node = topo_node_index(p->topo, vnf->numa_node);

	if (node < 0)
		return err_set(
			p->e, EINVAL,
			"vnf %s: numa.node is %d, which this host does not have (or which has no "
			"memory); it has %zu, the last is %d",
			vnf->name, vnf->numa_node, p->topo->n_nodes,
			p->topo->node[p->topo->n_nodes - 1].os);
	for (size_t i = 0; i < p->topo->n_cpus; i++)
		if (p->topo->cpu[i].node == node)
			return 0;
	if (vnf->cpu.policy == CPU_SHARED)
		return 0;
	return err_set(
		p->e, EINVAL,
		"vnf %s: numa.node is %d, which has no CPUs for its %u vCPUs; name another node, "
		"or say auto",
		vnf->name, vnf->numa_node, vnf->cpu.vcpus);
}

/* What config/ has checked already; a site built by another program gets the same protection. */
static int
check_numbers(struct planner *p, const struct site_vnf *vnf)
{
	const struct site_memory *m = &vnf->memory;

	if (vnf->cpu.vcpus < 1 || vnf->cpu.vcpus > SITE_VCPUS_MAX)
		return err_set(p->e, EINVAL, "vnf %s: %u vCPUs are not 1..%d", vnf->name,
			       vnf->cpu.vcpus, SITE_VCPUS_MAX);
	if ((m->page_size != 4096 && m->page_size != SIZE_2M && m->page_size != SIZE_1G) ||
	    m->size < m->page_size || m->size % m->page_size)
		return err_set(p->e, EINVAL,
			       "vnf %s: memory is not a whole number of 4Ki, 2Mi or 1Gi pages",
			       vnf->name);
	if (vnf->cells < 2)
		return 0;
	if (vnf->cells > SITE_CELLS_MAX || vnf->cpu.vcpus % vnf->cells ||
	    m->size / m->page_size % vnf->cells || vnf->cpu.policy != CPU_DEDICATED ||
	    vnf->numa_node != NODE_AUTO)
		return err_set(p->e, EINVAL,
			       "vnf %s: %u cells are more than %d, do not divide its vCPUs and "
			       "pages evenly, or go with policy shared or a node",
			       vnf->name, vnf->cells, SITE_CELLS_MAX);
	return 0;
}

static int
check_vnf(struct planner *p, size_t v)
{
	const struct site_vnf *vnf = &p->site->vnfs[v];
	int r;

	r = vnf->numa_node == NODE_AUTO ? 0 : check_node(p, vnf);
	for (unsigned int i = 0; !r && i < vnf->cpu.vcpus; i++)
		r = vnf->cpu.pin[i] == PIN_AUTO ? 0 : check_pin(p, v, i);
	if (!r && vnf->cpu.policy == CPU_DEDICATED && vnf->cpu.threads == THREADS_REQUIRE &&
	    p->width == 1)
		r = err_set(
			p->e, EINVAL,
			"vnf %s: cpu.threads is require, but no core of this host has SMT siblings "
			"that can be used; switch SMT on, or say threads: prefer",
			vnf->name);
	return r;
}

/* CPUs that the declaration names for the switch. */
static int
check_lanes(struct planner *p)
{
	const struct site_host *h = &p->site->host;

	cpuset_for_each (cpu, &h->sw.cpus) {
		const struct topo_cpu *c = topo_find_cpu(p->topo, cpu);
		int pinned = c ? pinned_by_other(p, SIZE_MAX, c) : -1;

		if (!c)
			return err_set(
				p->e, EINVAL,
				"host %s: switch.cpus names CPU %d, which this host does not "
				"have; name others, or say auto",
				h->name, cpu);
		if (h->overlap == OVERLAP_ALLOW)
			continue;
		if (pinned >= 0)
			return err_set(
				p->e, EINVAL,
				"host %s: switch.cpus names CPU %d, on a core that vnf %s is "
				"pinned to; name another, or say overlap: allow",
				h->name, cpu, p->site->vnfs[pinned].name);
		cpuset_for_each (k, &p->housekeeping) {
			const struct topo_cpu *hk = topo_find_cpu(p->topo, k);

			if (hk && hk->core == c->core)
				return err_set(p->e, EINVAL,
					       "host %s: switch.cpus names CPU %d, which is %s "
					       "housekeeping (CPU %d); name another, or say "
					       "overlap: allow",
					       h->name, cpu, k == cpu ? "for" : "a sibling of", k);
		}
	}
	return 0;
}

int
plan_check(struct planner *p)
{
	int r = p->plan->has_switch ? check_lanes(p) : 0;

	for (size_t v = 0; !r && v < p->site->n_vnfs; v++)
		r = check_numbers(p, &p->site->vnfs[v]);
	if (!r)
		r = plan_bind(p);
	for (size_t v = 0; !r && v < p->site->n_vnfs; v++)
		r = check_vnf(p, v);
	return r;
}
