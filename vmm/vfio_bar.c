/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BARs of a VFIO device. What can be mapped is a memory slot of KVM where the guest put the BAR, and the
 * guest's accesses go to the device itself; the pages with the MSI-X table and its pending bits, and what
 * cannot be mapped, are trapped: ours, or passed on by read and write.
 *
 * A slot is put in place by the first access there, not when the BAR is enabled: a guest that asks for sizes
 * switches decoding off and on a dozen times, and to delete a slot costs KVM all that it knows of the guest's
 * pages. The same holds for the IOMMU, where the first access to any of them counts.
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
			n->place[i][k] = (struct vfio_place){.slot = VFIO_WAITING};
		n->untold[i] = false;
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

static void
put_slot(struct vfio_nic *n, struct vfio_place *p, const struct vfio_area *a, uint64_t gpa)
{
	int slot = kvm_slot_add(n->dev.vm, gpa, a->map, a->size);

	p->slot = slot < 0 ? VFIO_TRAPPED : slot;
	if (slot >= 0)
		return;
	if (!n->slot_said)
		vm_event(n->dev.vm, VMM_EV_WARNING, n->nic,
			 "%s: no memory slot for a part of its registers (%s): every access to it "
			 "is an exit",
			 n->name, strerror(-slot));
	n->slot_said = true;
}

/* Lets the machine's other devices reach what answers and was not told to the IOMMU yet. */
static void
tell_iommu(struct vfio_nic *n)
{
	for (unsigned int i = 0; i < VFIO_BARS; i++) {
		const struct vfio_bar *b = &n->v.bar[i];

		if (!n->untold[i])
			continue;
		n->untold[i] = false;
		for (unsigned int k = 0; k < b->n_areas; k++)
			n->place[i][k].dma =
				vfio_iommu_map_bar(n->iommu, n->name,
						   n->fn.bar[i].base + b->area[k].offset,
						   &b->area[k]);
	}
}

/* A trapped access: perhaps the last one there. */
static void
settle(struct vfio_nic *n, unsigned int bar, uint64_t offset)
{
	const struct vfio_bar *b = &n->v.bar[bar];

	tell_iommu(n);
	for (unsigned int k = 0; k < b->n_areas; k++) {
		const struct vfio_area *a = &b->area[k];

		if (n->place[bar][k].slot == VFIO_WAITING && offset >= a->offset &&
		    offset - a->offset < a->size)
			put_slot(n, &n->place[bar][k], a, n->fn.bar[bar].base + a->offset);
	}
}

uint64_t
vfio_pci_bar_read(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size)
{
	struct vfio_nic *n = of(f);

	settle(n, bar, offset);
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

	settle(n, bar, offset);
	if (n->x.cap && bar == n->x.pba_bar && inside(&n->x.pba, offset, size))
		return; /* read-only (PCI 3.0, 6.8.2) */
	if (n->x.cap && bar == n->x.table_bar && inside(&n->x.table, offset, size)) {
		msix_table_write(&n->msix, offset - n->x.table.offset, size, value);
		vfio_msix_sync(n);
		return;
	}
	vfio_bar_write(&n->v, bar, offset, size, value);
}

void
vfio_pci_bar_moved(struct pci_fn *f, unsigned int bar, bool mapped, uint64_t base)
{
	struct vfio_nic *n = of(f);
	const struct vfio_bar *b = &n->v.bar[bar];

	n->untold[bar] = mapped;
	for (unsigned int i = 0; i < b->n_areas; i++) {
		struct vfio_place *p = &n->place[bar][i];

		if (p->slot >= 0)
			kvm_slot_del(n->dev.vm, p->slot);
		if (p->dma)
			vfio_dma_unmap(&n->iommu->dma, base + b->area[i].offset, b->area[i].size);
		*p = (struct vfio_place){.slot = VFIO_WAITING};
	}
}
