/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planner on hosts built by hand: hugepage arithmetic, pins, contradictions, output errors.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rt/plan_priv.h"
#include "test_rt_site.h"

/* Plans, frees the host, checks the verdict and that the words contain @words. */
static void
expect_refusal(struct topo *t, const struct test_site *s, int code, const char *words)
{
	struct plan *plan = NULL;
	struct err e = {0};
	int r = plan_make(&s->site, t, &plan, &e);

	if (r != -code || plan || !strstr(e.text, words))
		fail_msg("got %d \"%s\", wanted %d with \"%s\"", r, e.text, -code, words);
	assert_int_equal(e.code, code);
	topo_free(t);
}

static struct plan *
expect_plan(const struct topo *t, const struct test_site *s)
{
	struct plan *plan = NULL;
	struct err e = {0};
	int r = plan_make(&s->site, t, &plan, &e);

	if (r < 0)
		fail_msg("refused: %s", e.text);
	return plan;
}

static void
test_too_few_2m(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;

	site_init(&s);
	site_add(&s, 1, 512 * MIB, true);
	site_add(&s, 1, 64 * MIB, true);
	host_pages(t, 0, 319, 0);
	expect_refusal(
		t, &s, ENOSPC,
		"too few free 2Mi hugepages: 320 needed (256 for vnf fw1, 32 for vnf fw2, 32 for "
		"the switch), 319 free; reserve them (echo 320 >/sys/kernel/mm/hugepages/"
		"hugepages-2048kB/nr_hugepages, or at boot hugepagesz=2M hugepages=320), or lower "
		"memory.size");
}

static void
test_enough_2m(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 1, 512 * MIB, true);
	site_add(&s, 1, 64 * MIB, true);
	host_pages(t, 0, 320, 0);
	p = expect_plan(t, &s);
	assert_int_equal(p->switch_pages, 32);
	assert_int_equal(p->switch_page_size, 2 * MIB);
	assert_int_equal(p->vnf[0].pages, 256);
	assert_int_equal(p->vnf[0].node, -1);
	plan_free(p);
	topo_free(t);
}

/* Pages that somebody else holds are not counted as reserved for us. */
static void
test_remedy_adds_what_others_hold(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;

	site_init(&s);
	site_add(&s, 1, 512 * MIB, false);
	host_pages(t, 0, 100, 0);
	t->node[0].total_2m = 1000;
	expect_refusal(t, &s, ENOSPC, "echo 1156 >");
}

static void
test_too_few_1g_on_node(void **state)
{
	struct topo *t = host_make(2, 4, 1);
	struct test_site s;
	struct site_vnf *v;

	site_init(&s);
	v = site_add(&s, 1, 4 * GIB, false);
	v->memory.page_size = SIZE_1G;
	v->numa_node = 1;
	host_pages(t, 0, 0, 8);
	host_pages(t, 1, 0, 3);
	expect_refusal(
		t, &s, ENOSPC,
		"too few free 1Gi hugepages on NUMA node 1: 4 needed (4 for vnf fw1), 3 free; "
		"reserve them (echo 4 >/sys/devices/system/node/node1/hugepages/"
		"hugepages-1048576kB/nr_hugepages), or lower memory.size");
}

static void
test_fits_on_no_single_node(void **state)
{
	struct topo *t = host_make(2, 4, 1);
	struct test_site s;

	site_init(&s);
	site_add(&s, 1, 600 * MIB, false);
	host_pages(t, 0, 299, 0);
	host_pages(t, 1, 200, 0);
	expect_refusal(
		t, &s, ENOSPC,
		"vnf fw1: its memory is 300 pages of 2Mi, and no NUMA node has more than 299 free");
}

static void
test_no_arrangement(void **state)
{
	struct topo *t = host_make(2, 8, 1);
	struct test_site s;

	site_init(&s);
	for (int i = 0; i < 3; i++)
		site_add(&s, 1, 200 * MIB, false);
	host_pages(t, 0, 150, 0);
	host_pages(t, 1, 150, 0);
	expect_refusal(t, &s, ENOSPC, "no arrangement over the 2 NUMA nodes of this machine");
}

static void
test_too_little_plain_memory(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;
	struct site_vnf *v;

	site_init(&s);
	v = site_add(&s, 1, 600 * MIB, false);
	v->cpu.policy = CPU_SHARED;
	v->memory.page_size = 4096;
	t->node[0].mem_bytes = 512 * MIB;
	expect_refusal(t, &s, ENOSPC,
		       "its memory is 153600 pages of 4Ki, and no NUMA node has more "
		       "than 131072 free");
}

/* The VNF goes where its pages are, and the switch where it finds any. */
static void
test_follows_pages(void **state)
{
	struct topo *t = host_make(2, 4, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 2, 512 * MIB, true);
	host_pages(t, 0, 100, 0);
	host_pages(t, 1, 300, 0);
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].node, 1);
	assert_true(p->vnf[0].cpu[0] >= 4 && p->vnf[0].cpu[1] >= 4);
	assert_int_equal(p->switch_node, 1);
	assert_int_equal(p->n_reasons, 0);
	plan_free(p);
	topo_free(t);
}

/* Cores here, pages there: planned, and said. */
static void
test_remote_memory_is_a_reason(void **state)
{
	struct topo *t = host_make(2, 3, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 3, 512 * MIB, false);
	host_pages(t, 0, 300, 0);
	host_pages(t, 1, 100, 0);
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].node, 0);
	assert_int_equal(p->n_reasons, 1);
	assert_string_equal(p->reason[0],
			    "vnf fw1: its memory is on NUMA node 0, its vCPUs on node 1");
	assert_false(p->overlap);
	plan_free(p);
	topo_free(t);
}

static void
test_switch_takes_a_1g_page(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;
	struct site_vnf *v;
	struct plan *p;

	site_init(&s);
	v = site_add(&s, 1, 2 * GIB, true);
	v->memory.page_size = SIZE_1G;
	host_pages(t, 0, 31, 3);
	p = expect_plan(t, &s);
	assert_int_equal(p->switch_page_size, SIZE_1G);
	assert_int_equal(p->switch_pages, 1);
	plan_free(p);
	host_pages(t, 0, 31, 2);
	expect_refusal(t, &s, ENOSPC,
		       "too few free 2Mi hugepages: 32 needed (32 for the switch), 31 free");
}

static void
test_switch_away_from_its_buffers(void **state)
{
	struct topo *t = host_make(2, 1, 1);
	struct test_site s;
	struct plan *p;

	/* The only core left is on node 1, the only pages are on node 0. */
	site_init(&s);
	site_add(&s, 1, 64 * MIB, true)->cpu.policy = CPU_SHARED;
	host_pages(t, 0, 64, 0);
	host_pages(t, 1, 0, 0);
	p = expect_plan(t, &s);
	assert_int_equal(p->switch_cpu, 1);
	assert_int_equal(p->switch_node, 0);
	assert_int_equal(p->n_reasons, 2);
	assert_string_equal(p->reason[0],
			    "the switch polls on NUMA node 1, its buffers are on node 0");
	assert_string_equal(p->reason[1], "no VNF has CPUs of its own (cpu.policy: shared)");
	plan_free(p);
	topo_free(t);
}

static void
test_many_vnfs_are_added_up(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;

	site_init(&s);
	for (int i = 0; i < TEST_VNFS_MAX; i++)
		site_add(&s, 2, 64 * MIB, false);
	expect_refusal(t, &s, ENOSPC, "2 for vnf fw5 (vcpus), 6 for 3 more VNFs; this host has 4");
}

static void
test_node_without_cores(void **state)
{
	struct topo *t = host_make(2, 4, 1);
	struct test_site s;

	site_init(&s);
	site_add(&s, 3, 64 * MIB, true)->numa_node = 0;
	site_add(&s, 1, 64 * MIB, true)->numa_node = 0;
	expect_refusal(
		t, &s, ENOSPC,
		"NUMA node 0 needs 5 cores: 1 housekeeping, 3 for vnf fw1 (vcpus), 1 for vnf fw2 "
		"(vcpus); it has 4; say numa.node: auto");
}

static void
test_pins_of_two_vnfs(void **state)
{
	struct test_site s;

	site_init(&s);
	site_add(&s, 1, 64 * MIB, false)->cpu.pin[0] = 2;
	site_add(&s, 1, 64 * MIB, false)->cpu.pin[0] = 3;
	expect_refusal(host_make(1, 4, 2), &s, EINVAL,
		       "vnf fw1: vCPU 0 is pinned to CPU 2, on a core that vnf fw2 is pinned to");
}

static void
test_pin_to_housekeeping(void **state)
{
	struct test_site s;

	site_init(&s);
	site_add(&s, 1, 64 * MIB, false)->cpu.pin[0] = 0;
	expect_refusal(
		host_make(1, 4, 1), &s, EINVAL,
		"pinned to CPU 0, which is for housekeeping (CPU 0); pin it elsewhere, or say "
		"overlap: allow");
	s.site.host.housekeeping_auto = false;
	cpuset_add(&s.site.host.housekeeping, 1);
	expect_refusal(host_make(1, 4, 2), &s, EINVAL,
		       "pinned to CPU 0, which is a sibling of housekeeping (CPU 1)");
}

static void
test_pin_that_is_not_there(void **state)
{
	struct test_site s;

	site_init(&s);
	site_add(&s, 1, 64 * MIB, false)->cpu.pin[0] = 99;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL,
		       "pinned to CPU 99, which this host does not have");
	s.site.host.overlap = OVERLAP_ALLOW;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL,
		       "pinned to CPU 99, which this host does not have");
}

static void
test_pin_off_its_node(void **state)
{
	struct test_site s;
	struct site_vnf *v;

	site_init(&s);
	v = site_add(&s, 1, 64 * MIB, false);
	v->cpu.pin[0] = 3;
	v->numa_node = 1;
	expect_refusal(host_make(2, 4, 1), &s, EINVAL,
		       "pinned to CPU 3 of NUMA node 0, but numa.node is 1");
}

static void
test_pins_of_one_vnf(void **state)
{
	struct test_site s;
	struct site_vnf *v;

	site_init(&s);
	v = site_add(&s, 2, 64 * MIB, false);
	v->cpu.pin[0] = 2;
	v->cpu.pin[1] = 3;
	expect_refusal(host_make(1, 4, 2), &s, EINVAL,
		       "vCPUs 0 and 1 are pinned to SMT siblings of core 1, which threads: isolate "
		       "forbids");
	v->cpu.pin[1] = 2;
	expect_refusal(host_make(1, 4, 2), &s, EINVAL,
		       "vCPUs 0 and 1 are pinned to the same CPU 2");
}

static void
test_pin_of_shared(void **state)
{
	struct test_site s;
	struct site_vnf *v;

	site_init(&s);
	v = site_add(&s, 1, 64 * MIB, false);
	v->cpu.policy = CPU_SHARED;
	v->cpu.pin[0] = 2;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL, "needs cpu.policy: dedicated");
}

/* With overlap: allow a pin may go anywhere; FIFO is for those who sit alone. */
static void
test_pins_may_overlap(void **state)
{
	struct topo *t = host_make(1, 4, 2);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	s.site.host.overlap = OVERLAP_ALLOW;
	site_add(&s, 1, 64 * MIB, false)->cpu.pin[0] = 0;
	site_add(&s, 1, 64 * MIB, false)->cpu.pin[0] = 4;
	site_add(&s, 1, 64 * MIB, false)->cpu.pin[0] = 4;
	site_add(&s, 1, 64 * MIB, false)->cpu.pin[0] = 6;
	p = expect_plan(t, &s);
	assert_true(p->overlap);
	assert_int_equal(p->vnf[0].cpu[0], 0);
	assert_int_equal(p->vnf[0].priority[0], 0);
	assert_int_equal(p->vnf[1].priority[0], 0);
	assert_int_equal(p->vnf[2].priority[0], 0);
	assert_int_equal(p->vnf[3].priority[0], 1);
	assert_int_equal(p->n_reasons, 3);
	assert_string_equal(p->reason[0], "vnf fw1: 1 of 1 vCPUs share their CPUs (CPU 0 with "
					  "housekeeping) and so run without SCHED_FIFO");
	plan_free(p);
	topo_free(t);
}

/* The last vCPU takes the pinned one's sibling, not a core of its own. */
static void
test_pins_are_paired(void **state)
{
	struct topo *t = host_make(1, 3, 2);
	struct test_site s;
	struct site_vnf *v;
	struct plan *p;

	site_init(&s);
	v = site_add(&s, 2, 64 * MIB, true);
	v->cpu.threads = THREADS_REQUIRE;
	v->cpu.pin[1] = 3;
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].cpu[0], 2);
	assert_int_equal(p->vnf[0].cpu[1], 3);
	assert_int_equal(p->switch_cpu, 4);
	plan_free(p);
	topo_free(t);
}

static void
test_wrong_vnfs(void **state)
{
	struct test_site s;
	struct site_vnf *v;

	site_init(&s);
	v = site_add(&s, 1, 64 * MIB, false);
	v->cpu.vcpus = 0;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL, "0 vCPUs are not 1..64");
	v->cpu.vcpus = 65;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL, "65 vCPUs are not 1..64");
	v->cpu.vcpus = 1;
	v->memory.page_size = 0;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL, "not a whole number of");
	v->memory.page_size = SIZE_1G;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL, "not a whole number of");
	v->memory.page_size = 2 * MIB;
	v->cpu.threads = THREADS_REQUIRE;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL, "switch SMT on, or say threads: prefer");
	v->cpu.threads = THREADS_PREFER;
	v->numa_node = 7;
	expect_refusal(host_make(2, 4, 1), &s, EINVAL,
		       "numa.node is 7, which this host does not have");
	s.site.n_vnfs = PLAN_VNFS_MAX + 1;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL, "1025 VNFs are more than the 1024");
}

static void
test_node_without_cpus(void **state)
{
	struct topo *t = host_make(2, 2, 1);
	struct test_site s;
	struct site_vnf *v;
	struct plan *p;

	site_init(&s);
	v = site_add(&s, 1, 64 * MIB, false);
	v->numa_node = 1;
	for (size_t i = 0; i < t->n_cpus; i++)
		t->cpu[i].node = 0;
	v->cpu.policy = CPU_SHARED;
	p = expect_plan(t, &s); /* memory there, CPUs here */
	assert_int_equal(p->vnf[0].node, 1);
	plan_free(p);
	v->cpu.policy = CPU_DEDICATED;
	expect_refusal(t, &s, EINVAL, "numa.node is 1, which has no CPUs for its 1 vCPUs");
}

static void
test_housekeeping_list(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	s.site.host.housekeeping_auto = false;
	expect_refusal(host_make(1, 4, 1), &s, EINVAL, "housekeeping is empty");
	cpuset_add(&s.site.host.housekeeping, 3);
	p = expect_plan(t, &s);
	assert_true(cpuset_equal(&p->housekeeping, &s.site.host.housekeeping));
	assert_false(p->has_switch);
	assert_int_equal(p->switch_cpu, -1);
	plan_free(p);
	topo_free(t);
	cpuset_add(&s.site.host.housekeeping, 4);
	expect_refusal(host_make(1, 4, 1), &s, EINVAL,
		       "names CPU 4, which this host does not have (it has 0-3)");
}

/* auto leaves CPUs alone that somebody isolated, unless all are. */
static void
test_housekeeping_not_isolated(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	t->cpu[0].isolated = t->cpu[1].isolated = true;
	p = expect_plan(t, &s);
	assert_true(cpuset_has(&p->housekeeping, 2));
	assert_int_equal(cpuset_count(&p->housekeeping), 1);
	plan_free(p);
	t->cpu[2].isolated = t->cpu[3].isolated = true;
	p = expect_plan(t, &s);
	assert_true(cpuset_has(&p->housekeeping, 0));
	plan_free(p);
	topo_free(t);
}

/* Isolated cores are used first, and others only when those do not suffice. */
static void
test_isolated_first(void **state)
{
	struct topo *t = host_make(1, 8, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 2, 64 * MIB, true);
	for (int i = 5; i < 8; i++)
		t->cpu[i].isolated = true;
	p = expect_plan(t, &s);
	assert_int_equal(p->switch_cpu, 5);
	assert_int_equal(p->vnf[0].cpu[0], 6);
	assert_int_equal(p->vnf[0].cpu[1], 7);
	plan_free(p);
	t->cpu[5].isolated = false;
	p = expect_plan(t, &s);
	assert_int_equal(p->switch_cpu, 6);
	assert_int_equal(p->vnf[0].cpu[0], 7);
	assert_int_equal(p->vnf[0].cpu[1], 1);
	assert_int_equal(p->n_reasons, 0); /* the host's own check names CPU 1 */
	plan_free(p);
	s.vnf[0].cpu.pin[1] = 3; /* a pin is a pin */
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].cpu[1], 3);
	assert_int_equal(p->vnf[0].cpu[0], 6);
	assert_int_equal(p->switch_cpu, 7);
	plan_free(p);
	topo_free(t);
}

/* Only one VNF's worth of switch users: the switch sits where they are pinned. */
static void
test_switch_near_its_users(void **state)
{
	struct topo *t = host_make(2, 4, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 1, 64 * MIB, true)->cpu.pin[0] = 6;
	p = expect_plan(t, &s);
	assert_int_equal(p->switch_cpu, 4);
	assert_int_equal(p->vnf[0].node, 1);
	plan_free(p);
	topo_free(t);
}

/* More reasons than there is room for are counted. */
static void
test_reasons_overflow(void **state)
{
	static struct site_vnf vnf[40];
	struct topo *t = host_make(1, 2, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 1, 64 * MIB, false);
	for (size_t i = 0; i < 40; i++) {
		vnf[i] = s.vnf[0];
		snprintf(vnf[i].name, sizeof(vnf[i].name), "n%zu", i);
	}
	s.site.vnfs = vnf;
	s.site.n_vnfs = 40;
	s.site.host.overlap = OVERLAP_ALLOW;
	p = expect_plan(t, &s);
	assert_int_equal(p->n_reasons, PLAN_REASONS_MAX);
	assert_string_equal(p->reason[PLAN_REASONS_MAX - 1], "and 25 more reasons of this kind");
	plan_free(p);
	topo_free(t);
}

/* The audit believes nobody: a plan bent by hand is found out. */
static void
test_audit(void **state)
{
	struct topo *t = host_make(2, 4, 2);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 2, 64 * MIB, true)->cpu.emulator = EMULATOR_ISOLATE;
	p = expect_plan(t, &s);
	assert_int_equal(p->n_reasons, 0);
	p->vnf[0].cpu[0] = cpuset_next(&p->vnf[0].emulator, 0);
	plan_audit(t, p);
	assert_int_equal(p->n_reasons, 1);
	assert_non_null(strstr(p->reason[0], "share their CPUs"));
	assert_non_null(strstr(p->reason[0], "with emulator threads"));
	assert_int_equal(p->vnf[0].priority[0], 0);
	assert_int_equal(p->vnf[0].priority[1], 1);
	assert_true(p->overlap);
	plan_free(p);
	topo_free(t);
}

static void
test_port(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 1, 64 * MIB, true);
	s.port[0].vlan = 200;
	s.port[0].queues = 4;
	s.port[0].mtu = 9000;
	memcpy(s.port[0].mac, "\x02\1\2\3\4\5", 6);
	p = expect_plan(t, &s);
	assert_int_equal(p->n_ports, 1);
	assert_string_equal(p->port[0].cfg.name, "fw1/lan");
	assert_string_equal(p->port[0].cfg.network, "lan");
	assert_string_equal(p->port[0].cfg.socket, "");
	assert_memory_equal(p->port[0].cfg.mac, "\x02\1\2\3\4\5", 6);
	assert_int_equal(p->port[0].cfg.vlan, 200);
	assert_int_equal(p->port[0].cfg.queues, 4);
	assert_int_equal(p->port[0].cfg.mtu, 9000);
	assert_int_equal(p->port[0].cfg.mac_age_s, 300);
	plan_free(p);
	topo_free(t);
}

/* A host of 1,024 CPUs in 64 nodes with 64 VNFs is planned in a moment. */
static void
test_large(void **state)
{
	static struct site_vnf vnf[64];
	struct topo *t = host_make(64, 16, 1);
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 14, 64 * MIB, true);
	for (size_t i = 0; i < 64; i++)
		vnf[i] = s.vnf[0];
	s.site.vnfs = vnf;
	s.site.n_vnfs = 64;
	p = expect_plan(t, &s);
	assert_int_equal(p->n_reasons, 0);
	for (size_t i = 0; i < 64; i++)
		for (int k = 0; k < 14; k++)
			assert_int_equal(p->vnf[i].cpu[k] / 16, p->vnf[i].node);
	plan_free(p);
	topo_free(t);
}

static void
test_output_errors(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	FILE *full = fopen("/dev/full", "we");
	struct test_site s;
	struct plan *p;

	site_init(&s);
	site_add(&s, 1, 64 * MIB, true);
	p = expect_plan(t, &s);
	assert_non_null(full);
	assert_int_equal(plan_print(p, t, full), -EIO);
	assert_int_equal(plan_print_json(p, t, full), -EIO);
	fclose(full);
	plan_free(p);
	topo_free(t);
}

/* Names come from files: what JSON may not contain is escaped. */
static void
test_json_escapes(void **state)
{
	struct topo *t = host_make(1, 4, 1);
	struct test_site s;
	struct plan *p;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	site_init(&s);
	snprintf(t->source, sizeof(t->source), "a\"b\\c\nd\x80");
	p = expect_plan(t, &s);
	assert_int_equal(plan_print_json(p, t, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "\"a\\\"b\\\\c\\u000ad\\u0080\""));
	free(text);
	plan_free(p);
	plan_free(NULL);
	topo_free(t);
	topo_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_few_2m),
		cmocka_unit_test(test_enough_2m),
		cmocka_unit_test(test_remedy_adds_what_others_hold),
		cmocka_unit_test(test_too_few_1g_on_node),
		cmocka_unit_test(test_fits_on_no_single_node),
		cmocka_unit_test(test_no_arrangement),
		cmocka_unit_test(test_too_little_plain_memory),
		cmocka_unit_test(test_follows_pages),
		cmocka_unit_test(test_remote_memory_is_a_reason),
		cmocka_unit_test(test_switch_takes_a_1g_page),
		cmocka_unit_test(test_switch_away_from_its_buffers),
		cmocka_unit_test(test_many_vnfs_are_added_up),
		cmocka_unit_test(test_node_without_cores),
		cmocka_unit_test(test_pins_of_two_vnfs),
		cmocka_unit_test(test_pin_to_housekeeping),
		cmocka_unit_test(test_pin_that_is_not_there),
		cmocka_unit_test(test_pin_off_its_node),
		cmocka_unit_test(test_pins_of_one_vnf),
		cmocka_unit_test(test_pin_of_shared),
		cmocka_unit_test(test_pins_may_overlap),
		cmocka_unit_test(test_pins_are_paired),
		cmocka_unit_test(test_wrong_vnfs),
		cmocka_unit_test(test_node_without_cpus),
		cmocka_unit_test(test_housekeeping_list),
		cmocka_unit_test(test_housekeeping_not_isolated),
		cmocka_unit_test(test_isolated_first),
		cmocka_unit_test(test_switch_near_its_users),
		cmocka_unit_test(test_reasons_overflow),
		cmocka_unit_test(test_audit),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_output_errors),
		cmocka_unit_test(test_json_escapes),
	};

	return cmocka_run_group_tests_name("rt/plan", tests, NULL, NULL);
}
