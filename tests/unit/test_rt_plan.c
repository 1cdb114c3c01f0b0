/* SPDX-License-Identifier: Apache-2.0 */
/* The planner on hosts built by hand: contradictions, preferences, the audit, the output. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rt/plan_priv.h"
#include "test_rt_site.h"

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
	s.port[0][0].vlan = 200;
	s.port[0][0].queues = 4;
	s.port[0][0].mtu = 9000;
	memcpy(s.port[0][0].mac, "\x02\1\2\3\4\5", 6);
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
		cmocka_unit_test(test_many_vnfs_are_added_up),
		cmocka_unit_test(test_node_without_cores),
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
