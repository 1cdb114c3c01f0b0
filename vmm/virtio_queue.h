/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parts of a ring lie, and whether they are where a ring may be (virtio 1.2, 2.7 and 2.8). */
#ifndef CORELANE_VMM_VIRTIO_QUEUE_H
#define CORELANE_VMM_VIRTIO_QUEUE_H

#include <stdbool.h>

#include "vmm/mem.h"
#include "vmm/virtio.h"

/* Pointers to guest memory, whose bytes may change at any time. */
struct virtio_rings {
	void *desc, *driver, *device;
};

/* 0, or -EINVAL: a bad size, misaligned, or not wholly in RAM. */
int virtio_queue_rings(const struct mem *m, const struct virtio_queue *q, bool packed,
		       struct virtio_rings *ret);

#endif
