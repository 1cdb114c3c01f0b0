/* SPDX-License-Identifier: Apache-2.0 */
/* The state in which a vCPU starts: Intel SDM vol. 3A, 2.5 and 3.4.5 (descriptors); boot.h (protocols). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/util.h"
#include "vmm/cpuid_x86.h"
#include "vmm/vcpu.h"

#define CR0_PE   0x1ull
#define CR0_ET   0x10ull
#define CR0_NE   0x20ull
#define CR0_WP   0x10000ull
#define CR0_PG   0x80000000ull
#define CR4_PAE  0x20ull
#define EFER_LME 0x100ull
#define EFER_LMA 0x400ull

#define MSR_MISC_ENABLE  0x1a0u
#define MISC_FAST_STRING 1ull
#define MSR_MTRR_DEFAULT 0x2ffu
#define MTRR_ENABLE_WB   0x806ull

/* Every vCPU is pinned to a CPU of its own (as far as this machine goes). */
static bool
own_cores(const struct vmm_start *s)
{
	for (uint32_t i = 0; i < s->n_vcpus; i++) {
		if (s->vcpu[i].cpu < 0)
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (s->vcpu[k].cpu == s->vcpu[i].cpu)
				return false;
	}
	return true;
}

static int
set_cpuid(struct vcpu *v, struct err *e)
{
	size_t size =
		sizeof(struct kvm_cpuid2) + CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2);
	int khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0), r;
	struct cpuid_guest g = {
		.cpu = v->vm->topology.cpu[v->index],
		.core_bits = v->vm->topology.core_bits,
		.own_cores = own_cores(v->vm->start),
		.tsc_khz = khz > 0 ? (uint32_t)khz : 0,
		.tsc_deadline =
			ioctl(v->vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
	};
	struct kvm_cpuid2 *t = malloc(size);

	if (!t)
		return err_set(e, ENOMEM, "vcpu %u: out of memory", v->index);
	memcpy(t, v->cpuid, size);
	r = cpuid_make(t, &g);
	if (r == 0 && ioctl(v->fd, KVM_SET_CPUID2, t) < 0)
		r = -errno;
	free(t);
	return r < 0 ? err_sys(e, -r, "vcpu %u: KVM_SET_CPUID2", v->index) : 0;
}

/*
 * What firmware would have set: fast string operations, and write-back as the memory type that the
 * MTRRs give. A KVM that refuses one of them (nested ones do) runs guests all the same.
 */
static int
set_msrs(const struct vcpu *v, struct err *e)
{
	const struct kvm_msr_entry want[] = {
		{.index = MSR_MISC_ENABLE, .data = MISC_FAST_STRING},
		{.index = MSR_MTRR_DEFAULT, .data = MTRR_ENABLE_WB},
	};
	struct kvm_msrs *one = calloc(1, sizeof(*one) + sizeof(want[0]));

	if (!one)
		return err_set(e, ENOMEM, "vcpu %u: out of memory", v->index);
	one->nmsrs = 1;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		one->entries[0] = want[i];
		if (ioctl(v->fd, KVM_SET_MSRS, one) != 1 && v->index == 0)
			vm_event(v->vm, VMM_EV_WARNING, 0, "this KVM refuses to set MSR 0x%x",
				 want[i].index);
	}
	free(one);
	return 0;
}

static struct kvm_segment
segment(uint16_t selector, uint8_t type, bool code, bool long_mode)
{
	return (struct kvm_segment){
		.base = 0,
		.limit = 0xffffffffu,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.db = !(code && long_mode),
		.l = code && long_mode,
		.g = 1,
	};
}

static void
set_protected_mode(struct kvm_sregs *s)
{
	s->cr0 = CR0_PE | CR0_ET;
	s->cr4 = 0;
	s->efer = 0;
}

static void
set_long_mode(struct kvm_sregs *s)
{
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s->cr3 = BOOT_PML4;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
	s->gdt.base = BOOT_GDT;
	s->gdt.limit = 4 * 8 - 1;
}

static int
set_registers(const struct vcpu *v, struct err *e)
{
	const struct boot_state *b = v->boot;
	struct kvm_regs regs = {.rflags = 2, .rip = b->entry};
	struct kvm_segment data = segment(0x18, 3, false, b->long_mode);
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return err_sys(e, errno, "vcpu %u: KVM_GET_SREGS", v->index);
	s.cs = segment(0x10, 0xb, true, b->long_mode);
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.tr = (struct kvm_segment){.selector = 0, .limit = 0x67, .type = 0xb, .present = 1};
	s.idt.limit = 0; /* no handlers: an early exception is a triple fault, which is reported */
	if (b->long_mode) {
		set_long_mode(&s);
		regs.rsi = b->arg;
	} else {
		set_protected_mode(&s);
		regs.rbx = b->arg;
	}
	if (ioctl(v->fd, KVM_SET_SREGS, &s) < 0 || ioctl(v->fd, KVM_SET_REGS, &regs) < 0)
		return err_sys(e, errno, "vcpu %u: KVM_SET_SREGS", v->index);
	return 0;
}

int
vcpu_setup(struct vcpu *v, struct err *e)
{
	int r = set_cpuid(v, e);

	if (r == 0)
		r = set_msrs(v, e);
	if (r < 0)
		return r;
	/* The others wait for the guest's INIT and SIPI, as KVM makes them. */
	return v->index == 0 ? set_registers(v, e) : 0;
}
