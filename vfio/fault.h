/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's log says of devices that an IOMMU stopped: one record of /dev/kmsg
 * (Documentation/ABI/testing/dev-kmsg) in, the device and the address out. The words are those of
 * drivers/iommu/intel/dmar.c and drivers/iommu/amd/iommu.c in Linux 4.19 to 6.12. Pure.
 */
#ifndef CORELANE_VFIO_FAULT_H
#define CORELANE_VFIO_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pci.h"

struct iommu_fault {
	struct pci_addr dev;
	bool has_domain; /* else the record names no PCI domain: dev.domain is 0 */
	bool interrupt;  /* an interrupt that may not be sent; address is its index */
	uint64_t address;
};

/* Whether @record, NUL-terminated, is such a report by the kernel itself. Hostile bytes do no harm. */
bool fault_parse(const char *record, struct iommu_fault *ret);

/* Whether it is about @dev. */
bool fault_matches(const struct iommu_fault *f, const struct pci_addr *dev);

#endif
