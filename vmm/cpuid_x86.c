/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources: Intel SDM vol. 2A, CPUID (leaves 1, 4, 0xB, 0x15, 0x1F); AMD APM vol. 3, appendix E
 * (0x80000001, 0x80000008, 0x8000001D, 0x8000001E); Documentation/virt/kvm/x86/cpuid.rst (0x40000000
 * and up) and, for 0x40000010, the convention that guests know as the "timing" leaf.
 */
#include "vmm/cpuid_x86.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define LEAF_KVM               0x40000000u
#define LEAF_KVM_FEATURES      0x40000001u
#define LEAF_KVM_TIMING        0x40000010u
#define AMD_TOPOLOGY           0x80000026u
#define KVM_HINTS_REALTIME_BIT (1u << 0)
/* KVM's local APIC timer counts nanoseconds. */
#define APIC_BUS_KHZ 1000000u

#define L1_ECX_X2APIC       (1u << 21)
#define L1_ECX_TSC_DEADLINE (1u << 24)
#define L1_ECX_HYPERVISOR   (1u << 31)
#define L1_EDX_HTT          (1u << 28)
#define AMD_ECX_CMP_LEGACY  (1u << 1)

int
cpuid_supported(int kvm_fd, struct kvm_cpuid2 **ret, struct err *e)
{
	struct kvm_cpuid2 *t =
		calloc(1, sizeof(*t) + CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2));
	int r;

	if (!t)
		return err_set(e, ENOMEM, "CPUID: out of memory");
	t->nent = CPUID_ENTRIES_MAX;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, t) < 0) {
		r = err_sys(e, errno, "KVM_GET_SUPPORTED_CPUID");
		free(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct kvm_cpuid_entry2 *
cpuid_find(struct kvm_cpuid2 *t, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < t->nent; i++) {
		struct kvm_cpuid_entry2 *c = &t->entries[i];

		if (c->function == function &&
		    (!(c->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || c->index == index))
			return c;
	}
	return NULL;
}

static struct kvm_cpuid_entry2 *
add(struct kvm_cpuid2 *t, uint32_t function, uint32_t index, uint32_t flags)
{
	struct kvm_cpuid_entry2 *c;

	if (t->nent >= CPUID_ENTRIES_MAX)
		return NULL;
	c = &t->entries[t->nent++];
	*c = (struct kvm_cpuid_entry2){.function = function, .index = index, .flags = flags};
	return c;
}

static bool
drop(struct kvm_cpuid2 *t, uint32_t function)
{
	uint32_t kept = 0, all = t->nent;

	for (uint32_t i = 0; i < all; i++)
		if (t->entries[i].function != function)
			t->entries[kept++] = t->entries[i];
	t->nent = kept;
	return kept != all;
}

static void
make_leaf_1(struct kvm_cpuid_entry2 *c, const struct cpuid_guest *g)
{
	c->ebx = (c->ebx & 0x0000ffffu) | g->cpu.cores << 16 | g->cpu.apic_id << 24;
	c->ecx |= L1_ECX_HYPERVISOR | L1_ECX_X2APIC;
	c->ecx &= ~L1_ECX_TSC_DEADLINE;
	if (g->tsc_deadline)
		c->ecx |= L1_ECX_TSC_DEADLINE;
	c->edx &= ~L1_EDX_HTT;
	if (g->cpu.cores > 1)
		c->edx |= L1_EDX_HTT;
}

/*
 * Leaves 4 (Intel) and 0x8000001D (AMD) have one form for what is shared: only the last level is, by
 * all cores of the package. Intel's also says how many cores a package may hold.
 */
static void
make_cache(struct kvm_cpuid_entry2 *c, const struct cpuid_guest *g)
{
	uint32_t type = c->eax & 0x1f, level = c->eax >> 5 & 7;
	uint32_t sharing = level >= 3 ? g->cpu.cores - 1 : 0;

	if (type == 0)
		return;
	c->eax = (c->eax & 0x00003fffu) | sharing << 14;
	if (c->function == 4)
		c->eax |= ((1u << g->core_bits) - 1) << 26;
}

static void
make_entry(struct kvm_cpuid_entry2 *c, const struct cpuid_guest *g, bool amd)
{
	switch (c->function) {
	case 1:
		make_leaf_1(c, g);
		break;
	case 4:
	case 0x8000001d:
		make_cache(c, g);
		break;
	case 0x80000001:
		if (amd && g->cpu.cores > 1)
			c->ecx |= AMD_ECX_CMP_LEGACY;
		else if (amd)
			c->ecx &= ~AMD_ECX_CMP_LEGACY;
		break;
	case 0x80000008:
		if (amd)
			c->ecx = (c->ecx & ~0xf0ffu) | (g->cpu.cores - 1) | g->core_bits << 12;
		break;
	case 0x8000001e:
		c->eax = g->cpu.apic_id;
		c->ebx = g->cpu.core;    /* one thread a core */
		c->ecx = g->cpu.package; /* one node a package */
		break;
	}
}

/* 0xB and 0x1F: level 1 is the thread (one a core), level 2 the core; above is the package. */
static int
make_topology(struct kvm_cpuid2 *t, uint32_t function, const struct cpuid_guest *g)
{
	const uint32_t type[3] = {1, 2, 0};

	drop(t, function);
	for (uint32_t i = 0; i < 3; i++) {
		struct kvm_cpuid_entry2 *c = add(t, function, i, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);

		if (!c)
			return -ENOSPC;
		c->eax = i == 1 ? g->core_bits : 0;
		c->ebx = i == 0 ? 1 : i == 1 ? g->cpu.cores : 0;
		c->ecx = i | type[i] << 8;
		c->edx = g->cpu.apic_id;
	}
	return 0;
}

static int
make_clocks(struct kvm_cpuid2 *t, const struct cpuid_guest *g, bool intel)
{
	struct kvm_cpuid_entry2 *kvm = cpuid_find(t, LEAF_KVM, 0), *c;

	if (g->tsc_khz == 0)
		return 0;
	if (kvm) {
		drop(t, LEAF_KVM_TIMING);
		kvm = cpuid_find(t, LEAF_KVM, 0);
		if (kvm->eax < LEAF_KVM_TIMING)
			kvm->eax = LEAF_KVM_TIMING;
		c = add(t, LEAF_KVM_TIMING, 0, 0);
		if (!c)
			return -ENOSPC;
		c->eax = g->tsc_khz;
		c->ebx = APIC_BUS_KHZ;
	}
	c = cpuid_find(t, 0x15, 0);
	if (intel && c) { /* the TSC as a ratio of the crystal that also feeds the APIC timer */
		c->eax = APIC_BUS_KHZ;
		c->ebx = g->tsc_khz;
		c->ecx = APIC_BUS_KHZ * 1000;
		c->edx = 0;
	}
	return 0;
}

static void
make_hints(struct kvm_cpuid2 *t, const struct cpuid_guest *g)
{
	struct kvm_cpuid_entry2 *c = cpuid_find(t, LEAF_KVM_FEATURES, 0);

	if (c && g->own_cores)
		c->edx |= KVM_HINTS_REALTIME_BIT;
}

int
cpuid_make(struct kvm_cpuid2 *t, const struct cpuid_guest *g)
{
	struct kvm_cpuid_entry2 *c = cpuid_find(t, 0, 0);
	bool amd = c && (c->ecx == 0x444d4163u /* cAMD */ || c->ecx == 0x656e6975u /* uine */);
	bool intel = c && c->ecx == 0x6c65746eu; /* ntel */
	int r;

	if (c && c->eax < 0xb)
		c->eax = 0xb;
	for (uint32_t i = 0; i < t->nent; i++)
		make_entry(&t->entries[i], g, amd);
	drop(t, AMD_TOPOLOGY); /* says the same as 0xB, and Linux would believe it first */
	make_hints(t, g);
	r = make_topology(t, 0xb, g);
	if (r == 0 && cpuid_find(t, 0x1f, 0))
		r = make_topology(t, 0x1f, g);
	return r < 0 ? r : make_clocks(t, g, intel);
}
