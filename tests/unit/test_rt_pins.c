/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs pinned by hand: honoured, checked, and refused where they contradict the host. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_rt_site.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pins_of_two_vnfs),
		cmocka_unit_test(test_pin_to_housekeeping),
		cmocka_unit_test(test_pin_that_is_not_there),
		cmocka_unit_test(test_pin_off_its_node),
		cmocka_unit_test(test_pins_of_one_vnf),
		cmocka_unit_test(test_pin_of_shared),
		cmocka_unit_test(test_pins_may_overlap),
		cmocka_unit_test(test_pins_are_paired),
	};

	return cmocka_run_group_tests_name("rt/plan pins", tests, NULL, NULL);
}
