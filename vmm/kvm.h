/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as KVM sees it: checks of the host, the VM fd, its chips and its memory slots. */
#ifndef CORELANE_VMM_KVM_H
#define CORELANE_VMM_KVM_H

#include "base/err.h"
#include "vmm/vm.h"

/* Checks that vm->kvm_fd is a KVM that can run this machine. -ENOTSUP names what it lacks. */
int kvm_check(struct vm *vm, struct err *e);

/* Makes vm->vm_fd. 0 or -errno with words. */
int kvm_create_vm(struct vm *vm, struct err *e);

/* Gives every region of vm->mem to the VM. */
int kvm_add_memory(struct vm *vm, struct err *e);

/*
 * Makes the interrupt controllers, before any vCPU and after the memory: they register with KVM's buses,
 * which leaves a grace period of SRCU going on that a change of memory slots would wait for, up to 5 ms.
 */
int kvm_create_irqchip(struct vm *vm, struct err *e);

/*
 * A further memory slot: @size bytes at @hva, both page-aligned, are what the guest finds at @gpa, without an
 * exit. Returns its number; -ENOSPC when there are too many; -errno (overlaps another slot). vm->lock held.
 */
int kvm_slot_add(struct vm *vm, uint64_t gpa, void *hva, uint64_t size);
void kvm_slot_del(struct vm *vm, int slot);

#endif
