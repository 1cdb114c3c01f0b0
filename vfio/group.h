/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether IOMMU groups can be handed to VNFs: the kernel isolates groups, not devices. Reads sysfs
 * below a sysroot, opens no device, changes nothing. Documentation/driver-api/vfio.rst, "Groups,
 * Devices, and IOMMUs".
 */
#ifndef CORELANE_VFIO_GROUP_H
#define CORELANE_VFIO_GROUP_H

#include "base/err.h"
#include "base/pci.h"
#include "base/sysroot.h"

/*
 * Whether @dev is alone in its group, but for devices that no driver of the host works with. 0, or
 * -errno in words: -ENODEV without an IOMMU (or with the kernel's imitation of one), -EBUSY with the
 * others' names.
 */
int group_check(const struct sysroot *root, const struct pci_addr *dev, struct err *e);

/*
 * The same for virtual functions of @pf that are not there yet: without access control services (ACS)
 * on the way to the root complex, they would share a group with @pf itself.
 */
int group_foresee(const struct sysroot *root, const struct pci_addr *pf, struct err *e);

#endif
