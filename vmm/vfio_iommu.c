/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IOMMU: guest RAM is mapped for DMA before the first VFIO device may use it, one call a region, and
 * stays so until the machine ends. A machine without a VFIO device at its start has nothing mapped.
 */
#include "vmm/vfio.h"

#include <errno.h>
#include <unistd.h>

#include "vmm/vm.h"

static unsigned int
count(const struct vmm_start *s)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < s->n_nics; i++)
		n += s->nic[i].kind == VMM_NIC_VFIO;
	return n;
}

static int
init(struct device *d, unsigned int index, struct err *e)
{
	struct vfio_iommu *i = container_of(d, struct vfio_iommu, dev);
	struct vm *vm = d->vm;

	i->dma = (struct vfio_dma){
		.io = vm->vfio_io ? vm->vfio_io : &vfio_kernel,
		.fd = vm_take_fd(vm, VMM_FD_IOMMU, 0),
		.kind = vm->start->iommu_kind,
		.ioas_id = vm->start->ioas_id,
	};
	if (i->dma.fd < 0)
		return err_set(e, EINVAL, "start message: a VFIO NIC and no fd of an IOMMU");
	i->p2p = count(vm->start) > 1;
	vm->iommu = i;
	return 0;
}

int
vfio_iommu_map_ram(struct vfio_iommu *i, struct err *e)
{
	const struct mem *m = &i->dev.vm->mem;
	int r = 0;

	if (i->mapped)
		return 0;
	for (unsigned int k = 0; k < m->n && r == 0; k++) {
		const struct mem_region *g = &m->region[k];

		r = vfio_dma_map(&i->dma, g->gpa, g->hva, g->size, e);
		if (r < 0)
			while (k-- > 0)
				vfio_dma_unmap(&i->dma, m->region[k].gpa, m->region[k].size);
	}
	i->mapped = r == 0;
	return r < 0 ? err_prefix(e, "guest memory") : 0;
}

bool
vfio_iommu_map_bar(struct vfio_iommu *i, const char *name, uint64_t gpa, const struct vfio_area *a)
{
	struct err e = {0};

	if (!i->p2p)
		return false;
	if (vfio_dma_map(&i->dma, gpa, a->map, a->size, &e) == 0)
		return true;
	if (!i->p2p_said)
		vm_event(i->dev.vm, VMM_EV_WARNING, 0,
			 "%s: the machine's other devices cannot reach it directly: %.160s", name,
			 e.text);
	i->p2p_said = true;
	return false;
}

static void
fini(struct device *d)
{
	struct vfio_iommu *i = container_of(d, struct vfio_iommu, dev);
	const struct mem *m = &d->vm->mem;

	for (unsigned int k = 0; i->mapped && k < m->n; k++)
		vfio_dma_unmap(&i->dma, m->region[k].gpa, m->region[k].size);
	i->dma.io->close(i->dma.fd);
	d->vm->iommu = NULL;
}

const struct device_ops vfio_iommu_ops = {
	.name = "iommu",
	.size = sizeof(struct vfio_iommu),
	.init = init,
	.fini = fini,
};
