/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine without KVM whose NICs are the fake VFIO device (all of them the same one), and a guest's accesses
 * to it. KVM's memory slots and interrupts are replaced: link with the --wrap options of vfio_dev.cmake.
 */
#ifndef CORELANE_TESTS_VFIO_WORLD_H
#define CORELANE_TESTS_VFIO_WORLD_H

#include "tests/unit/vmm_fake.h"

#include <fcntl.h>

#include "tests/unit/vfio_fake.h"

#include "vmm/kvm.h"
#include "vmm/pci.h"
#include "vmm/virtio.h"

#define WORLD_NICS VMM_NICS_MAX

struct kvm_slot_seen {
	bool used;
	uint64_t gpa, size;
	void *hva;
};

static struct {
	struct kvm_slot_seen slot[64];
	int refuse_slots, refuse_msi;
	unsigned int live; /* MSI slots attached */
	bool attached[IRQ_MSIS_MAX];
	int line, trigger, resample; /* of INTx; -1 */
	unsigned int unplug_wanted, plugged;
} kvm;

int __wrap_kvm_slot_add(struct vm *vm, uint64_t gpa, void *hva, uint64_t size);
void __wrap_kvm_slot_del(struct vm *vm, int slot);
int __wrap_irq_msi_unmask(struct vm *vm, int slot, uint64_t addr, uint32_t data);
void __wrap_irq_msi_mask(struct vm *vm, int slot);
int __wrap_irq_line_fd(struct vm *vm, unsigned int line, int trigger, int resample, bool on);
void __wrap_ged_plugged(struct vm *vm, unsigned int slot);
void __wrap_ged_unplug_wanted(struct vm *vm, unsigned int slot);

int
__wrap_kvm_slot_add(struct vm *vm, uint64_t gpa, void *hva, uint64_t size)
{
	assert_int_equal((gpa | size | (uintptr_t)hva) % 4096, 0);
	assert_null(mem_at(&vm->mem, gpa, 1));
	for (int i = 0; i < 64 && !kvm.refuse_slots; i++) {
		if (kvm.slot[i].used)
			continue;
		kvm.slot[i] = (struct kvm_slot_seen){true, gpa, size, hva};
		return i;
	}
	return kvm.refuse_slots;
}

void
__wrap_kvm_slot_del(struct vm *vm, int slot)
{
	assert_true(slot >= 0 && slot < 64 && kvm.slot[slot].used);
	kvm.slot[slot].used = false;
}

int
__wrap_irq_msi_unmask(struct vm *vm, int slot, uint64_t addr, uint32_t data)
{
	if (kvm.refuse_msi)
		return kvm.refuse_msi;
	kvm.live += !kvm.attached[slot];
	kvm.attached[slot] = true;
	return 0;
}

void
__wrap_irq_msi_mask(struct vm *vm, int slot)
{
	if (slot < 0)
		return;
	kvm.live -= kvm.attached[slot];
	kvm.attached[slot] = false;
}

int
__wrap_irq_line_fd(struct vm *vm, unsigned int line, int trigger, int resample, bool on)
{
	kvm.line = on ? (int)line : -1;
	kvm.trigger = trigger;
	kvm.resample = resample;
	return 0;
}

void
__wrap_ged_plugged(struct vm *vm, unsigned int slot)
{
	kvm.plugged |= 1u << slot;
}

void
__wrap_ged_unplug_wanted(struct vm *vm, unsigned int slot)
{
	kvm.unplug_wanted |= 1u << slot;
}

struct world {
	struct fake *f;
	struct pci *pci;
	struct device *iommu, *nic[WORLD_NICS];
};

static inline unsigned int
n_slots(void)
{
	unsigned int n = 0;

	for (int i = 0; i < 64; i++)
		n += kvm.slot[i].used;
	return n;
}

static inline const struct kvm_slot_seen *
slot_at(uint64_t gpa, uint64_t size)
{
	for (int i = 0; i < 64; i++)
		if (kvm.slot[i].used && kvm.slot[i].gpa == gpa && kvm.slot[i].size == size)
			return &kvm.slot[i];
	return NULL;
}

/* A machine that has been told of @n VFIO NICs, with nothing made of them yet. */
static inline struct world *
world_new(unsigned int n)
{
	struct world *w = calloc(1, sizeof(*w));
	struct vmm_start *s;
	struct err e;

	memset(&kvm, 0, sizeof(kvm));
	kvm.line = -1;
	fake_igb();
	w->f = fake_new();
	s = &w->f->start;
	s->iommu_kind = VMM_IOMMU_TYPE1;
	s->n_nics = n;
	s->fd[s->n_fds++].role = VMM_FD_IOMMU;
	w->f->vm.fds[0] = FAKE_IOMMU_FD;
	w->f->vm.vfio_io = &fake_io;
	for (unsigned int i = 0; i < n; i++) {
		s->nic[i].kind = VMM_NIC_VFIO;
		snprintf(s->nic[i].name, sizeof(s->nic[i].name), "wan%u", i);
		w->f->vm.fds[s->n_fds] = FAKE_DEV_FD;
		s->fd[s->n_fds].role = VMM_FD_NIC;
		s->fd[s->n_fds++].index = (uint16_t)i;
	}
	w->pci = calloc(1, sizeof(*w->pci));
	w->pci->dev = (struct device){.ops = &pci_ops, .vm = &w->f->vm};
	assert_int_equal(pci_ops.init(&w->pci->dev, 0, &e), 0);
	return w;
}

static inline struct device *
make(struct world *w, const struct device_ops *ops, unsigned int index, int *ret, struct err *e)
{
	struct device *d = calloc(1, ops->size);

	*d = (struct device){.ops = ops, .vm = &w->f->vm, .index = index};
	*ret = ops->init(d, index, e);
	if (*ret == 0)
		return d;
	free(d);
	return NULL;
}

/* The IOMMU and the first NIC: 0, or what it said. */
static inline int
try_plug(struct world *w, struct err *e)
{
	int r;

	if (!w->iommu)
		w->iommu = make(w, &vfio_iommu_ops, 0, &r, e);
	assert_non_null(w->iommu);
	w->nic[0] = make(w, &vfio_nic_ops, 0, &r, e);
	return r;
}

static inline void
unplug_all(struct world *w)
{
	for (unsigned int i = 0; i < WORLD_NICS; i++) {
		if (w->nic[i])
			vfio_nic_ops.fini(w->nic[i]);
		free(w->nic[i]);
		w->nic[i] = NULL;
	}
	if (w->iommu)
		vfio_iommu_ops.fini(w->iommu);
	free(w->iommu);
	w->iommu = NULL;
	assert_int_equal(n_slots(), 0);
	assert_int_equal(kvm.live, 0);
	assert_int_equal(card.maps, 0);
	for (unsigned int k = 0; k < VFIO_PCI_NUM_IRQS; k++)
		assert_int_equal(fake_vectors(k), 0);
	/* For another round. */
	w->f->vm.fds[0] = FAKE_IOMMU_FD;
	for (unsigned int i = 0; i < w->f->start.n_nics; i++)
		w->f->vm.fds[1 + i] = FAKE_DEV_FD;
}

static inline void
plug(struct world *w, unsigned int n)
{
	struct err e = {0};
	int r = 0;

	w->f->start.n_nics = n;
	for (unsigned int i = 0; i < n; i++) { /* a second one may not have been told of before */
		w->f->start.nic[i] = w->f->start.nic[0];
		w->f->start.nic[i].name[3] = (char)('0' + i);
		w->f->start.fd[1 + i].role = VMM_FD_NIC;
		w->f->start.fd[1 + i].index = (uint16_t)i;
		w->f->vm.fds[1 + i] = FAKE_DEV_FD;
		w->f->start.n_fds = 2 + i;
	}
	w->iommu = make(w, &vfio_iommu_ops, 0, &r, &e);
	for (unsigned int i = 0; i < n && r == 0; i++)
		w->nic[i] = make(w, &vfio_nic_ops, i, &r, &e);
	if (r < 0)
		print_error("%s\n", e.text);
	assert_int_equal(r, 0);
}

static inline void
world_free(struct world *w)
{
	unplug_all(w);
	pci_ops.fini(&w->pci->dev);
	free(w->pci);
	for (int i = 0; i < IRQ_MSIS_MAX; i++)
		assert_int_equal(irq_msi_fd(&w->f->vm, i), -1);
	fake_free(w->f);
	free(w);
}

static inline int
world_set_up(void **state)
{
	*state = world_new(1);
	return 0;
}

static inline int
world_tear_down(void **state)
{
	assert_false(card.bad);
	world_free(*state);
	return 0;
}

/* --- the guest --- */

static inline uint64_t
cfg_address(unsigned int nic, unsigned int at)
{
	return GPA_ECAM + ((uint64_t)(SLOT_NIC0 + nic) << 15) + at;
}

static inline uint32_t
cfg(struct world *w, unsigned int nic, unsigned int at, unsigned int size)
{
	uint64_t v;

	assert_true(bus_read(&w->f->vm.mmio, cfg_address(nic, at), size, &v));
	return (uint32_t)v;
}

static inline void
cfg_write(struct world *w, unsigned int nic, unsigned int at, unsigned int size, uint32_t v)
{
	assert_true(bus_write(&w->f->vm.mmio, cfg_address(nic, at), size, v));
}

static inline void
mmio(struct world *w, uint64_t addr, unsigned int size, uint64_t v)
{
	assert_true(bus_write(&w->f->vm.mmio, addr, size, v));
}

static inline uint64_t
mmio_read(struct world *w, uint64_t addr, unsigned int size)
{
	uint64_t v;

	assert_true(bus_read(&w->f->vm.mmio, addr, size, &v));
	return v;
}

static inline unsigned int
find_cap(struct world *w, unsigned int nic, uint8_t id)
{
	unsigned int at = cfg(w, nic, 0x34, 1);

	while (at && cfg(w, nic, at, 1) != id)
		at = cfg(w, nic, at + 1, 1);
	assert_true(at >= 0x40);
	return at;
}

static inline uint64_t
table_entry(struct world *w, unsigned int nic, unsigned int vector)
{
	return (cfg(w, nic, 0x1c, 4) & ~0xfu) + 16ull * vector;
}

static inline void
mask_vector(struct world *w, unsigned int nic, unsigned int vector, bool mask)
{
	mmio(w, table_entry(w, nic, vector) + 12, 4, mask);
}

static inline void
msix_enable(struct world *w, unsigned int nic, uint16_t control)
{
	cfg_write(w, nic, find_cap(w, nic, 0x11) + 2, 2, control);
}

/* As Linux does it: enabled with all masked, table written, mask off, each vector unmasked when it is wanted. */
static inline void
enable_msix(struct world *w, unsigned int nic, unsigned int n)
{
	msix_enable(w, nic, 0xc000);
	for (unsigned int i = 0; i < n; i++) {
		mmio(w, table_entry(w, nic, i), 4, 0xfee00000);
		mmio(w, table_entry(w, nic, i) + 8, 4, 0x40 + i);
	}
	msix_enable(w, nic, 0x8000);
	for (unsigned int i = 0; i < n; i++)
		mask_vector(w, nic, i, false);
}

/* How many events of @kind came since it was asked last; the others are dropped. */
static inline unsigned int
events(struct world *w, uint32_t kind)
{
	const struct msg_head want = {.magic = VMM_EVENT_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_event)};
	struct vmm_event ev;
	unsigned int n = 0;
	size_t fds;

	assert_int_equal(fcntl(w->f->starter, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	while (fdmsg_recv(w->f->starter, &want, &ev, NULL, 0, &fds) == 0)
		n += ev.kind == kind;
	return n;
}

#endif
