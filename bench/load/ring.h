/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of one virtqueue, split or packed (virtio 1.2, 2.7 and 2.8), for load: every
 * buffer is one descriptor of its own, descriptors are built once, and what does not change is not
 * written again. The memory that the other core reads in a steady flow changes by one index (split)
 * or by the descriptors' lengths, ids and flags (packed) and by nothing else.
 *
 * The device's answers are not believed: an id that it does not hold or a jump of an index marks the
 * queue broken, and a broken queue gives and takes nothing. One thread.
 */
#ifndef CORELANE_BENCH_LOAD_RING_H
#define CORELANE_BENCH_LOAD_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#define RING_SIZE_MAX 4096
#define RING_BURST    64

/* A buffer that the device gave back. */
struct ring_done {
	uint16_t id;  /* which buffer: buf + id * stride */
	uint32_t len; /* bytes that the device wrote (receive queues) */
};

struct ring {
	bool packed, receive, broken;
	bool avail_wrap, used_wrap; /* packed only */
	uint16_t size;              /* a power of two */
	uint16_t avail, used;       /* split: free-running; packed: slots */
	uint16_t held;              /* buffers that the device has */
	uint16_t n_free, free_at;   /* buffers that nobody has: a queue of ids in free[] */
	struct vring vr;            /* split */
	struct vring_packed_desc *desc;
	struct vring_packed_desc_event *driver, *device;
	uint8_t *buf;     /* size buffers of stride bytes */
	uint64_t buf_gpa; /* as the device knows them */
	size_t stride;
	int kick_fd, call_fd;
	uint64_t kicks;
	uint16_t free[RING_SIZE_MAX];
	bool with_device[RING_SIZE_MAX];
};

/* Bytes of guest memory that the rings alone need; 4096 is the alignment to give them. */
size_t ring_bytes(bool packed, uint16_t size);

/*
 * Power-on state in @mem (ring_bytes(), zeroed here), all buffers free; fds, buf, buf_gpa, stride,
 * size, packed and receive are set by the caller before.
 */
void ring_reset(struct ring *r, void *mem);

/* Addresses for VHOST_USER_SET_VRING_ADDR, in this process's address space. */
void ring_addresses(const struct ring *r, uint64_t *ret_desc, uint64_t *ret_driver,
		    uint64_t *ret_device);

/*
 * How far the device came, by what it gave back: for VHOST_USER_SET_VRING_BASE when it died. Right for
 * one that works in order, which all of them are here.
 */
uint32_t ring_left_at(const struct ring *r);

/* Wakes a device that has not asked to be left alone. Called after ring_put(). */
void ring_kick(struct ring *r);

/*
 * Takes back what the device has finished, at most @max, and nothing while there are fewer than
 * @at_least (1 to take whatever is there). Returns how many.
 */
static inline unsigned int ring_take(struct ring *r, struct ring_done *done, unsigned int at_least,
				     unsigned int max);

/* Makes buffer ids[0..n-1] available, @len bytes each, all at once. They are not with the device. */
static inline void ring_put(struct ring *r, const uint16_t *ids, unsigned int n, uint32_t len);

static inline bool
ring_returned(struct ring *r, struct ring_done *d, uint32_t id, uint32_t len)
{
	if (id >= r->size || !r->with_device[id]) {
		r->broken = true;
		return false;
	}
	r->with_device[id] = false;
	r->held--;
	d->id = (uint16_t)id;
	d->len = len;
	return true;
}

static inline unsigned int
ring_take_split(struct ring *r, struct ring_done *done, unsigned int at_least, unsigned int max)
{
	/* Acquire: pairs with the device's release of used->idx. */
	uint16_t idx = __atomic_load_n(&r->vr.used->idx, __ATOMIC_ACQUIRE);
	unsigned int n = (uint16_t)(idx - r->used);

	if (n > r->held) {
		r->broken = true;
		return 0;
	}
	if (n < at_least)
		return 0;
	if (n > max)
		n = max;
	for (unsigned int i = 0; i < n; i++) {
		const struct vring_used_elem *e = &r->vr.used->ring[r->used & (r->size - 1)];

		if (!ring_returned(r, &done[i], e->id, e->len))
			return i;
		r->used++;
	}
	return n;
}

static inline bool
ring_slot_used(const struct ring *r, uint16_t slot, bool wrap)
{
	/* Acquire: pairs with the device's release of the flags. */
	uint16_t flags = __atomic_load_n(&r->desc[slot].flags, __ATOMIC_ACQUIRE);
	bool avail = flags & 1u << VRING_PACKED_DESC_F_AVAIL;
	bool used = flags & 1u << VRING_PACKED_DESC_F_USED;

	return avail == used && used == wrap;
}

static inline unsigned int
ring_take_packed(struct ring *r, struct ring_done *done, unsigned int at_least, unsigned int max)
{
	unsigned int last = r->used + at_least - 1u, n = 0;
	bool wrap = r->used_wrap;

	if (last >= r->size) {
		last -= r->size;
		wrap = !wrap;
	}
	if (r->held < at_least || !ring_slot_used(r, (uint16_t)last, wrap))
		return 0;
	while (n < max && r->held > 0 && ring_slot_used(r, r->used, r->used_wrap)) {
		const struct vring_packed_desc *d = &r->desc[r->used];

		if (!ring_returned(r, &done[n], d->id, d->len))
			return n;
		n++;
		if (++r->used == r->size) {
			r->used = 0;
			r->used_wrap = !r->used_wrap;
		}
	}
	return n;
}

static inline unsigned int
ring_take(struct ring *r, struct ring_done *done, unsigned int at_least, unsigned int max)
{
	if (r->broken)
		return 0;
	if (r->packed)
		return ring_take_packed(r, done, at_least, max);
	return ring_take_split(r, done, at_least, max);
}

static inline void
ring_put_split(struct ring *r, const uint16_t *ids, unsigned int n, uint32_t len)
{
	for (unsigned int i = 0; i < n; i++) {
		uint16_t *slot = &r->vr.avail->ring[(uint16_t)(r->avail + i) & (r->size - 1)];

		if (r->vr.desc[ids[i]].len != len)
			r->vr.desc[ids[i]].len = len;
		if (*slot != ids[i]) /* a device that works in order never causes a write */
			*slot = ids[i];
	}
	r->avail = (uint16_t)(r->avail + n);
	/* Release: pairs with the device's acquire of avail->idx. */
	__atomic_store_n(&r->vr.avail->idx, r->avail, __ATOMIC_RELEASE);
}

static inline void
ring_put_packed(struct ring *r, const uint16_t *ids, unsigned int n, uint32_t len)
{
	uint16_t first = r->avail, first_flags = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct vring_packed_desc *d = &r->desc[r->avail];
		uint16_t flags = (uint16_t)(1u << (r->avail_wrap ? VRING_PACKED_DESC_F_AVAIL
								 : VRING_PACKED_DESC_F_USED));

		if (r->receive)
			flags |= VRING_DESC_F_WRITE;
		d->addr = r->buf_gpa + ids[i] * r->stride;
		d->len = len;
		d->id = ids[i];
		if (i == 0)
			first_flags = flags;
		else
			d->flags = flags;
		if (++r->avail == r->size) {
			r->avail = 0;
			r->avail_wrap = !r->avail_wrap;
		}
	}
	/* Release: the device's acquire of the first flags sees all the others (2.8.21.1). */
	__atomic_store_n(&r->desc[first].flags, first_flags, __ATOMIC_RELEASE);
}

static inline void
ring_put(struct ring *r, const uint16_t *ids, unsigned int n, uint32_t len)
{
	if (n == 0 || r->broken)
		return;
	for (unsigned int i = 0; i < n; i++)
		r->with_device[ids[i]] = true;
	r->held = (uint16_t)(r->held + n);
	if (r->packed)
		ring_put_packed(r, ids, n, len);
	else
		ring_put_split(r, ids, n, len);
}

#endif
