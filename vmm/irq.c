/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table that KVM_SET_GSI_ROUTING takes is always the whole one: the legacy lines as KVM itself sets
 * them up (0..15 to both the PIC and the IOAPIC, 16..23 to the IOAPIC), then every MSI slot that has an
 * address. See Documentation/virt/kvm/api.rst, 4.52 (routing) and 4.75 (irqfd).
 */
#include "vmm/irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/vm.h"

#define PIC_LINES   16
#define ENTRIES_MAX (IRQ_LINES + PIC_LINES + IRQ_MSIS_MAX)

int
irq_init(struct vm *vm)
{
	struct irq *irq = &vm->irq;

	for (unsigned int i = 0; i < IRQ_MSIS_MAX; i++)
		irq->msi[i] = (struct irq_msi){.fd = -1, .gsi = IRQ_LINES + i};
	/*
	 * KVM_CREATE_IRQCHIP has just installed the lines' default routing, the same that
	 * put_lines() makes: there is nothing to set before the first MSI.
	 */
	irq->routing = calloc(1, sizeof(*irq->routing) +
					 ENTRIES_MAX * sizeof(struct kvm_irq_routing_entry));
	return irq->routing ? 0 : -ENOMEM;
}

void
irq_fini(struct vm *vm)
{
	if (!vm->irq.routing) /* never initialised */
		return;
	for (int i = 0; i < IRQ_MSIS_MAX; i++)
		irq_msi_free(vm, i);
	free(vm->irq.routing);
	vm->irq.routing = NULL;
}

void
irq_line(struct vm *vm, unsigned int line, bool level)
{
	struct kvm_irq_level l = {.irq = line, .level = level};

	/* Fails only for a line that does not exist: nothing a guest can bring about. */
	(void)ioctl(vm->vm_fd, KVM_IRQ_LINE, &l);
}

int
irq_line_fd(struct vm *vm, unsigned int line, int trigger, int resample, bool on)
{
	struct kvm_irqfd i = {
		.fd = (uint32_t)trigger,
		.gsi = line,
		.flags = KVM_IRQFD_FLAG_RESAMPLE | (on ? 0 : KVM_IRQFD_FLAG_DEASSIGN),
		.resamplefd = (uint32_t)resample,
	};

	return ioctl(vm->vm_fd, KVM_IRQFD, &i) < 0 ? -errno : 0;
}

int
irq_msi_alloc(struct vm *vm)
{
	for (int i = 0; i < IRQ_MSIS_MAX; i++) {
		struct irq_msi *m = &vm->irq.msi[i];

		if (m->fd >= 0)
			continue;
		m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (m->fd < 0)
			return -errno;
		m->attached = false;
		m->addr = 0;
		m->data = 0;
		return i;
	}
	return -ENOSPC;
}

static struct irq_msi *
slot_of(struct vm *vm, int slot)
{
	if (slot < 0 || slot >= IRQ_MSIS_MAX || vm->irq.msi[slot].fd < 0)
		return NULL;
	return &vm->irq.msi[slot];
}

void
irq_msi_free(struct vm *vm, int slot)
{
	struct irq_msi *m = slot_of(vm, slot);

	if (!m)
		return;
	irq_msi_mask(vm, slot);
	close(m->fd);
	m->fd = -1;
}

int
irq_msi_fd(const struct vm *vm, int slot)
{
	return slot >= 0 && slot < IRQ_MSIS_MAX ? vm->irq.msi[slot].fd : -1;
}

static void
put_pin(struct kvm_irq_routing *t, uint32_t chip, uint32_t gsi, uint32_t pin)
{
	struct kvm_irq_routing_entry *e = &t->entries[t->nr++];

	memset(e, 0, sizeof(*e));
	e->gsi = gsi;
	e->type = KVM_IRQ_ROUTING_IRQCHIP;
	e->u.irqchip.irqchip = chip;
	e->u.irqchip.pin = pin;
}

static void
put_lines(struct kvm_irq_routing *t)
{
	for (uint32_t i = 0; i < IRQ_LINES; i++) {
		if (i < PIC_LINES)
			put_pin(t, i < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, i,
				i % 8);
		put_pin(t, KVM_IRQCHIP_IOAPIC, i, i);
	}
}

static int
set_routing(struct vm *vm)
{
	struct kvm_irq_routing *t = vm->irq.routing;

	t->nr = 0;
	put_lines(t);
	for (unsigned int i = 0; i < IRQ_MSIS_MAX; i++) {
		const struct irq_msi *m = &vm->irq.msi[i];
		struct kvm_irq_routing_entry *e;

		if (m->fd < 0 || m->addr == 0)
			continue;
		e = &t->entries[t->nr++];
		memset(e, 0, sizeof(*e));
		e->gsi = m->gsi;
		e->type = KVM_IRQ_ROUTING_MSI;
		e->u.msi.address_lo = (uint32_t)m->addr;
		e->u.msi.address_hi = (uint32_t)(m->addr >> 32);
		e->u.msi.data = m->data;
	}
	return ioctl(vm->vm_fd, KVM_SET_GSI_ROUTING, t) < 0 ? -errno : 0;
}

static int
irqfd(struct vm *vm, const struct irq_msi *m, uint32_t flags)
{
	struct kvm_irqfd i = {.fd = (uint32_t)m->fd, .gsi = m->gsi, .flags = flags};

	return ioctl(vm->vm_fd, KVM_IRQFD, &i) < 0 ? -errno : 0;
}

int
irq_msi_unmask(struct vm *vm, int slot, uint64_t addr, uint32_t data)
{
	struct irq_msi *m = slot_of(vm, slot);
	struct irq_msi old;
	int r;

	if (!m)
		return -EINVAL;
	if (m->addr != addr || m->data != data) {
		old = *m;
		m->addr = addr;
		m->data = data;
		r = set_routing(vm);
		if (r < 0) { /* an address that KVM does not take: the rest stays as it was */
			*m = old;
			return r;
		}
	}
	if (m->attached)
		return 0;
	/* KVM looks at the eventfd while it attaches it: what is pending fires now. */
	r = irqfd(vm, m, 0);
	if (r == 0)
		m->attached = true;
	return r;
}

void
irq_msi_mask(struct vm *vm, int slot)
{
	struct irq_msi *m = slot_of(vm, slot);

	if (!m || !m->attached)
		return;
	if (irqfd(vm, m, KVM_IRQFD_FLAG_DEASSIGN) == 0)
		m->attached = false;
}

bool
irq_msi_pending(const struct vm *vm, int slot)
{
	struct pollfd p = {.fd = irq_msi_fd(vm, slot), .events = POLLIN};

	if (p.fd < 0 || vm->irq.msi[slot].attached)
		return false;
	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}
