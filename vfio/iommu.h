/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IOMMU context of one VNF and the devices in it: a type 1 container with its groups, or an iommufd
 * address space. Opened by the daemon; the VMM is handed the fds and does the mapping. Not thread-safe.
 * Documentation/driver-api/vfio.rst, Documentation/userspace-api/iommufd.rst.
 */
#ifndef CORELANE_VFIO_IOMMU_H
#define CORELANE_VFIO_IOMMU_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pci.h"
#include "base/sysroot.h"
#include "base/vmm_msg.h"

struct iommu_group {
	unsigned int number;
	int fd; /* owned */
};

struct iommu {
	enum vmm_iommu_kind kind;
	int fd;           /* the container, or /dev/iommu; owned; -1 when closed */
	uint32_t ioas_id; /* VMM_IOMMU_IOMMUFD */
	struct iommu_group
		group[VMM_NICS_MAX]; /* VMM_IOMMU_TYPE1: those that are in the container */
	size_t n_groups;
	size_t failed; /* after iommu_open() failed: which device it was about; their number: none */
};

#define IOMMU_CLOSED ((struct iommu){.fd = -1})

/*
 * Opens a context that can take all @n devices, which are bound to vfio-pci: with type 1 their groups are
 * put in at once. 0, or -errno in words with nothing left open: -EBUSY when somebody else has a group,
 * -EPERM when interrupts cannot be remapped, -EINVAL when a group is not viable.
 */
int iommu_open(const struct sysroot *root, const struct pci_addr *dev, size_t n, struct iommu *ret,
	       struct err *e);

/*
 * A new fd of @dev, one of those that the context was opened for, bound to it: the caller's. The kernel
 * resets a device when it is opened and when its last fd is closed. 0, or -errno in words.
 */
int iommu_device(const struct iommu *c, const struct sysroot *root, const struct pci_addr *dev,
		 int *ret_fd, struct err *e);

/* Closes what is ours of it. Mappings go when the VMM's fds are closed as well. */
void iommu_close(struct iommu *c);

#endif
