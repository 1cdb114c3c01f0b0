/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/virtio_queue.h"

#include <errno.h>

static void *
part(const struct mem *m, uint64_t gpa, uint64_t len, uint64_t align)
{
	return gpa % align ? NULL : mem_at(m, gpa, len);
}

int
virtio_queue_rings(const struct mem *m, const struct virtio_queue *q, bool packed,
		   struct virtio_rings *ret)
{
	uint64_t n = q->size;
	struct virtio_rings r;

	/* 2.7: a power of two, at most 32768; 2.8: any size up to that. */
	if (n == 0 || n > 32768 || (!packed && (n & (n - 1))))
		return -EINVAL;
	r.desc = part(m, q->desc, 16 * n, 16);
	if (packed) {
		r.driver = part(m, q->driver, 4, 4);
		r.device = part(m, q->device, 4, 4);
	} else {
		r.driver = part(m, q->driver, 6 + 2 * n, 2);
		r.device = part(m, q->device, 6 + 8 * n, 4);
	}
	if (!r.desc || !r.driver || !r.device)
		return -EINVAL;
	*ret = r;
	return 0;
}
