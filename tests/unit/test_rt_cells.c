/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that see several NUMA nodes: which host nodes they get. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rt/plan_priv.h"
#include "test_rt_site.h"

static struct site_vnf *
celled(struct test_site *s, const struct topo *t, unsigned int vcpus, unsigned int cells)
{
	struct site_vnf *v = one_vnf(s, t, vcpus, 1);

	v->n_interfaces = 0;
	v->cells = cells;
	return v;
}

static void
test_cells(void **state)
{
	struct topo *t = two_nodes(4);
	struct test_site s;
	struct site_vnf *v = celled(&s, t, 4, 2);
	struct plan *p;

	t->node[0].distance[1] = 300;
	t->node[1].distance[0] = 5;
	v->cpu.emulator = EMULATOR_ISOLATE;
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].cell_node[0], 0);
	assert_int_equal(p->vnf[0].cell_node[1], 1);
	assert_int_equal(p->vnf[0].node, 0);
	assert_int_equal(p->vnf[0].pages, 32);
	assert_int_equal(plan_pages_on(&p->vnf[0], 1), 16);
	assert_int_equal(plan_pages_on(&p->vnf[0], 2), 0);
	assert_int_equal(p->vnf[0].vcpu_cell[1], 0);
	assert_int_equal(p->vnf[0].vcpu_cell[2], 1);
	assert_in_range(p->vnf[0].cpu[1], 1, 3);
	assert_in_range(p->vnf[0].cpu[2], 4, 7);
	/* A byte each, as the SLIT has it. */
	assert_int_equal(p->vnf[0].cell_distance[0][0], 10);
	assert_int_equal(p->vnf[0].cell_distance[0][1], 254);
	assert_int_equal(p->vnf[0].cell_distance[1][0], 11);
	assert_int_equal(cpuset_count(&p->vnf[0].emulator), 1);
	assert_int_equal(p->n_reasons, 0);
	plan_free(p);
	/* Devices and pins say which cell is where. */
	site_vf(v, 1);
	v->cpu.pin[0] = 5;
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].cell_node[0], 1);
	assert_int_equal(p->vnf[0].cell_node[1], 0);
	assert_int_equal(p->n_reasons, 0);
	plan_free(p);
	v->cpu.pin[0] = PIN_AUTO;
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].cell_node[0], 1);
	plan_free(p);
	site_vf(v, 0); /* one device on each */
	site_vf(v, 2);
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].cell_node[1], 0);
	plan_free(p);
	topo_free(t);
}

/* The cells are near their devices where they can be. */
static void
test_cells_prefer(void **state)
{
	struct topo *t = host_make(3, 3, 1);
	struct test_site s;
	struct site_vnf *v;
	struct plan *p;

	host_pf(t, 2, 7);
	host_pf(t, 1, 7);
	v = celled(&s, t, 4, 2);
	v->numa_nics = false;
	site_vf(v, 0);
	site_vf(v, 1);
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].cell_node[0] + p->vnf[0].cell_node[1], 3);
	assert_int_equal(p->n_reasons, 0);
	plan_free(p);
	site_add(&s, 3, 64 * MIB, false)->numa_node = 2;
	p = expect_plan(t, &s);
	assert_int_equal(p->n_reasons, 1);
	assert_non_null(strstr(p->reason[0], "interface vf0: its device is on NUMA node 2"));
	plan_free(p);
	topo_free(t);
}

static void
test_cells_are_refused(void **state)
{
	struct topo *t = two_nodes(4);
	struct test_site s;
	struct site_vnf *v = celled(&s, t, 4, 3);

	v->cpu.vcpus = 3;
	v->memory.size = 96 * MIB;
	expect_refusal(t, &s, EINVAL,
		       "numa.cells is 3, and each needs a host NUMA node of its own");
	v->cells = 2;
	expect_refusal(two_nodes(4), &s, EINVAL, "2 cells are more than 8, do not divide");
	v->cpu.vcpus = 4;
	v->cpu.pin[0] = 1;
	v->cpu.pin[1] = 4;
	expect_refusal(
		two_nodes(4), &s, EINVAL,
		"vCPU 1 is pinned to CPU 4 of NUMA node 1, but another vCPU of its cell 0 to "
		"node 0");
	v->cpu.pin[1] = PIN_AUTO;
	v->cpu.pin[3] = 2;
	expect_refusal(two_nodes(4), &s, EINVAL, "cells 0 and 1 are both pinned to NUMA node 0");
	v->cpu.pin[0] = v->cpu.pin[3] = PIN_AUTO;
	t = two_nodes(4);
	host_pages(t, 0, 23, 0);
	host_pages(t, 1, 100, 0);
	expect_refusal(t, &s, ENOSPC,
		       "numa.cells is 2: so many NUMA nodes must each have 2 cores and 24 pages of "
		       "2Mi free for it, and 1 of 2 have");
	t = two_nodes(4);
	host_pages(t, 0, 23, 0);
	host_pages(t, 1, 23, 0);
	expect_refusal(t, &s, ENOSPC, "48 needed (48 for vnf fw1)");
	t = host_make(3, 4, 1);
	host_pages(t, 0, 23, 0);
	host_pages(t, 1, 23, 0);
	host_pages(t, 2, 23, 0);
	s.site.host.n_devices = 0;
	expect_refusal(t, &s, ENOSPC,
		       "its memory is 24 pages of 2Mi in each cell, and no NUMA node has more");
	/* Two devices elsewhere, and no cell to spare. */
	t = host_make(4, 4, 1);
	for (int n = 0; n < 3; n++)
		host_pf(t, n, 7);
	v = celled(&s, t, 4, 2);
	site_vf(v, 0);
	site_vf(v, 1);
	site_vf(v, 2);
	expect_refusal(t, &s, EINVAL,
		       "its device wan2 is on NUMA node 2, and its 2 cells are on others");
	t = host_make(4, 4, 1);
	host_pf(t, 7, 7);
	host_pf(t, 0, 7);
	host_pf(t, 0, 7);
	expect_refusal(t, &s, EINVAL, "which has no memory that this process may use");
}

/* Too few cores: cells keep their nodes, vCPUs share. */
static void
test_cells_share(void **state)
{
	struct topo *t = two_nodes(2);
	struct test_site s;
	struct site_vnf *v = celled(&s, t, 8, 2);
	struct plan *p;

	s.site.host.overlap = OVERLAP_ALLOW;
	v->cpu.emulator = EMULATOR_ISOLATE;
	v->cpu.threads = THREADS_PREFER;
	v->cpu.pin[4] = 3;
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].cell_node[1], 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(p->vnf[0].cpu[i] / 2, i / 4);
	assert_true(p->overlap);
	plan_free(p);
	topo_free(t);
	/* Siblings of a pinned vCPU go to vCPUs of its own cell. */
	t = host_make(2, 3, 2);
	v = celled(&s, t, 4, 2);
	v->cpu.threads = THREADS_PREFER;
	v->cpu.pin[2] = 2;
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].cpu[3], 3);
	assert_in_range(p->vnf[0].cpu[0], 6, 11);
	plan_free(p);
	topo_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_cells_prefer),
		cmocka_unit_test(test_cells_are_refused),
		cmocka_unit_test(test_cells_share),
	};

	return cmocka_run_group_tests_name("rt cells", tests, NULL, NULL);
}
