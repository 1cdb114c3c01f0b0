/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU models on a made-up host that has every feature there is: the whole table of each model, leaf by
 * leaf, as golden text; and hosts that lack one thing of a level.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "vmm/cpuid_model_x86.h"
#include "vmm/cpuid_x86.h"

#define ALL     0xffffffffu
#define INDEXED .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX

/* Sizes and offsets of XSAVE components as on Intel's Sapphire Rapids. */
static const struct kvm_cpuid_entry2 host[] = {
	{.function = 0x0, .eax = 0x24, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69},
	{.function = 0x1, .eax = 0x806f8, .ebx = 0x800, .ecx = ALL, .edx = ALL},
	{.function = 0x7, .index = 0, INDEXED, .eax = 2, .ebx = ALL, .ecx = ALL, .edx = ALL},
	{.function = 0x7, .index = 1, INDEXED, .eax = ALL, .ebx = ALL, .ecx = ALL, .edx = ALL},
	{.function = 0x7, .index = 2, INDEXED, .edx = 0x3f},
	{.function = 0xa, .eax = 0x8300805, .edx = 0x603},
	{.function = 0xd, .index = 0, INDEXED, .eax = 0x602e7, .ebx = 0x240, .ecx = 0x2b00},
	{.function = 0xd, .index = 1, INDEXED, .eax = 0x1f, .ebx = 0x240, .ecx = 0x1800},
	{.function = 0xd, .index = 2, INDEXED, .eax = 0x100, .ebx = 0x240},
	{.function = 0xd, .index = 5, INDEXED, .eax = 0x40, .ebx = 0x440},
	{.function = 0xd, .index = 6, INDEXED, .eax = 0x200, .ebx = 0x480},
	{.function = 0xd, .index = 7, INDEXED, .eax = 0x400, .ebx = 0x680},
	{.function = 0xd, .index = 9, INDEXED, .eax = 8, .ebx = 0xa80},
	{.function = 0xd, .index = 11, INDEXED, .eax = 0x10, .ecx = 1},
	{.function = 0xd, .index = 17, INDEXED, .eax = 0x40, .ebx = 0xac0, .ecx = 2},
	{.function = 0xd, .index = 18, INDEXED, .eax = 0x2000, .ebx = 0xb00, .ecx = 6},
	{.function = 0xd, .index = 62, INDEXED, .eax = 0x80, .ebx = 0x2b00},
	{.function = 0x1d, .index = 1, INDEXED, .eax = 0x4002000},
	{.function = 0x1e, .index = 0, INDEXED, .ebx = 0x4010},
	{.function = 0x24, .index = 0, INDEXED, .ebx = 0x70001},
	{.function = 0x40000001, .eax = 0x1007efb},
	{.function = 0x80000001, .ecx = ALL, .edx = ALL},
	{.function = 0x80000007, .eax = 0, .edx = ALL},
	{.function = 0x80000008, .eax = 0x3934, .ebx = ALL},
	{.function = 0x8000000a, .eax = 1, .ebx = 0x8000, .edx = ALL},
	{.function = 0x80000021, .eax = 0x45},
	{.function = 0x80000022, .eax = 1},
};

static struct kvm_cpuid2 *
make(void)
{
	struct kvm_cpuid2 *t = calloc(1, sizeof(*t) + CPUID_ENTRIES_MAX * sizeof(host[0]));

	assert_non_null(t);
	memcpy(t->entries, host, sizeof(host));
	t->nent = ARRAY_SIZE(host);
	return t;
}

static const char *
print(const struct kvm_cpuid2 *t)
{
	static char text[8192];
	size_t at = 0;

	for (uint32_t i = 0; i < t->nent; i++) {
		const struct kvm_cpuid_entry2 *c = &t->entries[i];

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%x.%x %08x %08x %08x %08x\n",
				       c->function, c->index, c->eax, c->ebx, c->ecx, c->edx);
	}
	return text;
}

static const char *const golden[] = {
	[VMM_CPU_HOST] = "0.0 00000024 756e6547 6c65746e 49656e69\n"
			 "1.0 000806f8 00000800 ffffffdf ffffffff\n"
			 "7.0 00000002 ffffffff ffffffff ffffffff\n"
			 "7.1 ffffffff ffffffff ffffffff ffffffff\n"
			 "7.2 00000000 00000000 00000000 0000003f\n"
			 "a.0 08300805 00000000 00000000 00000603\n"
			 "d.0 000602e7 00000240 00002b00 00000000\n"
			 "d.1 0000001f 00000240 00001800 00000000\n"
			 "d.2 00000100 00000240 00000000 00000000\n"
			 "d.5 00000040 00000440 00000000 00000000\n"
			 "d.6 00000200 00000480 00000000 00000000\n"
			 "d.7 00000400 00000680 00000000 00000000\n"
			 "d.9 00000008 00000a80 00000000 00000000\n"
			 "d.b 00000010 00000000 00000001 00000000\n"
			 "d.11 00000040 00000ac0 00000002 00000000\n"
			 "d.12 00002000 00000b00 00000006 00000000\n"
			 "d.3e 00000080 00002b00 00000000 00000000\n"
			 "1d.1 04002000 00000000 00000000 00000000\n"
			 "1e.0 00000000 00004010 00000000 00000000\n"
			 "24.0 00000000 00070001 00000000 00000000\n"
			 "40000001.0 01007efb 00000000 00000000 00000000\n"
			 "80000001.0 00000000 00000000 fffffffb ffffffff\n"
			 "80000007.0 00000000 00000000 00000000 ffffffff\n"
			 "80000008.0 00003934 ffffffff 00000000 00000000\n"
			 "8000000a.0 00000000 00000000 00000000 00000000\n"
			 "80000021.0 00000045 00000000 00000000 00000000\n"
			 "80000022.0 00000001 00000000 00000000 00000000\n",
	[VMM_CPU_V2] = "0.0 00000024 756e6547 6c65746e 49656e69\n"
		       "1.0 000806f8 00000800 89ba2201 178bfbff\n"
		       "7.0 00000002 00100683 00010004 bc000410\n"
		       "7.1 00000000 00000000 00000000 00000000\n"
		       "7.2 00000000 00000000 00000000 0000003f\n"
		       "40000001.0 01007efb 00000000 00000000 00000000\n"
		       "80000001.0 00000000 00000000 00400213 2d93fbff\n"
		       "80000007.0 00000000 00000000 00000000 00000100\n"
		       "80000008.0 00003934 7707d000 00000000 00000000\n"
		       "8000000a.0 00000000 00000000 00000000 00000000\n"
		       "80000021.0 00000045 00000000 00000000 00000000\n",
	[VMM_CPU_V3] = "0.0 00000024 756e6547 6c65746e 49656e69\n"
		       "1.0 000806f8 00000800 bdfa3201 178bfbff\n"
		       "7.0 00000002 001007ab 00010004 bc000410\n"
		       "7.1 00000000 00000000 00000000 00000000\n"
		       "7.2 00000000 00000000 00000000 0000003f\n"
		       "d.0 00000007 00000340 00000340 00000000\n"
		       "d.1 0000000f 00000240 00000000 00000000\n"
		       "d.2 00000100 00000240 00000000 00000000\n"
		       "40000001.0 01007efb 00000000 00000000 00000000\n"
		       "80000001.0 00000000 00000000 00400233 2d93fbff\n"
		       "80000007.0 00000000 00000000 00000000 00000100\n"
		       "80000008.0 00003934 7707d004 00000000 00000000\n"
		       "8000000a.0 00000000 00000000 00000000 00000000\n"
		       "80000021.0 00000045 00000000 00000000 00000000\n",
	[VMM_CPU_V4] = "0.0 00000024 756e6547 6c65746e 49656e69\n"
		       "1.0 000806f8 00000800 bdfa3201 178bfbff\n"
		       "7.0 00000002 d01307ab 00010004 bc000410\n"
		       "7.1 00000000 00000000 00000000 00000000\n"
		       "7.2 00000000 00000000 00000000 0000003f\n"
		       "d.0 000000e7 00000a80 00000a80 00000000\n"
		       "d.1 0000000f 00000240 00000000 00000000\n"
		       "d.2 00000100 00000240 00000000 00000000\n"
		       "d.5 00000040 00000440 00000000 00000000\n"
		       "d.6 00000200 00000480 00000000 00000000\n"
		       "d.7 00000400 00000680 00000000 00000000\n"
		       "40000001.0 01007efb 00000000 00000000 00000000\n"
		       "80000001.0 00000000 00000000 00400233 2d93fbff\n"
		       "80000007.0 00000000 00000000 00000000 00000100\n"
		       "80000008.0 00003934 7707d004 00000000 00000000\n"
		       "8000000a.0 00000000 00000000 00000000 00000000\n"
		       "80000021.0 00000045 00000000 00000000 00000000\n",
};

static void
golden_tables(void **state)
{
	for (enum vmm_cpu_model m = VMM_CPU_HOST; m <= VMM_CPU_V4; m++) {
		struct kvm_cpuid2 *t = make();
		struct err e = {0};

		assert_int_equal(cpuid_model(t, m, &e), 0);
		assert_string_equal(print(t), golden[m]);
		free(t);
	}
}

/* Each feature of a level, taken away: refused by its name from that level on, taken below. */
static void
names_what_is_missing(void **state)
{
	static const struct {
		uint32_t function;
		size_t reg;
		uint32_t bit;
		enum vmm_cpu_model level;
		const char *lacks;
	} t[] = {
#define R(r) offsetof(struct kvm_cpuid_entry2, r)
		{0x1, R(ecx), 13, VMM_CPU_V2, "lacks CMPXCHG16B;"},
		{0x80000001, R(ecx), 0, VMM_CPU_V2, "lacks LAHF;"},
		{0x1, R(ecx), 26, VMM_CPU_V3, "lacks XSAVE;"},
		{0x7, R(ebx), 5, VMM_CPU_V3, "lacks AVX2;"},
		{0x80000001, R(ecx), 5, VMM_CPU_V3, "lacks LZCNT;"},
		{0x7, R(ebx), 16, VMM_CPU_V4, "lacks AVX512F;"},
		{0x7, R(ebx), 31, VMM_CPU_V4, "lacks AVX512VL;"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		for (enum vmm_cpu_model m = VMM_CPU_HOST; m <= VMM_CPU_V4; m++) {
			struct kvm_cpuid2 *c = make();
			struct err e = {0};
			uint32_t *reg =
				(uint32_t *)((char *)cpuid_find(c, t[i].function, 0) + t[i].reg);

			*reg &= ~(1u << t[i].bit);
			if (m < t[i].level) {
				assert_int_equal(cpuid_model(c, m, &e), 0);
			} else {
				assert_int_equal(cpuid_model(c, m, &e), -ENOTSUP);
				assert_non_null(strstr(e.text, t[i].lacks)); /* it alone */
			}
			free(c);
		}
}

static void
survives_a_host_with_nothing(void **state)
{
	struct kvm_cpuid2 *t = make();
	struct err e = {0};

	t->nent = 0;
	assert_int_equal(cpuid_model(t, VMM_CPU_HOST, &e), 0);
	assert_int_equal(cpuid_model(t, VMM_CPU_V4, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "CPU model x86-64-v4"));
	assert_non_null(strstr(e.text, "SSE3, SSSE3, CMPXCHG16B"));
	assert_non_null(strstr(e.text, "choose a lower model"));
	free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_tables),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(survives_a_host_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
