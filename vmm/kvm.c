/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/util.h"

/*
 * Pages that Intel's VMX needs for guests in real mode (Documentation/virt/kvm/api.rst, 4.8 and 4.35):
 * in the hole below 4 GiB, where neither RAM nor a device is.
 */
#define GPA_IDENTITY_MAP 0xFEFFC000ull
#define GPA_TSS          0xFEFFD000ull

static const struct {
	int cap;
	const char *name;
} required[] = {
	{KVM_CAP_IRQCHIP, "an in-kernel interrupt controller (KVM_CAP_IRQCHIP)"},
	{KVM_CAP_USER_MEMORY, "user memory slots (KVM_CAP_USER_MEMORY)"},
	{KVM_CAP_IRQFD, "interrupts from eventfds (KVM_CAP_IRQFD)"},
	{KVM_CAP_IOEVENTFD, "doorbells to eventfds (KVM_CAP_IOEVENTFD)"},
	{KVM_CAP_IRQ_ROUTING, "interrupt routing (KVM_CAP_IRQ_ROUTING)"},
	{KVM_CAP_SIGNAL_MSI, "message interrupts (KVM_CAP_SIGNAL_MSI)"},
	{KVM_CAP_EXT_CPUID, "CPUID tables (KVM_CAP_EXT_CPUID)"},
	{KVM_CAP_IMMEDIATE_EXIT, "immediate exits (KVM_CAP_IMMEDIATE_EXIT)"},
	{KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
};

int
kvm_check(struct vm *vm, struct err *e)
{
	int version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0), max;

	if (version < 0)
		return err_set(e, ENOTSUP, "the fd handed in as KVM is not /dev/kvm");
	if (version != KVM_API_VERSION)
		return err_set(e, ENOTSUP,
			       "this host's KVM speaks version %d, version %d is needed", version,
			       KVM_API_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, required[i].cap) <= 0)
			return err_set(e, ENOTSUP, "this host's KVM has no %s", required[i].name);
	max = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (max > 0 && vm->start->n_vcpus > (uint32_t)max)
		return err_set(e, ENOTSUP, "%u vCPUs are declared, this host's KVM runs at most %d",
			       vm->start->n_vcpus, max);
	return 0;
}

int
kvm_create_vm(struct vm *vm, struct err *e)
{
	uint64_t identity = GPA_IDENTITY_MAP;

	do /* a signal during the creation gives EINTR */
		vm->vm_fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	while (vm->vm_fd < 0 && errno == EINTR);
	if (vm->vm_fd < 0)
		return err_sys(e, errno, "KVM_CREATE_VM");
	/* Only VMX needs the two; a KVM of another kind may refuse them. */
	if ((ioctl(vm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
	     ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, (unsigned long)GPA_TSS) < 0) &&
	    errno != EINVAL && errno != ENOTTY)
		return err_sys(e, errno, "KVM_SET_TSS_ADDR");
	return 0;
}

int
kvm_create_irqchip(struct vm *vm, struct err *e)
{
	/*
	 * No PIT: Linux takes its TSC frequency from kvmclock or CPUID and its timer from the local
	 * APIC (TSC deadline), and every emulated timer less is host work less.
	 */
	if (ioctl(vm->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return err_sys(e, errno, "KVM_CREATE_IRQCHIP");
	return 0;
}

int
kvm_add_memory(struct vm *vm, struct err *e)
{
	for (unsigned int i = 0; i < vm->mem.n; i++) {
		const struct mem_region *r = &vm->mem.region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = (uintptr_t)r->hva,
		};

		if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return err_sys(e, errno, "KVM_SET_USER_MEMORY_REGION at 0x%llx",
				       (unsigned long long)r->gpa);
	}
	return 0;
}

/* Above those of guest RAM, whose numbers are its regions'. */
#define SLOT_FIRST 64

_Static_assert(MEM_REGIONS_MAX <= SLOT_FIRST, "RAM's slots are below the others");

static int
set_slot(struct vm *vm, unsigned int number, uint64_t gpa, void *hva, uint64_t size)
{
	struct kvm_userspace_memory_region slot = {
		.slot = SLOT_FIRST + number,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0 ? -errno : 0;
}

int
kvm_slot_add(struct vm *vm, uint64_t gpa, void *hva, uint64_t size)
{
	int i, r;

	if (vm->kvm_slots == UINT64_MAX)
		return -ENOSPC;
	i = __builtin_ctzll(~vm->kvm_slots);
	r = set_slot(vm, (unsigned int)i, gpa, hva, size);
	if (r < 0)
		return r;
	vm->kvm_slots |= 1ull << i;
	return i;
}

void
kvm_slot_del(struct vm *vm, int slot)
{
	/* A size of 0 deletes (Documentation/virt/kvm/api.rst, 4.35). */
	if (slot >= 0 && slot < 64 && vm->kvm_slots >> slot & 1 &&
	    set_slot(vm, (unsigned int)slot, 0, NULL, 0) == 0)
		vm->kvm_slots &= ~(1ull << slot);
}
