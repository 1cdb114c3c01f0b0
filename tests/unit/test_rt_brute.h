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
};

/* vCPUs that VNF @v can have on the cores it was given. */
static inline bool
cores_suffice(const struct brute *b, int v)
{
	const struct site_cpu *cpu = &b->s->vnf[v].cpu;
	int pinned[CPUSET_MAX] = {0}, room = 0, n_pinned = 0, emulators = 0;

	for (unsigned int i = 0; i < cpu->vcpus; i++) {
		int core = cpu->pin[i] < 0 ? -1 : core_of(b->t, cpu->pin[i]);

		if (core < 0)
			continue;
		if (b->owner[core] != 10 + v)
			return false;
		pinned[core]++;
		n_pinned++;
	}
	for (int c = 0; c < b->n_cores; c++) {
		int threads = threads_of(b->t, c), mine = b->owner[c] == 10 + v;

		emulators += b->owner[c] == 50 + v;
		if (!mine)
			continue;
		if (cpu->threads == THREADS_ISOLATE)
			room += pinned[c] ? 0 : 1;
		else if (cpu->threads == THREADS_PREFER || threads > 1 || pinned[c])
			room += threads - pinned[c];
	}
	return room >= (int)cpu->vcpus - n_pinned &&
	       emulators >= (cpu->emulator == EMULATOR_ISOLATE);
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

		for (int c = 0; c < b->n_cores; c++)
			if ((b->owner[c] == 10 + v || b->owner[c] == 50 + v) &&
			    vnf->numa_node != NODE_AUTO &&
			    b->t->node[node_of_core(b->t, c)].os != vnf->numa_node)
				return false;
		if (vnf->cpu.policy == CPU_SHARED) {
			int emulators = 0;

			for (int c = 0; c < b->n_cores; c++)
				emulators += b->owner[c] == 50 + v;
			if (vnf->cpu.emulator == EMULATOR_ISOLATE && !emulators)
				return false;
		} else if (!cores_suffice(b, v)) {
			return false;
		}
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

	if (v == b->s->site.n_vnfs)
		return true;
	for (size_t n = 0; n < b->t->n_nodes; n++) {
		uint64_t pages = vnf->memory.size / vnf->memory.page_size;

		if (free_2m[n] < pages ||
		    (vnf->numa_node != NODE_AUTO && vnf->numa_node != b->t->node[n].os))
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
		b->has_switch |= s->vnf[v].n_interfaces > 0;
}

#endif
