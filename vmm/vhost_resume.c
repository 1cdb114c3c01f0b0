/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vhost_resume.h"

#include <stdatomic.h>
#include <string.h>

#include "vmm/virtio.h"

#define F_AVAIL 0x0080 /* virtio 1.2, 2.8.1 */
#define F_USED  0x8000

struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

static bool
avail_bit(uint16_t flags)
{
	return flags & F_AVAIL;
}

/* Made available by the driver in the lap whose wrap counter is @lap, and not used since. */
static bool
is_available(uint16_t flags, bool lap)
{
	return avail_bit(flags) == lap && !!(flags & F_USED) != lap;
}

/*
 * The driver writes one AVAIL value a lap, and devices repeat it when they use a descriptor. So the
 * values change once around the ring, where the driver is: @a. Behind it, going backwards, lie the
 * available descriptors, then the used ones.
 */
struct vhost_packed_position
vhost_packed_scan(const uint16_t *flags, unsigned int n, bool *hole)
{
	bool first = avail_bit(flags[0]), seen_used = false;
	unsigned int a = 1, waiting = 0;

	/* In the lap of descriptor 0 the driver got as far as @a; n: it is about to begin another. */
	while (a < n && avail_bit(flags[a]) == first)
		a++;
	memset(hole, 0, n * sizeof(*hole));
	for (unsigned int back = 1; back <= n; back++) {
		unsigned int i = (a + n - back) % n;

		if (!is_available(flags[i], i < a ? first : !first))
			seen_used = true;
		else if (!seen_used)
			waiting++;
		else
			hole[i] = true;
	}
	if (waiting > a) /* they began in the lap before */
		return (struct vhost_packed_position){(uint16_t)(n + a - waiting), !first};
	if (a - waiting == n) /* all used up to the end */
		return (struct vhost_packed_position){0, !first};
	return (struct vhost_packed_position){(uint16_t)(a - waiting), first};
}

/* As the device would: id, length 0, then the flags of this lap. */
static void
complete(struct packed_desc *d, uint16_t flags)
{
	uint16_t done = flags & F_AVAIL ? F_AVAIL | F_USED : 0;

	d->len = 0;
	atomic_thread_fence(memory_order_release); /* pairs with the driver's read of flags */
	__atomic_store_n(&d->flags, done, __ATOMIC_RELAXED);
}

static uint32_t
packed_base(const struct vhost_user_ring *r, bool repair)
{
	struct packed_desc *d = r->desc;
	uint16_t flags[VIRTIO_QSIZE_MAX] = {0};
	bool hole[VIRTIO_QSIZE_MAX];
	struct vhost_packed_position p;
	unsigned int n = MIN_OF(r->size, VIRTIO_QSIZE_MAX);
	uint32_t half;

	for (unsigned int i = 0; i < n; i++)
		flags[i] = __atomic_load_n(&d[i].flags, __ATOMIC_RELAXED);
	p = vhost_packed_scan(flags, n, hole);
	for (unsigned int i = 0; i < n && repair; i++)
		if (hole[i])
			complete(&d[i], flags[i]);
	half = p.next | (p.wrap ? 0x8000u : 0);
	return half | half << 16;
}

uint32_t
vhost_resume_base(const struct vhost_user_ring *r, bool packed, bool repair)
{
	const uint16_t *used = r->device; /* flags, then idx (2.7.8) */

	return packed ? packed_base(r, repair) : __atomic_load_n(&used[1], __ATOMIC_ACQUIRE);
}
