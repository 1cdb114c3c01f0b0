/* SPDX-License-Identifier: Apache-2.0 */
/* Split rings (virtio 1.2, 2.7). */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "vmm/virtq_ring.h"

#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY     1

static uint16_t
load(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Pairs with the driver's write barrier before it publishes avail->idx. */
static uint16_t
avail_idx(const struct virtq *vq)
{
	const struct split_avail *a = vq->ring.driver;

	return __atomic_load_n(&a->idx, __ATOMIC_ACQUIRE);
}

/* Follows a chain in @table; an indirect one at its end only, and not in an indirect table. */
static int
walk(struct virtq *vq, struct virtq_buffer *b, const struct split_desc *table, unsigned int n,
     uint16_t at, bool nested)
{
	for (unsigned int seen = 0; seen < n; seen++) {
		struct split_desc d;
		const void *inner;
		unsigned int inner_n;

		if (at >= n)
			return virtq_fault(vq, "a descriptor index outside its table");
		memcpy(&d, &table[at], sizeof(d));
		if (d.flags & DESC_INDIRECT) {
			if (nested || d.flags & DESC_NEXT)
				return virtq_fault(vq, "an indirect descriptor inside a chain");
			if (virtq_table(vq, d.addr, d.len, &inner, &inner_n) < 0)
				return -EPROTO;
			return walk(vq, b, inner, inner_n, 0, true);
		}
		if (virtq_add(vq, b, d.addr, d.len, d.flags) < 0)
			return -EPROTO;
		if (!(d.flags & DESC_NEXT))
			return 0;
		at = d.next;
	}
	return virtq_fault(vq, "a chain that loops");
}

int
virtq_split_pop(struct virtq *vq, struct virtq_buffer *b)
{
	const struct split_avail *a = vq->ring.driver;
	uint16_t waiting = (uint16_t)(avail_idx(vq) - vq->avail.next);

	if (waiting == 0)
		return 0;
	if (waiting > vq->size)
		return virtq_fault(vq, "an available index that jumped");
	b->id = load(&a->ring[vq->avail.next % vq->size]);
	b->slots = 1;
	if (walk(vq, b, vq->ring.desc, vq->size, b->id, false) < 0)
		return virtq_fault(vq, "");
	vq->avail.next++;
	return 1;
}

void
virtq_split_push(struct virtq *vq, const struct virtq_used *u, unsigned int n)
{
	struct split_used *used = vq->ring.device;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = (uint16_t)(vq->used.next + i) % vq->size;

		used->ring[at].id = u[i].id;
		used->ring[at].len = u[i].len;
	}
	vq->used.next = (uint16_t)(vq->used.next + n);
	/* Pairs with the driver's read barrier after it sees the new index. */
	__atomic_store_n(&used->idx, vq->used.next, __ATOMIC_RELEASE);
}

bool
virtq_split_wants_signal(struct virtq *vq)
{
	const struct split_avail *a = vq->ring.driver;
	uint16_t event, pushed;

	/* The index must be visible before the driver's wish is read (2.7.7.2). */
	atomic_thread_fence(memory_order_seq_cst);
	if (!vq->event_idx)
		return !(load(&a->flags) & AVAIL_NO_INTERRUPT);
	event = load(&a->ring[vq->size]);
	pushed = (uint16_t)(vq->used.next - vq->signalled);
	return (uint16_t)(vq->used.next - event - 1) < pushed;
}

static void
set_avail_event(struct virtq *vq, uint16_t value)
{
	struct split_used *used = vq->ring.device;

	__atomic_store_n((uint16_t *)(void *)&used->ring[vq->size], value, __ATOMIC_RELAXED);
}

void
virtq_split_quiet(struct virtq *vq)
{
	struct split_used *used = vq->ring.device;

	/* With EVENT_IDX the event that lies behind is as good as quiet. */
	if (!vq->event_idx)
		__atomic_store_n(&used->flags, USED_NO_NOTIFY, __ATOMIC_RELAXED);
}

bool
virtq_split_listen(struct virtq *vq)
{
	struct split_used *used = vq->ring.device;

	if (vq->event_idx)
		set_avail_event(vq, vq->avail.next);
	else
		__atomic_store_n(&used->flags, 0, __ATOMIC_RELAXED);
	/* The wish must be visible before the last look (2.7.10.1). */
	atomic_thread_fence(memory_order_seq_cst);
	return avail_idx(vq) != vq->avail.next;
}
