/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BARs of a VFIO device. What can be mapped is a memory slot of KVM where the guest put the BAR, and the
 * guest's accesses go to the device itself; the pages with the MSI-X table and its pending bits, and what
 * cannot be mapped, are trapped: ours, or passed on by read and write.
 *
 * Memory decoding stays enabled in the device: the kernel would take the mappings away while it is off, and
 * another vCPU's access at that moment would end the machine. For the guest the BAR is gone all the same.
 */
#include <errno.h>
#include <string.h>

#include "vmm/kvm.h"
#include "vmm/vfio.h"
#include "vmm/vm.h"

static struct vfio_nic *
of(struct pci_fn *f)
{
	return container_of(f, struct vfio_nic, fn);
}

int
vfio_bars_init(struct vfio_nic *n, struct err *e)
{
	int r = 0;

	for (unsigned int i = 0; i < VFIO_BARS && r == 0; i++) {
		const struct vfio_bar *b = &n->v.bar[i];
		struct vfio_range hole[2];
		unsigned int holes = 0;

		for (unsigned int k = 0; k < VFIO_AREAS_MAX; k++)
			n->place[i][k] = (struct vfio_place){.slot = -1};
		if (b->size == 0)
			continue;
		if (n->x.cap && n->x.table_bar == i)
			hole[holes++] = n->x.table;
		if (n->x.cap && n->x.pba_bar == i)
			hole[holes++] = n->x.pba;
		vfio_dev_map(&n->v, i, hole, holes);
		r = pci_fn_bar(&n->fn, i, b->size, b->is64);
		if (r < 0)
			return err_sys(e, -r, "%s: BAR %u", n->name, i);
		/* As the device has it: pci_fn takes 64 bits for prefetchable. */
		n->fn.config[PCI_R_BAR0 + 4 * i] = (uint8_t)((b->is64 ? PCI_BAR_64 : 0) |
							     (b->prefetch ? PCI_BAR_PREFETCH : 0));
	}
	return r;
}

static bool
inside(const struct vfio_range *r, uint64_t offset, unsigned int size)
{
	return offset >= r->offset && offset - r->offset < r->size &&
	       size <= r->size - (offset - r->offset);
}

uint64_t
vfio_pci_bar_read(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size)
{
	struct vfio_nic *n = of(f);

	if (n->x.cap && bar == n->x.table_bar && inside(&n->x.table, offset, size))
		return msix_table_read(&n->msix, offset - n->x.table.offset, size);
	if (n->x.cap && bar == n->x.pba_bar && inside(&n->x.pba, offset, size))
		return msix_pba_read(&n->msix, offset - n->x.pba.offset, size);
	return vfio_bar_read(&n->v, bar, offset, size);
}

void
vfio_pci_bar_write(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size,
		   uint64_t value)
{
	struct vfio_nic *n = of(f);

	if (n->x.cap && bar == n->x.pba_bar && inside(&n->x.pba, offset, size))
		return; /* read-only (PCI 3.0, 6.8.2) */
	if (n->x.cap && bar == n->x.table_bar && inside(&n->x.table, offset, size)) {
		msix_table_write(&n->msix, offset - n->x.table.offset, size, value);
		vfio_msix_sync(n);
		return;
	}
	vfio_bar_write(&n->v, bar, offset, size, value);
}

static void
put_area(struct vfio_nic *n, struct vfio_place *p, const struct vfio_area *a, uint64_t gpa)
{
	p->slot = kvm_slot_add(n->dev.vm, gpa, a->map, a->size);
	if (p->slot < 0) {
		p->slot = -1;
		vm_event(n->dev.vm, VMM_EV_WARNING, n->nic,
			 "%s: no memory slot left for a part of its registers: every access to it "
			 "is "
			 "an exit",
			 n->name);
	}
	p->dma = vfio_iommu_map_bar(n->iommu, n->name, gpa, a);
}

static void
take_area(struct vfio_nic *n, struct vfio_place *p, const struct vfio_area *a, uint64_t gpa)
{
	if (p->slot >= 0)
		kvm_slot_del(n->dev.vm, p->slot);
	if (p->dma)
		vfio_dma_unmap(&n->iommu->dma, gpa, a->size);
	*p = (struct vfio_place){.slot = -1};
}

void
vfio_pci_bar_moved(struct pci_fn *f, unsigned int bar, bool mapped, uint64_t base)
{
	struct vfio_nic *n = of(f);
	const struct vfio_bar *b = &n->v.bar[bar];

	for (unsigned int i = 0; i < b->n_areas; i++) {
		uint64_t gpa = base + b->area[i].offset;

		if (mapped)
			put_area(n, &n->place[bar][i], &b->area[i], gpa);
		else
			take_area(n, &n->place[bar][i], &b->area[i], gpa);
	}
}
