/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a site fits on a small host, by trying every way to give whole cores to owners and memory
 * to nodes. It shares nothing with the planner, in code or in thought.
 */
#ifndef CORELANE_TEST_RT_BRUTE_H
#define CORELANE_TEST_RT_BRUTE_H

#include "test_rt_site.h"

static inline int
core_of(const struct topo *t, int cpu)
{
	const struct topo_cpu *c = topo_find_cpu(t, cpu);

	return c ? c->core : -1;
}

static inline int
threads_of(const struct topo *t, int core)
{
	int n = 0;

	for (size_t i = 0; i < t->n_cpus; i++)
		n += t->cpu[i].core == core;
	return n;
}

static inline int
node_of_core(const struct topo *t, int core)
{
	for (size_t i = 0; i < t->n_cpus; i++)
		if (t->cpu[i].core == core)
			return t->cpu[i].node;
	return -1;
}

struct brute {
	const struct topo *t;
	const struct test_site *s;
	bool has_switch;
	int n_cores;
	int owner
		[CPUSET_MAX]; /* of each core: 0 nobody, 1 housekeeping, 2 switch, 10 + v, 50 + v */
	int cell[TEST_VNFS_MAX][SITE_CELLS_MAX]; /* node of each cell, in the try at hand */
	bool all_cores; /* memory only: sharing would find CPUs for everybody */
};

static inline unsigned int
cells_of(const struct site_vnf *v)
{
	return v->cells ? v->cells : 1;
}

/* The node that VNF @v must be on, by name or for its devices, or -1. */
static inline int
must_node(const struct brute *b, const struct site_vnf *v)
{
	for (size_t i = 0; i < b->t->n_nodes; i++)
		if (v->numa_node == b->t->node[i].os)
			return (int)i;
	for (size_t i = 0; i < v->n_interfaces && v->numa_nics; i++)
		if (v->interfaces[i].kind == IF_SRIOV &&
		    b->t->pf[v->interfaces[i].device].node >= 0)
			return b->t->pf[v->interfaces[i].device].node;
	return -1;
}

/* Whether vCPUs @first..@end-1 of VNF @v find room on its cores of @node (-1: of all nodes). */
static inline bool
cores_suffice(const struct brute *b, int v, unsigned int first, unsigned int end, int node)
{
	const struct site_cpu *cpu = &b->s->vnf[v].cpu;
	int pinned[CPUSET_MAX] = {0}, room = 0, n_pinned = 0;

	for (unsigned int i = first; i < end; i++) {
		int core = cpu->pin[i] < 0 ? -1 : core_of(b->t, cpu->pin[i]);

		if (core < 0)
			continue;
		if (b->owner[core] != 10 + v || (node >= 0 && node_of_core(b->t, core) != node))
			return false;
		pinned[core]++;
		n_pinned++;
	}
	for (int c = 0; c < b->n_cores; c++) {
		int threads = threads_of(b->t, c);

		if (b->owner[c] != 10 + v || (node >= 0 && node_of_core(b->t, c) != node))
			continue;
		if (cpu->threads == THREADS_ISOLATE)
			room += pinned[c] ? 0 : 1;
		else if (cpu->threads == THREADS_PREFER || threads > 1 || pinned[c])
			room += threads - pinned[c];
	}
	return room >= (int)(end - first) - n_pinned;
}

static inline bool
vcpus_suffice(const struct brute *b, int v)
{
	const struct site_vnf *vnf = &b->s->vnf[v];
	unsigned int cells = cells_of(vnf), each = vnf->cpu.vcpus / cells;

	for (unsigned int c = 0; c < cells; c++)
		if (!cores_suffice(b, v, c * each, (c + 1) * each, cells > 1 ? b->cell[v][c] : -1))
			return false;
	return true;
}

static inline bool
emulator_suffices(const struct brute *b, int v)
{
	for (int c = 0; c < b->n_cores; c++)
		if (b->owner[c] == 50 + v)
			return true;
	return b->s->vnf[v].cpu.emulator != EMULATOR_ISOLATE;
}

static inline bool
owners_suffice(const struct brute *b)
{
	int switches = 0;

	for (int c = 0; c < b->n_cores; c++)
		switches += b->owner[c] == 2;
	if (b->has_switch && !switches)
		return false;
	for (int v = 0; v < (int)b->s->site.n_vnfs; v++) {
		const struct site_vnf *vnf = &b->s->vnf[v];
		int node = cells_of(vnf) > 1 ? -1 : must_node(b, vnf);

		for (int c = 0; c < b->n_cores; c++)
			if ((b->owner[c] == 10 + v || b->owner[c] == 50 + v) && node >= 0 &&
			    node_of_core(b->t, c) != node)
				return false;
		if (!emulator_suffices(b, v) ||
		    (vnf->cpu.policy != CPU_SHARED && !vcpus_suffice(b, v)))
			return false;
	}
	return true;
}

static inline bool
brute_cores(struct brute *b, int core)
{
	if (core == b->n_cores)
		return owners_suffice(b);
	if (b->owner[core] == 1)
		return brute_cores(b, core + 1);
	for (int o = 0; o < 2 * (int)b->s->site.n_vnfs + 2; o++) {
		int n = (int)b->s->site.n_vnfs;

		b->owner[core] = o == 0 ? 0 : o == 1 ? 2 : o < 2 + n ? 10 + o - 2 : 50 + o - 2 - n;
		if (brute_cores(b, core + 1))
			return true;
	}
	b->owner[core] = 0;
	return false;
}

/* Whether VNFs @v and up fit into @free, after the switch took its pages somewhere. */
static inline bool
brute_memory(const struct brute *b, size_t v, uint64_t *free_2m)
{
	const struct site_vnf *vnf = &b->s->vnf[v];
	uint64_t pages;
	bool fits = true;

	if (v == b->s->site.n_vnfs)
		return true;
	pages = vnf->memory.size / vnf->memory.page_size / cells_of(vnf);
	if (cells_of(vnf) > 1) {
		for (unsigned int c = 0; c < vnf->cells; c++)
			fits &= free_2m[b->cell[v][c]] >= pages;
		for (unsigned int c = 0; c < vnf->cells && fits; c++)
			free_2m[b->cell[v][c]] -= pages;
		if (fits && brute_memory(b, v + 1, free_2m))
			return true;
		for (unsigned int c = 0; c < vnf->cells && fits; c++)
			free_2m[b->cell[v][c]] += pages;
		return false;
	}
	for (size_t n = 0; n < b->t->n_nodes; n++) {
		int node = must_node(b, vnf);

		if (free_2m[n] < pages || (node >= 0 && node != (int)n))
			continue;
		free_2m[n] -= pages;
		if (brute_memory(b, v + 1, free_2m))
			return true;
		free_2m[n] += pages;
	}
	return false;
}

static inline bool
memory_suffices(const struct brute *b)
{
	for (size_t sw = 0; sw < b->t->n_nodes; sw++) {
		uint64_t free_2m[TOPO_NODES_MAX];

		for (size_t n = 0; n < b->t->n_nodes; n++)
			free_2m[n] = b->t->live ? b->t->node[n].free_2m : 1u << 30;
		if (b->has_switch && free_2m[sw] < 32)
			continue;
		free_2m[sw] -= b->has_switch ? 32 : 0;
		if (brute_memory(b, 0, free_2m))
			return true;
	}
	return false;
}

/* Whether the nodes that were chosen for VNF @v's cells go with its pins and devices. */
static inline bool
cells_agree(const struct brute *b, size_t v)
{
	const struct site_vnf *vnf = &b->s->vnf[v];

	for (unsigned int i = 0; i < vnf->cpu.vcpus; i++) {
		const struct topo_cpu *c = topo_find_cpu(b->t, vnf->cpu.pin[i]);

		if (c && c->node != b->cell[v][i / (vnf->cpu.vcpus / vnf->cells)])
			return false;
	}
	for (size_t i = 0; i < vnf->n_interfaces && vnf->numa_nics; i++) {
		int node = vnf->interfaces[i].kind == IF_SRIOV
				   ? b->t->pf[vnf->interfaces[i].device].node
				   : -1;
		bool found = node < 0;

		for (unsigned int c = 0; c < vnf->cells; c++)
			found |= b->cell[v][c] == node;
		if (!found)
			return false;
	}
	return true;
}

/* Every way to give nodes to the cells of VNFs @v and up, from cell @c on; then cores and memory. */
static inline bool
brute_try(struct brute *b, size_t v, unsigned int c)
{
	const struct site_vnf *vnf = &b->s->vnf[v];

	if (v == b->s->site.n_vnfs) {
		struct brute fresh = *b;

		return (b->all_cores || brute_cores(&fresh, 0)) && memory_suffices(b);
	}
	if (cells_of(vnf) < 2)
		return brute_try(b, v + 1, 0);
	if (c == vnf->cells)
		return cells_agree(b, v) && brute_try(b, v + 1, 0);
	for (int n = 0; n < (int)b->t->n_nodes; n++) {
		bool usable = false;

		for (size_t i = 0; i < b->t->n_cpus; i++)
			usable |= b->t->cpu[i].node == n;
		for (unsigned int o = 0; o < c; o++)
			usable &= b->cell[v][o] != n;
		b->cell[v][c] = n;
		if (usable && brute_try(b, v, c + 1))
			return true;
	}
	return false;
}

/* Whether the site fits without sharing; or only its memory, when @all_cores. */
static inline bool
brute_fits(struct brute *b, bool all_cores)
{
	b->all_cores = all_cores;
	return brute_try(b, 0, 0);
}

/* Housekeeping as the planner chose it: that choice is not what is judged here. */
static inline void
brute_init(struct brute *b, const struct topo *t, const struct test_site *s)
{
	const struct topo_cpu *first = NULL;

	*b = (struct brute){.t = t, .s = s};
	for (int pass = 0; pass < 2 && !first; pass++)
		for (size_t n = 0; n < t->n_nodes && !first; n++)
			for (size_t i = 0; i < t->n_cpus && !first; i++)
				if (t->cpu[i].node == (int)n && (pass || !t->cpu[i].isolated))
					first = &t->cpu[i];
	for (size_t i = 0; i < t->n_cpus; i++)
		b->n_cores = MAX_OF(b->n_cores, t->cpu[i].core + 1);
	b->owner[first->core] = 1;
	for (size_t v = 0; v < s->site.n_vnfs; v++)
		for (size_t i = 0; i < s->vnf[v].n_interfaces; i++)
			b->has_switch |= s->vnf[v].interfaces[i].kind == IF_SWITCH;
}

#endif
