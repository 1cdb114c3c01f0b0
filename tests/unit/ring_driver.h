/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver of one ring of either kind, for tests of the device's side: any layout of a buffer, plain,
 * chained, through an indirect table. Its own books say what it offered, so that it notices a device
 * that gives back what it does not have.
 */
#ifndef CORELANE_TESTS_UNIT_RING_DRIVER_H
#define CORELANE_TESTS_UNIT_RING_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#define DRIVER_SIZE_MAX 512
#define DRIVER_PIECES   64

struct driver_piece {
	uint64_t gpa;
	uint32_t len;
};

struct driver {
	bool packed, event_idx, in_order, write; /* write: buffers are for the device to write */
	uint16_t size;
	/* memory that device and driver share; address 0 of the guest is mem */
	uint8_t *mem;
	size_t rings_at, tables_at; /* offsets in mem; tables: DRIVER_PIECES entries a descriptor */
	/* the driver's own */
	uint16_t next, used; /* split: free-running; packed: slots */
	bool next_wrap, used_wrap;
	uint16_t n_free; /* descriptors */
	uint16_t free_head;
	uint16_t free_next[DRIVER_SIZE_MAX];
	uint16_t slots[DRIVER_SIZE_MAX]; /* of the buffer with that id or head; 0: not offered */
	uint16_t order[DRIVER_SIZE_MAX]; /* ids in the order in which they were offered */
	uint32_t order_in, order_out;
	bool confused; /* the device gave back nonsense */
};

struct driver_used {
	uint16_t id;
	uint32_t len;
};

static inline void *
driver_desc(const struct driver *d)
{
	return d->mem + d->rings_at;
}

static inline struct vring_avail *
driver_avail(const struct driver *d)
{
	return (void *)(d->mem + d->rings_at + 16ul * d->size);
}

static inline struct vring_used *
driver_used(const struct driver *d)
{
	size_t avail = 4 + 2ul * d->size + 2;

	return (void *)(d->mem + d->rings_at + 16ul * d->size + ((avail + 3) & ~3ul));
}

static inline size_t
driver_ring_bytes(uint16_t size)
{
	return 16ul * size + 2ul * size + 8 + 8ul * size + 16;
}

static inline void
driver_init(struct driver *d)
{
	memset(d->mem + d->rings_at, 0, driver_ring_bytes(d->size));
	d->next = d->used = 0;
	d->next_wrap = d->used_wrap = true;
	d->n_free = d->size;
	d->free_head = 0;
	d->order_in = d->order_out = 0;
	d->confused = false;
	for (uint16_t i = 0; i < d->size; i++) {
		d->free_next[i] = (uint16_t)(i + 1);
		d->slots[i] = 0;
	}
}

/* An id (packed) or a descriptor (split) that nobody has. */
static inline uint16_t
driver_take(struct driver *d)
{
	uint16_t id = d->free_head;

	d->free_head = d->free_next[id];
	return id;
}

static inline void
driver_give(struct driver *d, uint16_t id)
{
	d->free_next[id] = d->free_head;
	d->free_head = id;
}

/* Writes an indirect table for descriptor @id; its guest address. */
static inline uint64_t
driver_table(struct driver *d, uint16_t id, const struct driver_piece *p, uint32_t n)
{
	uint64_t gpa = d->tables_at + 16ul * DRIVER_PIECES * id;
	uint16_t flags = d->write ? VRING_DESC_F_WRITE : 0;

	for (uint32_t i = 0; i < n; i++) {
		struct vring_desc *s = (struct vring_desc *)(d->mem + gpa) + i;
		struct vring_packed_desc *k = (struct vring_packed_desc *)s;

		if (d->packed)
			*k = (struct vring_packed_desc){.addr = p[i].gpa,
							.len = p[i].len,
							.flags = flags};
		else
			*s = (struct vring_desc){
				.addr = p[i].gpa,
				.len = p[i].len,
				.flags = (uint16_t)(flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0)),
				.next = (uint16_t)(i + 1)};
	}
	return gpa;
}

static inline uint16_t
driver_add_split(struct driver *d, const struct driver_piece *p, uint32_t n, bool indirect)
{
	struct vring_desc *table = driver_desc(d);
	uint16_t flags = d->write ? VRING_DESC_F_WRITE : 0, head = d->free_head, at = head;
	struct vring_avail *a = driver_avail(d);

	if (indirect) {
		head = driver_take(d);
		table[head] = (struct vring_desc){.addr = driver_table(d, head, p, n),
						  .len = 16 * n,
						  .flags = VRING_DESC_F_INDIRECT};
		n = 1;
	} else {
		for (uint32_t i = 0; i < n; i++) {
			at = driver_take(d);
			table[at] = (struct vring_desc){
				.addr = p[i].gpa,
				.len = p[i].len,
				.flags = (uint16_t)(flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0)),
				.next = d->free_head};
		}
	}
	d->slots[head] = (uint16_t)n;
	d->n_free = (uint16_t)(d->n_free - n);
	a->ring[d->next & (d->size - 1)] = head;
	__atomic_store_n(&a->idx, ++d->next, __ATOMIC_RELEASE);
	return head;
}

static inline uint16_t
driver_add_packed(struct driver *d, const struct driver_piece *p, uint32_t n, bool indirect)
{
	struct vring_packed_desc *ring = driver_desc(d);
	uint16_t id = driver_take(d), first = d->next, first_flags = 0;
	struct driver_piece table;

	if (indirect) {
		table = (struct driver_piece){.gpa = driver_table(d, id, p, n), .len = 16 * n};
		p = &table;
		n = 1;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint16_t flags = (uint16_t)(d->next_wrap ? 1u << VRING_PACKED_DESC_F_AVAIL
							 : 1u << VRING_PACKED_DESC_F_USED);

		flags |= indirect ? VRING_DESC_F_INDIRECT : d->write ? VRING_DESC_F_WRITE : 0;
		flags |= i + 1 < n ? VRING_DESC_F_NEXT : 0;
		ring[d->next].addr = p[i].gpa;
		ring[d->next].len = p[i].len;
		ring[d->next].id = id;
		if (i == 0)
			first_flags = flags;
		else
			ring[d->next].flags = flags;
		if (++d->next == d->size) {
			d->next = 0;
			d->next_wrap = !d->next_wrap;
		}
	}
	d->slots[id] = (uint16_t)n;
	d->n_free = (uint16_t)(d->n_free - n);
	__atomic_store_n(&ring[first].flags, first_flags, __ATOMIC_RELEASE);
	return id;
}

/* Offers a buffer of @n pieces. Returns its id, or -1 when there is no room for it. */
static inline int
driver_add(struct driver *d, const struct driver_piece *p, uint32_t n, bool indirect)
{
	int id;

	if ((indirect ? 1 : n) > d->n_free)
		return -1;
	id = d->packed ? driver_add_packed(d, p, n, indirect) : driver_add_split(d, p, n, indirect);
	d->order[d->order_in++ % d->size] = (uint16_t)id;
	return id;
}

static inline void
driver_release(struct driver *d, uint16_t id)
{
	uint16_t n = d->slots[id];

	d->slots[id] = 0;
	d->n_free = (uint16_t)(d->n_free + n);
	if (d->packed || n == 1) {
		driver_give(d, id);
		return;
	}
	for (uint16_t at = id; n > 0; n--) {
		uint16_t next = ((struct vring_desc *)driver_desc(d))[at].next;

		driver_give(d, at);
		at = next;
	}
}

static inline bool
driver_take_split(struct driver *d, struct driver_used *ret)
{
	struct vring_used *u = driver_used(d);
	struct vring_used_elem e;

	if (__atomic_load_n(&u->idx, __ATOMIC_ACQUIRE) == d->used)
		return false;
	e = u->ring[d->used & (d->size - 1)];
	if (e.id >= d->size || !d->slots[e.id]) {
		d->confused = true;
		return false;
	}
	d->used++;
	*ret = (struct driver_used){.id = (uint16_t)e.id, .len = e.len};
	return true;
}

static inline void
driver_skip(struct driver *d, uint16_t slots)
{
	d->used = (uint16_t)(d->used + slots);
	if (d->used >= d->size) {
		d->used = (uint16_t)(d->used - d->size);
		d->used_wrap = !d->used_wrap;
	}
}

static inline bool
driver_take_packed(struct driver *d, struct driver_used *ret)
{
	struct vring_packed_desc *s = (struct vring_packed_desc *)driver_desc(d) + d->used;
	uint16_t flags = __atomic_load_n(&s->flags, __ATOMIC_ACQUIRE);

	if ((flags >> VRING_PACKED_DESC_F_AVAIL & 1) != d->used_wrap ||
	    (flags >> VRING_PACKED_DESC_F_USED & 1) != d->used_wrap || d->order_in == d->order_out)
		return false;
	if (s->id >= d->size || !d->slots[s->id]) {
		d->confused = true;
		return false;
	}
	*ret = (struct driver_used){.id = s->id, .len = s->len};
	driver_skip(d, d->slots[s->id]);
	return true;
}

/*
 * The next buffer that the device gave back. With in_order one entry may stand for several: all of
 * them are released, and *ret is the last.
 */
static inline bool
driver_get(struct driver *d, struct driver_used *ret)
{
	uint16_t first;

	if (d->confused || !(d->packed ? driver_take_packed(d, ret) : driver_take_split(d, ret)))
		return false;
	first = d->order[d->order_out++ % d->size];
	while (d->in_order && first != ret->id && d->order_out != d->order_in) {
		if (d->packed)
			driver_skip(d, d->slots[first]);
		driver_release(d, first);
		first = d->order[d->order_out++ % d->size];
	}
	if (first != ret->id) /* a network device of ours never does otherwise */
		d->confused = true;
	driver_release(d, ret->id);
	return true;
}

#endif
