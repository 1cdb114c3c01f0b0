/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random sites on random small hosts. Whatever the planner answers is judged by rules written down
 * here a second time, and whether it should have found anything by brute force: every way to give
 * whole cores to owners, every way to give memory to nodes. The seed is fixed; CORELANE_SEED
 * changes it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_rt_brute.h"

#define ROUNDS 4000

static uint64_t rng_state;

/* splitmix64; any generator would do, this one is short. */
static unsigned int
pick(unsigned int n)
{
	uint64_t z = rng_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (unsigned int)((z ^ (z >> 31)) % n);
}

static struct topo *
random_host(bool uniform)
{
	/* One draw a statement: compilers evaluate arguments in different orders. */
	int nodes = 1 + (int)pick(3);
	int cores = 1 + (int)pick(6u / (unsigned int)nodes);
	int smt = 1 + (int)pick(2);
	struct topo *t = host_make(nodes, cores, smt);

	for (size_t i = 0; !uniform && i < t->n_cpus && t->n_cpus > 1; i++) {
		if (pick(6))
			continue;
		t->n_cpus--; /* an offline CPU; its node may have none left */
		memmove(&t->cpu[i], &t->cpu[i + 1], (t->n_cpus - i) * sizeof(t->cpu[0]));
	}
	for (int core = 0, i = 0; i < (int)t->n_cpus; i++) { /* dense, as struct topo promises */
		int old = t->cpu[i].core;

		for (; i + 1 < (int)t->n_cpus && t->cpu[i + 1].core == old; i++)
			t->cpu[i].core = core;
		t->cpu[i].core = core++;
	}
	for (size_t i = 0, some = pick(3) == 0; some && i < t->n_cpus; i++)
		t->cpu[i].isolated = pick(2);
	for (size_t n = 0; n < t->n_nodes; n++)
		if (pick(2))
			host_pages(t, (int)n, pick(160), 0);
	for (unsigned int n = pick(TEST_DEVICES_MAX); n > 0; n--) {
		int node = (int)pick((unsigned int)t->n_nodes + 1) - 1;

		host_pf(t, node, 8);
	}
	t->pfs_known = true;
	return t;
}

/* One VNF in three uses virtual functions, one in three of those that can sees several nodes. */
static void
random_devices(struct test_site *s, struct site_vnf *v, const struct topo *t)
{
	unsigned int pages = (unsigned int)(v->memory.size / v->memory.page_size);

	v->numa_nics = pick(2);
	for (unsigned int n = pick(3) ? 0 : 1 + pick(2); n > 0 && t->n_pfs; n--)
		site_vf(v, pick((unsigned int)t->n_pfs));
	if (v->cpu.policy == CPU_SHARED || v->numa_node != NODE_AUTO ||
	    (t->n_nodes == 1 && pick(8)))
		return;
	if (v->cpu.vcpus % 2 == 0 && pages % 2 == 0 && pick(4))
		v->cells = 2;
	else if (v->cpu.vcpus == 3 && pages % 3 == 0)
		v->cells = 3;
}

static void
random_site(struct test_site *s, const struct topo *t)
{
	unsigned int n = 1 + pick(3);

	site_init(s);
	for (size_t i = 0; i < t->n_pfs; i++)
		site_device(s, t, i, 2 + pick(7));
	for (unsigned int i = 0; i < n; i++) {
		unsigned int vcpus = 1 + pick(4), pages = 1 + pick(64);
		bool link = pick(2);
		struct site_vnf *v = site_add(s, vcpus, pages * 2 * MIB, link);

		v->cpu.threads = (enum cpu_threads)pick(3);
		v->cpu.emulator = pick(4) ? EMULATOR_SHARE : EMULATOR_ISOLATE;
		if (!pick(6))
			v->cpu.policy = CPU_SHARED;
		if (!pick(4))
			v->numa_node = t->node[pick((unsigned int)t->n_nodes)].os;
		if (!pick(4) && v->cpu.policy == CPU_DEDICATED) {
			int *pin = &v->cpu.pin[pick(v->cpu.vcpus)];

			*pin = t->cpu[pick((unsigned int)t->n_cpus)].os;
		}
		random_devices(s, v, t);
	}
}

/* Each cell whole on a node of its own. */
static void
check_cells(const struct topo *t, const struct plan_vnf *pv)
{
	unsigned int each = pv->vnf->cpu.vcpus / pv->vnf->cells;

	for (unsigned int i = 0; i < pv->vnf->cpu.vcpus; i++) {
		assert_int_equal(pv->vcpu_cell[i], i / each);
		assert_int_equal(t->node[topo_find_cpu(t, pv->cpu[i])->node].os,
				 pv->cell_node[i / each]);
	}
	assert_int_equal(pv->node, pv->cell_node[0]);
	for (unsigned int a = 0; a < pv->vnf->cells; a++)
		for (unsigned int b = 0; b < pv->vnf->cells; b++) {
			assert_int_equal(pv->cell_node[a] == pv->cell_node[b], a == b);
			assert_int_equal(pv->cell_distance[a][b], a == b ? 10 : 20);
		}
}

static bool
is_on(const struct plan_vnf *pv, int node)
{
	for (unsigned int c = 0; c < cells_of(pv->vnf); c++)
		if (pv->cell_node[c] == node)
			return true;
	return false;
}

/* A function each, in order; where they have to be near, they are. */
static void
check_functions(const struct topo *t, const struct plan *p, const struct plan_vnf *pv)
{
	unsigned int next[TEST_DEVICES_MAX] = {0};
	size_t f = 0;

	for (size_t v = 0; v < p->n_vnfs; v++) {
		const struct site_vnf *vnf = p->vnf[v].vnf;

		for (size_t i = 0; i < vnf->n_interfaces; i++) {
			size_t dev = vnf->interfaces[i].device;

			if (vnf->interfaces[i].kind != IF_SRIOV)
				continue;
			assert_int_equal(p->vf[f].vnf, v);
			assert_int_equal(p->vf[f].interface, i);
			assert_int_equal(p->vf[f].pf, dev);
			assert_int_equal(p->vf[f].number, next[dev]++);
			assert_true(p->vf[f].number < p->pf[dev].vfs);
			f++;
			if (&p->vnf[v] == pv && vnf->numa_nics && t->pf[dev].node >= 0 &&
			    t->n_nodes > 1)
				assert_true(is_on(pv, t->pf[dev].node));
		}
	}
	assert_int_equal(p->n_vfs, f);
}

static void
check_placed(const struct topo *t, const struct plan *p, const struct plan_vnf *pv)
{
	const struct site_vnf *v = pv->vnf;

	assert_int_equal(pv->pages, v->memory.size / v->memory.page_size);
	assert_false(cpuset_empty(&pv->emulator));
	for (unsigned int i = 0; i < v->cpu.vcpus; i++) {
		if (v->cpu.policy == CPU_SHARED) {
			assert_int_equal(pv->cpu[i], -1);
			assert_int_equal(pv->priority[i], 0);
			continue;
		}
		assert_true(core_of(t, pv->cpu[i]) >= 0);
		if (v->cpu.pin[i] != PIN_AUTO)
			assert_int_equal(pv->cpu[i], v->cpu.pin[i]);
		if (v->numa_node != NODE_AUTO)
			assert_int_equal(t->node[topo_find_cpu(t, pv->cpu[i])->node].os,
					 v->numa_node);
	}
	if (t->n_nodes == 1)
		assert_int_equal(pv->node, -1);
	else if (v->numa_node != NODE_AUTO)
		assert_int_equal(pv->node, v->numa_node);
	if (cells_of(v) > 1)
		check_cells(t, pv);
	check_functions(t, p, pv);
}

/* Users of @cpu: housekeeping, the switch, vCPUs. */
static int
users_of(const struct plan *p, int cpu)
{
	int n = cpuset_has(&p->housekeeping, (unsigned int)cpu) + (p->switch_cpu == cpu);

	for (size_t v = 0; v < p->n_vnfs; v++) {
		for (unsigned int i = 0; i < p->vnf[v].vnf->cpu.vcpus; i++)
			n += p->vnf[v].cpu[i] == cpu;
		n += cpuset_has(&p->vnf[v].emulator, (unsigned int)cpu) &&
		     !cpuset_equal(&p->vnf[v].emulator, &p->housekeeping);
	}
	return n;
}

static void
check_priorities(const struct plan *p)
{
	for (size_t v = 0; v < p->n_vnfs; v++)
		for (unsigned int i = 0; i < p->vnf[v].vnf->cpu.vcpus; i++)
			if (p->vnf[v].cpu[i] >= 0)
				assert_int_equal(p->vnf[v].priority[i],
						 users_of(p, p->vnf[v].cpu[i]) == 1);
}

static void
check_pages(const struct topo *t, const struct plan *p)
{
	for (size_t n = 0; t->live && n < t->n_nodes; n++) {
		uint64_t used =
			p->has_switch && p->switch_node == t->node[n].os ? p->switch_pages : 0;

		for (size_t v = 0; v < p->n_vnfs; v++)
			for (unsigned int c = 0; c < cells_of(p->vnf[v].vnf); c++)
				if (t->n_nodes == 1 || p->vnf[v].cell_node[c] == t->node[n].os)
					used += p->vnf[v].pages / cells_of(p->vnf[v].vnf);
		assert_true(used <= t->node[n].free_2m);
	}
}

/*
 * Without sharing: whole cores, one owner each. Owners: 1 housekeeping, 2 switch, 10 + v, 50 + v.
 */
static void
check_alone(const struct topo *t, const struct plan *p)
{
	int owner[CPUSET_MAX] = {0};

	assert_false(p->overlap);
	cpuset_for_each (cpu, &p->housekeeping)
		owner[core_of(t, cpu)] = 1;
	if (p->has_switch) {
		assert_int_equal(owner[core_of(t, p->switch_cpu)], 0);
		owner[core_of(t, p->switch_cpu)] = 2;
	}
	for (int v = 0; v < (int)p->n_vnfs; v++) {
		const struct plan_vnf *pv = &p->vnf[v];
		int used[CPUSET_MAX] = {0};

		for (unsigned int i = 0; i < pv->vnf->cpu.vcpus; i++) {
			int core = core_of(t, pv->cpu[i]);

			if (core < 0)
				continue;
			assert_true(owner[core] == 0 || owner[core] == 10 + v);
			assert_int_equal(users_of(p, pv->cpu[i]), 1);
			owner[core] = 10 + v;
			assert_true(++used[core] == 1 || pv->vnf->cpu.threads != THREADS_ISOLATE);
			if (pv->vnf->cpu.threads == THREADS_REQUIRE && pv->vnf->cpu.pin[i] < 0)
				assert_true(threads_of(t, core) > 1);
		}
		if (pv->vnf->cpu.emulator == EMULATOR_SHARE) {
			assert_true(cpuset_equal(&pv->emulator, &p->housekeeping));
			continue;
		}
		cpuset_for_each (cpu, &pv->emulator) {
			int core = core_of(t, cpu);

			assert_true(owner[core] == 0 || owner[core] == 50 + v);
			owner[core] = 50 + v;
		}
	}
}

static char *
text_of(const struct plan *p, const struct topo *t)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(plan_print(p, t, out), 0);
	fclose(out);
	return text;
}

struct tally {
	unsigned int planned, refused, contradicted, missed, shared;
	unsigned int cells, functions, no_cells; /* plans with them, and without what they need */
};

/*
 * What fits without sharing: by the rules, possible by brute force, the same again, also with
 * overlap.
 */
static void
judge_plan(const struct topo *t, struct test_site *s, struct brute *b, const struct plan *p)
{
	char *one = text_of(p, t);

	check_alone(t, p);
	check_pages(t, p);
	check_priorities(p);
	for (size_t v = 0; v < p->n_vnfs; v++)
		check_placed(t, p, &p->vnf[v]);
	assert_true(brute_fits(b, false));
	for (int i = 0; i < 2; i++) {
		struct plan *again = NULL;
		char *two;

		s->site.host.overlap = i ? OVERLAP_ALLOW : OVERLAP_REFUSE;
		assert_int_equal(plan_make(&s->site, t, &again, NULL), 0);
		two = text_of(again, t);
		assert_string_equal(one, two);
		free(two);
		plan_free(again);
	}
	free(one);
}

/* What was refused: rightly, and planned with sharing unless it is memory that lacks. */
static void
judge_refusal(const struct topo *t, struct test_site *s, struct brute *b, bool uniform,
	      const char *why, struct tally *tally)
{
	bool possible = brute_fits(b, false);
	struct plan *shared = NULL;
	struct err e = {0};
	int r;

	tally->missed += possible;
	if (possible && uniform)
		fail_msg("a placement exists, but: %s", why);
	s->site.host.overlap = OVERLAP_ALLOW;
	r = plan_make(&s->site, t, &shared, &e);
	if (r == 0) {
		tally->shared++;
		check_pages(t, shared);
		check_priorities(shared);
		for (size_t v = 0; v < shared->n_vnfs; v++)
			check_placed(t, shared, &shared->vnf[v]);
		/* What was missed alone may be found when siblings count. */
		assert_true(possible || shared->n_reasons > 0);
		assert_true(!uniform || shared->overlap);
	} else {
		assert_int_equal(r, -ENOSPC);
		if (brute_fits(b, true))
			fail_msg("refused to share: %s", e.text);
		if (!strstr(e.text, "hugepages") && !strstr(e.text, "pages of"))
			fail_msg("not about memory: %s", e.text);
	}
	plan_free(shared);
}

static void
one_round(bool uniform, struct tally *tally)
{
	struct topo *t = random_host(uniform);
	struct plan *plan = NULL;
	struct test_site s;
	struct brute b;
	struct err e = {0};
	int r;

	random_site(&s, t);
	brute_init(&b, t, &s);
	r = plan_make(&s.site, t, &plan, &e);
	if (r == 0) {
		tally->planned++;
		for (size_t v = 0; v < plan->n_vnfs; v++)
			tally->cells += s.vnf[v].cells > 1;
		tally->functions += plan->n_vfs > 0;
		judge_plan(t, &s, &b, plan);
	} else if (r == -ENOSPC) {
		tally->refused++;
		judge_refusal(t, &s, &b, uniform, e.text, tally);
	} else {
		assert_int_equal(r, -EINVAL);
		assert_true(strlen(e.text) > 20);
		if (strstr(e.text, "cell") && !strstr(e.text, "different NUMA nodes")) {
			tally->no_cells++;
			assert_false(brute_fits(&b, false));
		}
		tally->contradicted++;
	}
	plan_free(plan);
	topo_free(t);
}

static void
run(bool uniform, struct tally *tally)
{
	const char *seed = getenv("CORELANE_SEED");

	rng_state = seed ? strtoull(seed, NULL, 0) : 20260101;
	for (int i = 0; i < ROUNDS; i++)
		one_round(uniform, tally);
	print_message("%u planned, %u refused (%u of them planned by sharing), %u contradicted, "
		      "%u missed; %u guests with cells, %u sites with functions planned, %u "
		      "contradictions about cells\n",
		      tally->planned, tally->refused, tally->shared, tally->contradicted,
		      tally->missed, tally->cells, tally->functions, tally->no_cells);
	/* The generator must reach every kind of answer, else this tests less than it says. */
	assert_true(tally->planned > ROUNDS / 50 && tally->refused > ROUNDS / 50);
	assert_true(tally->shared > ROUNDS / 50 && tally->contradicted > ROUNDS / 50);
	assert_true(tally->cells > ROUNDS / 250 && tally->functions > ROUNDS / 100);
	assert_true(tally->no_cells > ROUNDS / 100);
}

static void
test_uniform(void **state)
{
	struct tally tally = {0};

	run(true, &tally);
	assert_int_equal(tally.missed, 0);
}

/*
 * Some siblings offline: units of two sorts. The order of placement may then miss a rare solution.
 */
static void
test_mixed(void **state)
{
	struct tally tally = {0};

	run(false, &tally);
	assert_true(tally.missed <= tally.planned / 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uniform),
		cmocka_unit_test(test_mixed),
	};

	return cmocka_run_group_tests_name("rt/plan random", tests, NULL, NULL);
}
