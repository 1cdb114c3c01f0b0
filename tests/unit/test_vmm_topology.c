/* SPDX-License-Identifier: Apache-2.0 */
/* Packages, cores and APIC ids of declared cells: every distribution of vCPUs over cells. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/topology.h"

static struct vmm_start s;
static struct topology t;

static void
one_package(void **state)
{
	memset(&s, 0, sizeof(s));
	s.n_vcpus = 5;
	assert_int_equal(topology_make(&s, &t), 0);
	assert_int_equal(t.core_bits, 3);
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(t.cpu[i].apic_id, i);
		assert_int_equal(t.cpu[i].package, 0);
		assert_int_equal(t.cpu[i].cores, 5);
	}
	s.n_vcpus = 1;
	assert_int_equal(topology_make(&s, &t), 0);
	assert_int_equal(t.core_bits, 0);
	s.n_vcpus = VMM_VCPUS_MAX;
	assert_int_equal(topology_make(&s, &t), 0);
	assert_int_equal(t.core_bits, 6);
	assert_int_equal(t.cpu[63].apic_id, 63);
}

/* The first vCPU has APIC id 0 whatever its cell is: it is the one that boots. */
static void
two_packages(void **state)
{
	static const uint32_t cell[5] = {1, 0, 0, 1, 0}, id[5] = {0, 4, 5, 1, 6};

	memset(&s, 0, sizeof(s));
	s.n_vcpus = 5;
	s.n_cells = 2;
	for (unsigned int i = 0; i < 5; i++)
		s.vcpu[i].cell = cell[i];
	assert_int_equal(topology_make(&s, &t), 0);
	assert_int_equal(t.core_bits, 2);
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(t.cpu[i].apic_id, id[i]);
		assert_int_equal(t.cpu[i].cores, cell[i] ? 2 : 3);
	}
}

static void
holds_for_any_distribution(void **state)
{
	unsigned int fits = 0;

	srand(11);
	for (int round = 0; round < 20000; round++) {
		bool used[256] = {false};

		memset(&s, 0, sizeof(s));
		s.n_vcpus = 1 + (uint32_t)rand() % VMM_VCPUS_MAX;
		s.n_cells = 1 + (uint32_t)rand() % VMM_CELLS_MAX;
		for (uint32_t i = 0; i < s.n_vcpus; i++)
			s.vcpu[i].cell = (uint32_t)rand() % s.n_cells;
		if (topology_make(&s, &t) < 0)
			continue;
		fits++;
		assert_int_equal(t.cpu[0].apic_id, 0);
		for (uint32_t i = 0; i < s.n_vcpus; i++) {
			const struct topology_cpu *c = &t.cpu[i];

			assert_true(c->apic_id <= TOPOLOGY_APIC_MAX && !used[c->apic_id]);
			used[c->apic_id] = true;
			assert_int_equal(c->apic_id >> t.core_bits, c->package);
			assert_true(c->core < c->cores);
			for (uint32_t k = 0; k < i; k++)
				assert_int_equal(t.cpu[k].package == c->package,
						 s.vcpu[k].cell == s.vcpu[i].cell);
		}
	}
	assert_true(fits > 19000); /* only grossly uneven ones do not */
}

/* Even distributions always fit. */
static void
even_ones_fit(void **state)
{
	for (uint32_t cells = 1; cells <= VMM_CELLS_MAX; cells++)
		for (uint32_t n = 1; n <= VMM_VCPUS_MAX; n++) {
			memset(&s, 0, sizeof(s));
			s.n_vcpus = n;
			s.n_cells = cells;
			for (uint32_t i = 0; i < n; i++)
				s.vcpu[i].cell = i * cells / n;
			assert_int_equal(topology_make(&s, &t), 0);
		}
}

static void
refuses_uneven_ones(void **state)
{
	memset(&s, 0, sizeof(s));
	s.n_vcpus = VMM_VCPUS_MAX;
	s.n_cells = VMM_CELLS_MAX;
	for (uint32_t i = 0; i < VMM_CELLS_MAX; i++)
		s.vcpu[i].cell = i;
	assert_int_equal(topology_make(&s, &t), -ERANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_package),
		cmocka_unit_test(two_packages),
		cmocka_unit_test(holds_for_any_distribution),
		cmocka_unit_test(even_ones_fit),
		cmocka_unit_test(refuses_uneven_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
