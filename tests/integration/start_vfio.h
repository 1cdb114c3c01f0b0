/* SPDX-License-Identifier: Apache-2.0 */
/* start_vmm's VFIO devices, bound to vfio-pci by somebody else. */
#ifndef CORELANE_TESTS_START_VFIO_H
#define CORELANE_TESTS_START_VFIO_H

#include "base/err.h"
#include "base/vmm_msg.h"

struct start_vfio; /* one a machine */

/* @text: the address of the device of NIC @nic, for start_vfio_open(). 0 or -errno. */
int start_vfio_add(struct start_vfio **v, const char *text, unsigned int nic, struct err *e);
/* The IOMMU for all of them: fills in its kind; an fd for the start message, the caller's; or -errno. */
int start_vfio_open(struct start_vfio *v, struct vmm_start *msg, struct err *e);
/* A new fd of the device of NIC @nic, the caller's, or -errno. */
int start_vfio_device(const struct start_vfio *v, unsigned int nic, struct err *e);

#endif
