/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two halves of the PCI transport: virtio_pci.c and virtio_common.c. For nobody else. */
#ifndef CORELANE_VMM_VIRTIO_PCI_H
#define CORELANE_VMM_VIRTIO_PCI_H

#include "vmm/virtio.h"

#define VIRTIO_COMMON_SIZE                                                                         \
	0x38 /* 4.1.4.3, without the fields of NOTIFICATION_DATA and RING_RESET */

/* The common configuration structure. Naturally aligned accesses; others read as zero, are dropped. */
uint64_t virtio_common_read(struct virtio_dev *v, uint64_t offset, unsigned int size);
void virtio_common_write(struct virtio_dev *v, uint64_t offset, unsigned int size, uint64_t value);

/* Power-on values; the device must be stopped. */
void virtio_common_reset(struct virtio_dev *v);
/* Puts the kick eventfds into the loop, if the device wants to hear of them. 0 or -errno. */
int virtio_serve_watch(struct virtio_dev *v);
/* Queue @q was enabled: from now on its kicks go past user space, if KVM can do that. */
void virtio_doorbell(struct virtio_dev *v, unsigned int q);
/* Tells the device to let go of its rings, if it has them. */
void virtio_stop(struct virtio_dev *v);

#endif
