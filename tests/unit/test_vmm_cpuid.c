/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID tables of made-up hosts, AMD and Intel: what a guest concludes about its cores from them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "vmm/cpuid_x86.h"

/* vCPU @i of @n in one package. */
static struct cpuid_guest
guest(unsigned int i, unsigned int n)
{
	static struct vmm_start s;
	struct topology t;

	s.n_vcpus = n;
	assert_int_equal(topology_make(&s, &t), 0);
	return (struct cpuid_guest){.cpu = t.cpu[i], .core_bits = t.core_bits};
}

static struct kvm_cpuid2 *
make(const struct kvm_cpuid_entry2 *entry, uint32_t n)
{
	struct kvm_cpuid2 *t = calloc(1, sizeof(*t) + CPUID_ENTRIES_MAX * sizeof(*entry));

	assert_non_null(t);
	if (n > 0)
		memcpy(t->entries, entry, n * sizeof(*entry));
	t->nent = n;
	return t;
}

#define INDEXED .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX

/* A host with 64 threads whose own topology must not shine through. */
static struct kvm_cpuid2 *
amd(void)
{
	const struct kvm_cpuid_entry2 e[] = {
		{.function = 0,
		 .eax = 0x10,
		 .ebx = 0x68747541,
		 .ecx = 0x444d4163,
		 .edx = 0x69746e65},
		{.function = 1, .ebx = 0x25400800, .ecx = 0, .edx = 0x178bfbff},
		{.function = 0xb,
		 .index = 0,
		 INDEXED,
		 .eax = 1,
		 .ebx = 2,
		 .ecx = 0x100,
		 .edx = 0x25},
		{.function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b},
		{.function = 0x40000001, .eax = 0x1007efb},
		{.function = 0x80000001, .ecx = 0x75c237ff},
		{.function = 0x80000008, .eax = 0x3030, .ecx = 0x703f},
		{.function = 0x8000001d, .index = 0, INDEXED, .eax = 0x4121},
		{.function = 0x8000001d, .index = 1, INDEXED, .eax = 0x3c163},
		{.function = 0x8000001d, .index = 2, INDEXED, .eax = 0},
		{.function = 0x8000001e, .eax = 0x25, .ebx = 0x112, .ecx = 0x301},
	};

	return make(e, ARRAY_SIZE(e));
}

static struct kvm_cpuid2 *
intel(void)
{
	const struct kvm_cpuid_entry2 e[] = {
		{.function = 0,
		 .eax = 0x1f,
		 .ebx = 0x756e6547,
		 .ecx = 0x6c65746e,
		 .edx = 0x49656e69},
		{.function = 1, .ebx = 0x25400800, .ecx = 1u << 24, .edx = 0x1fabfbff},
		{.function = 4, .index = 0, INDEXED, .eax = 0xfc004121},
		{.function = 4, .index = 3, INDEXED, .eax = 0xfc1fc163},
		{.function = 0x15, .eax = 2, .ebx = 200},
		{.function = 0x1f, .index = 0, INDEXED, .eax = 1, .ebx = 2},
		{.function = 0x40000000, .eax = 0x40000001},
		{.function = 0x80000008, .eax = 0x3030, .ecx = 0},
	};

	return make(e, ARRAY_SIZE(e));
}

static void
one_vcpu(void **state)
{
	struct kvm_cpuid2 *t = amd();
	const struct cpuid_guest g = guest(0, 1);

	assert_int_equal(cpuid_make(t, &g), 0);
	assert_int_equal(cpuid_find(t, 1, 0)->ebx, 0x00010800);
	assert_int_equal(cpuid_find(t, 1, 0)->edx >> 28 & 1, 0);
	assert_int_equal(cpuid_find(t, 1, 0)->ecx >> 31, 1);
	assert_int_equal(cpuid_find(t, 1, 0)->ecx >> 24 & 1, 0); /* no TSC deadline here */
	assert_int_equal(cpuid_find(t, 0x80000001, 0)->ecx & 2, 0);
	assert_int_equal(cpuid_find(t, 0x80000008, 0)->ecx, 0);
	assert_null(cpuid_find(t, 0x40000010, 0)); /* rate not known, not told */
	free(t);
}

static void
amd_cores(void **state)
{
	struct cpuid_guest g = guest(2, 3);
	struct kvm_cpuid2 *t = amd();

	g.tsc_khz = 2596000;
	g.tsc_deadline = true;
	assert_int_equal(cpuid_make(t, &g), 0);
	assert_int_equal(cpuid_find(t, 1, 0)->ebx, 0x02030800);
	assert_int_equal(cpuid_find(t, 1, 0)->edx >> 28 & 1, 1);
	assert_int_equal(cpuid_find(t, 1, 0)->ecx >> 24 & 1, 1);
	assert_int_equal(cpuid_find(t, 0x80000001, 0)->ecx & 2, 2);
	assert_int_equal(cpuid_find(t, 0x80000008, 0)->ecx, 0x2002); /* 3 cores, 2 bits of id */
	assert_int_equal(cpuid_find(t, 0x8000001d, 0)->eax, 0x121);  /* L1: nobody else */
	assert_int_equal(cpuid_find(t, 0x8000001d, 1)->eax, 0x163 | 2 << 14);
	assert_int_equal(cpuid_find(t, 0x8000001d, 2)->eax, 0);
	assert_int_equal(cpuid_find(t, 0x8000001e, 0)->eax, 2);
	assert_int_equal(cpuid_find(t, 0x8000001e, 0)->ebx, 2);
	assert_int_equal(cpuid_find(t, 0x8000001e, 0)->ecx, 0);
	assert_int_equal(cpuid_find(t, 0xb, 0)->ebx, 1);
	assert_int_equal(cpuid_find(t, 0xb, 1)->eax, 2);
	assert_int_equal(cpuid_find(t, 0xb, 1)->ebx, 3);
	assert_int_equal(cpuid_find(t, 0xb, 1)->ecx, 0x201);
	assert_int_equal(cpuid_find(t, 0xb, 1)->edx, 2);
	assert_int_equal(cpuid_find(t, 0xb, 2)->ecx, 2);
	assert_null(cpuid_find(t, 0x1f, 0));
	free(t);
}

static void
clocks(void **state)
{
	struct cpuid_guest g = guest(0, 1);
	struct kvm_cpuid2 *t = amd();

	g.tsc_khz = 2596000;
	assert_int_equal(cpuid_make(t, &g), 0);
	assert_int_equal(cpuid_find(t, 0x40000000, 0)->eax, 0x40000010);
	assert_int_equal(cpuid_find(t, 0x40000010, 0)->eax, 2596000);
	assert_int_equal(cpuid_find(t, 0x40000010, 0)->ebx, 1000000);
	free(t);
	t = intel();
	assert_int_equal(cpuid_make(t, &g), 0);
	/* crystal * ebx / eax is the TSC's rate. */
	assert_true((uint64_t)cpuid_find(t, 0x15, 0)->ecx * cpuid_find(t, 0x15, 0)->ebx /
			    cpuid_find(t, 0x15, 0)->eax ==
		    2596000000ull);
	free(t);
}

static void
intel_cores(void **state)
{
	const struct cpuid_guest g = guest(5, 8);
	struct kvm_cpuid2 *t = intel();

	assert_int_equal(cpuid_make(t, &g), 0);
	assert_int_equal(cpuid_find(t, 4, 0)->eax, 0x121 | 7u << 26);
	assert_int_equal(cpuid_find(t, 4, 3)->eax, 0x163 | 7u << 14 | 7u << 26);
	assert_int_equal(cpuid_find(t, 0x1f, 1)->eax, 3);
	assert_int_equal(cpuid_find(t, 0x1f, 1)->edx, 5);
	assert_int_equal(cpuid_find(t, 0x80000008, 0)->ecx, 0);  /* reserved on Intel */
	assert_int_equal(cpuid_find(t, 1, 0)->ecx >> 24 & 1, 0); /* what KVM lacks is taken away */
	free(t);
}

static void
every_id_is_its_own(void **state)
{
	for (unsigned int n = 1; n <= 64; n++)
		for (unsigned int i = 0; i < n; i++) {
			const struct cpuid_guest g = guest(i, n);
			struct kvm_cpuid2 *t = amd();
			uint32_t shift;

			assert_int_equal(cpuid_make(t, &g), 0);
			shift = cpuid_find(t, 0xb, 1)->eax;
			assert_int_equal(cpuid_find(t, 0xb, 0)->edx, i);
			assert_int_equal(i >> shift, 0);                   /* one package */
			assert_true(n == 1 || (n - 1) >> (shift - 1) > 0); /* and no bit too many */
			free(t);
		}
}

static void
says_when_it_is_full(void **state)
{
	struct cpuid_guest g = guest(0, 2);
	struct kvm_cpuid2 *t = amd();

	g.tsc_khz = 1000000;
	while (t->nent < CPUID_ENTRIES_MAX - 1)
		t->entries[t->nent++] = (struct kvm_cpuid_entry2){.function = 0x50000000 + t->nent};
	assert_int_equal(cpuid_make(t, &g), -ENOSPC);
	free(t);
	t = make(NULL, 0); /* and nothing to go by: no crash */
	assert_int_equal(cpuid_make(t, &g), 0);
	free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_vcpu),
		cmocka_unit_test(amd_cores),
		cmocka_unit_test(clocks),
		cmocka_unit_test(intel_cores),
		cmocka_unit_test(every_id_is_its_own),
		cmocka_unit_test(says_when_it_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
