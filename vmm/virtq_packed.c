/* SPDX-License-Identifier: Apache-2.0 */
/* Packed rings (virtio 1.2, 2.8). */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "vmm/virtq_ring.h"

static bool
is_available(const struct virtq *vq)
{
	const struct packed_desc *ring = vq->ring.desc;
	/* Pairs with the driver's barrier before it writes the first descriptor's flags. */
	uint16_t flags = __atomic_load_n(&ring[vq->avail.next].flags, __ATOMIC_ACQUIRE);
	bool avail = flags & DESC_AVAIL, used = flags & DESC_USED;

	return avail == vq->avail.wrap && used != vq->avail.wrap;
}

static void
step(const struct virtq *vq, struct virtq_position *p, unsigned int n)
{
	unsigned int next = p->next + n;

	if (next >= vq->size) {
		next -= vq->size;
		p->wrap = !p->wrap;
	}
	p->next = (uint16_t)next;
}

/* 2.8.7: the table is walked in order; only WRITE counts in it. */
static int
walk_table(struct virtq *vq, struct virtq_buffer *b, uint64_t addr, uint32_t len)
{
	const struct packed_desc *table;
	const void *p;
	unsigned int n;

	if (virtq_table(vq, addr, len, &p, &n) < 0)
		return -EPROTO;
	table = p;
	for (unsigned int i = 0; i < n; i++) {
		struct packed_desc d;

		memcpy(&d, &table[i], sizeof(d));
		if (d.flags & DESC_INDIRECT)
			return virtq_fault(vq, "an indirect descriptor inside a chain");
		if (virtq_add(vq, b, d.addr, d.len, d.flags) < 0)
			return -EPROTO;
	}
	return 0;
}

static int
walk(struct virtq *vq, struct virtq_buffer *b)
{
	const struct packed_desc *ring = vq->ring.desc;
	unsigned int at = vq->avail.next;

	for (b->slots = 1; b->slots <= vq->size; b->slots++) {
		struct packed_desc d;

		memcpy(&d, &ring[at], sizeof(d));
		b->id = d.id; /* the last one's counts (2.8.6) */
		if (d.flags & DESC_INDIRECT) {
			if (b->slots > 1 || d.flags & DESC_NEXT)
				return virtq_fault(vq, "an indirect descriptor inside a chain");
			return walk_table(vq, b, d.addr, d.len);
		}
		if (virtq_add(vq, b, d.addr, d.len, d.flags) < 0)
			return -EPROTO;
		if (!(d.flags & DESC_NEXT))
			return 0;
		at = at + 1 == vq->size ? 0 : at + 1;
	}
	return virtq_fault(vq, "a chain longer than the queue");
}

int
virtq_packed_pop(struct virtq *vq, struct virtq_buffer *b)
{
	if (!is_available(vq))
		return 0;
	if (walk(vq, b) < 0)
		return virtq_fault(vq, "");
	step(vq, &vq->avail, b->slots);
	return 1;
}

/* Everything but the flags, which are returned: they make it the driver's. */
static uint16_t
put(struct virtq *vq, struct virtq_position at, const struct virtq_used *u)
{
	struct packed_desc *d = (struct packed_desc *)vq->ring.desc + at.next;

	d->id = u->id;
	d->len = u->len;
	return (uint16_t)((at.wrap ? DESC_AVAIL | DESC_USED : 0) | (u->len ? DESC_WRITE : 0));
}

static void
give(struct virtq *vq, unsigned int at, uint16_t flags)
{
	struct packed_desc *d = (struct packed_desc *)vq->ring.desc + at;

	/* Pairs with the driver's barrier after it reads the flags. */
	__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
}

void
virtq_packed_push(struct virtq *vq, const struct virtq_used *u, unsigned int n)
{
	unsigned int first = vq->used.next;
	uint16_t first_flags = put(vq, vq->used, &u[0]);

	step(vq, &vq->used, u[0].slots);
	for (unsigned int i = 1; i < n; i++) {
		give(vq, vq->used.next, put(vq, vq->used, &u[i]));
		step(vq, &vq->used, u[i].slots);
	}
	/* The driver looks at them in order: the first one's flags show them all. */
	give(vq, first, first_flags);
}

bool
virtq_packed_wants_signal(struct virtq *vq)
{
	const struct packed_event *e = vq->ring.driver;
	uint16_t flags, off_wrap;
	unsigned int event, now, pushed;

	/* The flags must be visible before the driver's wish is read (2.8.21.3). */
	atomic_thread_fence(memory_order_seq_cst);
	flags = __atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) & 3;
	if (flags == EVENT_DISABLE)
		return false;
	if (flags != EVENT_DESC || !vq->event_idx)
		return true;
	off_wrap = __atomic_load_n(&e->off_wrap, __ATOMIC_RELAXED);
	/* Positions on a line of two laps, the event's and ours, compared as 2.7.7.2 does. */
	event = (off_wrap & 0x7fffu) % vq->size;
	now = vq->used.next;
	pushed = (now + vq->size - vq->signalled) % vq->size;
	if (pushed == 0 && vq->used.wrap != vq->signalled_wrap)
		pushed = vq->size;
	if (vq->used.wrap != (bool)(off_wrap >> 15))
		now += vq->size; /* the event lies in the lap before */
	return now > event && now - event - 1 < pushed;
}

static void
set_event(struct virtq *vq, uint16_t flags)
{
	struct packed_event *e = vq->ring.device;

	__atomic_store_n(&e->flags, flags, __ATOMIC_RELAXED);
}

void
virtq_packed_quiet(struct virtq *vq)
{
	set_event(vq, EVENT_DISABLE);
}

bool
virtq_packed_listen(struct virtq *vq)
{
	set_event(vq, EVENT_ENABLE);
	/* The wish must be visible before the last look. */
	atomic_thread_fence(memory_order_seq_cst);
	return is_available(vq);
}
