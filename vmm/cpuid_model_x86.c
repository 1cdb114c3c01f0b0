/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bit numbers: Intel SDM vol. 2A, CPUID (leaves 1, 7, 0xD, 0x80000001); AMD APM vol. 3, appendix E
 * (0x80000001, 0x80000007, 0x80000008).
 */
#include "vmm/cpuid_model_x86.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "vmm/cpuid_x86.h"

#define BIT(n) (1u << (n))

enum reg { EAX, EBX, ECX, EDX };

/* What a level consists of: the host must have it, the guest gets it. */
static const struct feature {
	enum vmm_cpu_model level;
	uint32_t function;
	enum reg reg;
	uint32_t bit;
	const char *name;
} features[] = {
	{VMM_CPU_V2, 0x1, ECX, 0, "SSE3"},        {VMM_CPU_V2, 0x1, ECX, 9, "SSSE3"},
	{VMM_CPU_V2, 0x1, ECX, 13, "CMPXCHG16B"}, {VMM_CPU_V2, 0x1, ECX, 19, "SSE4.1"},
	{VMM_CPU_V2, 0x1, ECX, 20, "SSE4.2"},     {VMM_CPU_V2, 0x1, ECX, 23, "POPCNT"},
	{VMM_CPU_V2, 0x80000001, ECX, 0, "LAHF"}, {VMM_CPU_V3, 0x1, ECX, 12, "FMA"},
	{VMM_CPU_V3, 0x1, ECX, 22, "MOVBE"},      {VMM_CPU_V3, 0x1, ECX, 26, "XSAVE"},
	{VMM_CPU_V3, 0x1, ECX, 28, "AVX"},        {VMM_CPU_V3, 0x1, ECX, 29, "F16C"},
	{VMM_CPU_V3, 0x7, EBX, 3, "BMI1"},        {VMM_CPU_V3, 0x7, EBX, 5, "AVX2"},
	{VMM_CPU_V3, 0x7, EBX, 8, "BMI2"},        {VMM_CPU_V3, 0x80000001, ECX, 5, "LZCNT"},
	{VMM_CPU_V4, 0x7, EBX, 16, "AVX512F"},    {VMM_CPU_V4, 0x7, EBX, 17, "AVX512DQ"},
	{VMM_CPU_V4, 0x7, EBX, 28, "AVX512CD"},   {VMM_CPU_V4, 0x7, EBX, 30, "AVX512BW"},
	{VMM_CPU_V4, 0x7, EBX, 31, "AVX512VL"},
};

/* Registers of which a named model shows nothing but its features and these bits. */
static const struct {
	uint32_t function, index;
	enum reg reg;
	uint32_t kept;
} limited[] = {
	/* PCID, x2APIC, TSC deadline, OSXSAVE (KVM sets it), hypervisor */
	{0x1, 0, ECX, BIT(17) | BIT(21) | BIT(24) | BIT(27) | BIT(31)},
	/* FPU to PAT and PSE-36, CLFLUSH, MMX, FXSR, SSE, SSE2, HTT */
	{0x1, 0, EDX, 0x178bfbff},
	/* FSGSBASE, TSC_ADJUST, SMEP, ERMS, INVPCID, SMAP */
	{0x7, 0, EBX, BIT(0) | BIT(1) | BIT(7) | BIT(9) | BIT(10) | BIT(20)},
	/* UMIP, LA57 */
	{0x7, 0, ECX, BIT(2) | BIT(16)},
	/* FSRM; mitigations: MD_CLEAR, IBRS/IBPB, STIBP, L1D_FLUSH, ARCH_CAPABILITIES, SSBD */
	{0x7, 0, EDX, BIT(4) | BIT(10) | BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(31)},
	{0x7, 1, EAX, 0},
	{0x7, 1, EBX, 0},
	{0x7, 1, ECX, 0},
	{0x7, 1, EDX, 0},
	/* what XSAVE can do, but no supervisor state */
	{0xd, 1, EAX, 0xf},
	{0xd, 1, ECX, 0},
	{0xd, 1, EDX, 0},
	/* CMP_LEGACY, CR8, OSVW, TOPOEXT */
	{0x80000001, 0, ECX, BIT(1) | BIT(4) | BIT(9) | BIT(22)},
	/* leaf 1 again (AMD), SYSCALL, NX, 1 GiB pages, RDTSCP, long mode */
	{0x80000001, 0, EDX, 0x0183f3ff | BIT(11) | BIT(20) | BIT(26) | BIT(27) | BIT(29)},
	/* invariant TSC */
	{0x80000007, 0, EDX, BIT(8)},
	/* XSAVEERPTR; mitigations: IBPB, IBRS, STIBP and their hints, SSBD, PSFD, BTC_NO, IBPB_RET */
	{0x80000008, 0, EBX, BIT(2) | BIT(12) | 0x0007c000 | 0x07000000 | 0x70000000},
};

/* Leaves that describe what no level has: performance counters, SGX, tracing, AMX, AVX10, IBS. */
static const uint32_t unknown[] = {0xa, 0x12, 0x14, 0x1d, 0x1e, 0x24, 0x8000001b, 0x80000022};

static uint32_t *
reg_of(struct kvm_cpuid_entry2 *c, enum reg r)
{
	switch (r) {
	case EAX:
		return &c->eax;
	case EBX:
		return &c->ebx;
	case ECX:
		return &c->ecx;
	default:
		return &c->edx;
	}
}

static bool
has(struct kvm_cpuid2 *t, const struct feature *f)
{
	struct kvm_cpuid_entry2 *c = cpuid_find(t, f->function, 0);

	return c && (*reg_of(c, f->reg) & BIT(f->bit));
}

static int
check_level(struct kvm_cpuid2 *t, enum vmm_cpu_model model, struct err *e)
{
	char missing[256] = "";
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].level <= model && !has(t, &features[i]) && at < sizeof(missing))
			at += (size_t)snprintf(missing + at, sizeof(missing) - at, "%s%s",
					       at ? ", " : "", features[i].name);
	if (at == 0)
		return 0;
	return err_set(e, ENOTSUP,
		       "CPU model x86-64-v%d: this host's CPU or its KVM lacks %s; choose a lower "
		       "model, or host",
		       (int)model + 1, missing);
}

/* The bits of a limited register that belong to the model's own level and those below. */
static uint32_t
level_bits(enum vmm_cpu_model model, uint32_t function, uint32_t index, enum reg reg)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].level <= model && features[i].function == function && index == 0 &&
		    features[i].reg == reg)
			bits |= BIT(features[i].bit);
	return bits;
}

static void
limit(struct kvm_cpuid_entry2 *c, enum vmm_cpu_model model)
{
	for (size_t i = 0; i < ARRAY_SIZE(limited); i++)
		if (limited[i].function == c->function && limited[i].index == c->index)
			*reg_of(c, limited[i].reg) &=
				limited[i].kept |
				level_bits(model, c->function, c->index, limited[i].reg);
}

/* Of XCR0: x87 and SSE; AVX; AVX-512's three. A model below v3 has no XSAVE. */
static uint32_t
xcr0_of(enum vmm_cpu_model model)
{
	return model >= VMM_CPU_V4 ? 0xe7 : model >= VMM_CPU_V3 ? 0x7 : 0;
}

static bool
is_dropped(const struct kvm_cpuid_entry2 *c, enum vmm_cpu_model model)
{
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		if (c->function == unknown[i])
			return true;
	if (c->function == 0xd)
		return xcr0_of(model) == 0 ||
		       (c->index >= 2 && (c->index >= 32 || !(xcr0_of(model) & BIT(c->index))));
	return c->function == 0x7 && c->index > 2;
}

static void
drop_if(struct kvm_cpuid2 *t, enum vmm_cpu_model model,
	bool (*which)(const struct kvm_cpuid_entry2 *, enum vmm_cpu_model))
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->nent; i++)
		if (!which(&t->entries[i], model))
			t->entries[kept++] = t->entries[i];
	t->nent = kept;
}

/*
 * Leaf 0xD says which components there are and how large their area is (ECX; EBX is what is enabled at
 * the moment, which KVM keeps): recounted, since some are gone.
 */
static void
limit_xsave(struct kvm_cpuid2 *t, enum vmm_cpu_model model)
{
	struct kvm_cpuid_entry2 *all = cpuid_find(t, 0xd, 0), *amd = cpuid_find(t, 0x80000008, 0);
	uint32_t size = 512 + 64; /* legacy area and header */

	if (amd && xcr0_of(model) == 0)
		amd->ebx &= ~BIT(2); /* XSAVEERPTR */
	if (!all)
		return;
	all->eax &= xcr0_of(model);
	all->edx = 0;
	for (uint32_t i = 0; i < t->nent; i++) {
		const struct kvm_cpuid_entry2 *c = &t->entries[i];

		if (c->function == 0xd && c->index >= 2)
			size = MAX_OF(size, c->eax + c->ebx);
	}
	all->ebx = all->ecx = size;
}

static void
hide_nesting(struct kvm_cpuid2 *t)
{
	struct kvm_cpuid_entry2 *c = cpuid_find(t, 1, 0);

	if (c)
		c->ecx &= ~BIT(5); /* VMX */
	c = cpuid_find(t, 0x80000001, 0);
	if (c)
		c->ecx &= ~BIT(2); /* SVM */
	c = cpuid_find(t, 0x8000000a, 0);
	if (c)
		c->eax = c->ebx = c->ecx = c->edx = 0;
}

int
cpuid_model(struct kvm_cpuid2 *t, enum vmm_cpu_model model, struct err *e)
{
	int r;

	hide_nesting(t);
	if (model == VMM_CPU_HOST)
		return 0;
	r = check_level(t, model, e);
	if (r < 0)
		return r;
	drop_if(t, model, is_dropped);
	for (uint32_t i = 0; i < t->nent; i++)
		limit(&t->entries[i], model);
	limit_xsave(t, model);
	return 0;
}
