/* SPDX-License-Identifier: Apache-2.0 */
/* The planner's arithmetic of hugepages and memory, on hosts built by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rt/plan_priv.h"
#include "test_rt_site.h"

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
	};

	return cmocka_run_group_tests_name("rt/plan pages", tests, NULL, NULL);
}
