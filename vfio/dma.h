/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the devices of one machine may reach by DMA: guest RAM, and each other's BARs. Two kinds of IOMMU
 * interface: a VFIO container of type 1 (Documentation/driver-api/vfio.rst), or an address space of iommufd
 * (Documentation/userspace-api/iommufd.rst). Addresses are the guest's own: IOVA = GPA.
 */
#ifndef CORELANE_VFIO_DMA_H
#define CORELANE_VFIO_DMA_H

#include <stdint.h>

#include "base/err.h"
#include "base/vmm_msg.h"
#include "vfio/io.h"

struct vfio_dma {
	const struct vfio_io *io;
	int fd; /* the container, or /dev/iommu; the caller's */
	enum vmm_iommu_kind kind;
	uint32_t ioas_id; /* VMM_IOMMU_IOMMUFD */
};

/*
 * Lets devices read and write [@iova, +@size), which are the bytes at @va; multiples of 4 KiB. The pages
 * are pinned until they are unmapped. 0, -ENOMEM (the text names RLIMIT_MEMLOCK), -errno with words.
 */
int vfio_dma_map(const struct vfio_dma *d, uint64_t iova, void *va, uint64_t size, struct err *e);
/* Takes exactly that range away again. What cannot be undone goes with the fd. */
void vfio_dma_unmap(const struct vfio_dma *d, uint64_t iova, uint64_t size);

#endif
