/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a device was in a ring, found out from the ring itself: what is needed when a back end died and
 * took its own position along.
 *
 * Split ring: used->idx, which the device publishes. Right for every back end that completes buffers in
 * order (DPDK's and everybody's network back ends do); one that does not would get some buffers twice.
 *
 * Packed ring: nobody publishes a position, but each descriptor says whether it is the driver's or the
 * device's and in which lap. Right as long as each buffer is one descriptor, an INDIRECT one included,
 * which is what network drivers make with MRG_RXBUF and INDIRECT. Of a used chain of several direct
 * descriptors only the first is marked: if such a chain is the very last thing before the driver's
 * position, its tail is taken for available buffers, and one frame may go out twice or be written to a
 * buffer that the driver took back.
 */
#ifndef CORELANE_VMM_VHOST_RESUME_H
#define CORELANE_VMM_VHOST_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/vhost_user.h"

/*
 * The value for SET_VRING_BASE. In a packed ring, with @repair, it also completes, with length 0,
 * descriptors that the dead back end skipped: a back end writes a batch's first mark last, and may die just before that.
 */
uint32_t vhost_resume_base(const struct vhost_user_ring *r, bool packed, bool repair);

struct vhost_packed_position {
	uint16_t next; /* the device's next descriptor */
	bool wrap;     /* and its wrap counter there (virtio 1.2, 2.8.1) */
};

/*
 * Pure: the position by the flags of all @n (> 0) descriptors. @hole[i] becomes true for descriptors
 * that are available although later ones are used.
 */
struct vhost_packed_position vhost_packed_scan(const uint16_t *flags, unsigned int n, bool *hole);

#endif
