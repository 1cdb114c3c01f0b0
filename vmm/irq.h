/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts into the in-kernel irqchip: 24 IOAPIC lines for the few legacy devices, and MSI routes,
 * each with an eventfd that a device, a vhost-user back end or VFIO signals (KVM_IRQFD).
 */
#ifndef CORELANE_VMM_IRQ_H
#define CORELANE_VMM_IRQ_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

#define IRQ_LINES    24
#define IRQ_MSIS_MAX 512

struct irq_msi {
	int fd;        /* eventfd, owned; -1 when the slot is free */
	uint32_t gsi;  /* IRQ_LINES + slot */
	bool attached; /* to KVM by irqfd: only while unmasked */
	uint64_t addr;
	uint32_t data;
};

struct irq {
	struct irq_msi msi[IRQ_MSIS_MAX];
	struct kvm_irq_routing *routing; /* room for the whole table, made once */
};

/* Routes the lines 1:1 to the IOAPIC (and 0..15 to the PIC). Called once, after KVM_CREATE_IRQCHIP. */
int irq_init(struct vm *vm);
void irq_fini(struct vm *vm);

/* Sets an IOAPIC line. */
void irq_line(struct vm *vm, unsigned int line, bool level);

/*
 * Attaches (or with @on false detaches) an IOAPIC line, level-triggered, to two eventfds: @trigger raises it,
 * the guest's end of interrupt lowers it and signals @resample. Several may share a line. 0 or -errno.
 */
int irq_line_fd(struct vm *vm, unsigned int line, int trigger, int resample, bool on);

/* A slot with its eventfd, not attached. Returns the slot, or -ENOSPC or -errno. */
int irq_msi_alloc(struct vm *vm);
void irq_msi_free(struct vm *vm, int slot);
int irq_msi_fd(const struct vm *vm, int slot);

/*
 * Points the slot at @addr/@data (x86 MSI, Intel SDM 3A, 11.11) and attaches it to KVM; a signal that
 * arrived while it was masked fires now. One KVM_SET_GSI_ROUTING a call. vm->lock held.
 */
int irq_msi_unmask(struct vm *vm, int slot, uint64_t addr, uint32_t data);
/* Detaches: signals stay pending in the eventfd. */
void irq_msi_mask(struct vm *vm, int slot);
/* Whether a masked slot has a signal pending (the MSI-X PBA bit). */
bool irq_msi_pending(const struct vm *vm, int slot);

#endif
