/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/dma.h"

#include <errno.h>
#include <linux/vfio.h>
#include <sys/resource.h>

#include "vfio/iommufd_abi.h"

static int
map_type1(const struct vfio_dma *d, uint64_t iova, void *va, uint64_t size)
{
	struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = size,
	};

	return d->io->ioctl(d->fd, VFIO_IOMMU_MAP_DMA, &m);
}

static int
map_iommufd(const struct vfio_dma *d, uint64_t iova, void *va, uint64_t size)
{
	struct iommufd_ioas_map m = {
		.size = sizeof(m),
		.flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_WRITEABLE | IOMMUFD_MAP_READABLE,
		.ioas_id = d->ioas_id,
		.user_va = (uintptr_t)va,
		.length = size,
		.iova = iova,
	};

	return d->io->ioctl(d->fd, IOMMUFD_IOAS_MAP, &m);
}

/* The kernel counts pinned pages against RLIMIT_MEMLOCK, hugepages too, unless CAP_IPC_LOCK is there. */
static int
too_little(uint64_t size, struct err *e)
{
	struct rlimit l = {0};

	(void)getrlimit(RLIMIT_MEMLOCK, &l);
	if (l.rlim_cur == RLIM_INFINITY)
		return err_set(e, ENOMEM,
			       "%llu MiB cannot be pinned for DMA: the kernel is out of memory",
			       (unsigned long long)(size >> 20));
	return err_set(
		e, ENOMEM,
		"%llu MiB cannot be pinned for DMA, and at most %llu MiB may be locked: raise "
		"RLIMIT_MEMLOCK (LimitMEMLOCK=infinity in the service, ulimit -l unlimited)",
		(unsigned long long)(size >> 20), (unsigned long long)(l.rlim_cur >> 20));
}

int
vfio_dma_map(const struct vfio_dma *d, uint64_t iova, void *va, uint64_t size, struct err *e)
{
	int r = d->kind == VMM_IOMMU_IOMMUFD ? map_iommufd(d, iova, va, size)
					     : map_type1(d, iova, va, size);

	if (r >= 0)
		return 0;
	if (r == -ENOMEM)
		return too_little(size, e);
	if (r == -EINVAL && d->kind == VMM_IOMMU_TYPE1)
		return err_sys(
			e, EINVAL,
			"IOMMU: address 0x%llx, %llu bytes: refused (out of its reach, or the "
			"container has no IOMMU type)",
			(unsigned long long)iova, (unsigned long long)size);
	return err_sys(e, -r, "IOMMU: address 0x%llx, %llu bytes", (unsigned long long)iova,
		       (unsigned long long)size);
}

void
vfio_dma_unmap(const struct vfio_dma *d, uint64_t iova, uint64_t size)
{
	if (d->kind == VMM_IOMMU_IOMMUFD) {
		struct iommufd_ioas_unmap u = {.size = sizeof(u),
					       .ioas_id = d->ioas_id,
					       .iova = iova,
					       .length = size};

		(void)d->io->ioctl(d->fd, IOMMUFD_IOAS_UNMAP, &u);
	} else {
		struct vfio_iommu_type1_dma_unmap u = {.argsz = sizeof(u),
						       .iova = iova,
						       .size = size};

		(void)d->io->ioctl(d->fd, VFIO_IOMMU_UNMAP_DMA, &u);
	}
}
