/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/feat_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/util.h"

#define ALIGN     16
#define FRAME_MAX 65600u /* what a guest with offloads sends at once, a tag or two with it */
#define WRAP      UINT32_MAX

/* Before each frame. One with len == WRAP: nothing behind it, go on at the beginning. */
struct record {
	uint32_t len;
	uint16_t domain;
	uint8_t pcp, flags;
	struct virtio_net_hdr off;
};

#define RECORD_LEN 32 /* so that frames begin where a vector does */
_Static_assert(sizeof(struct record) <= RECORD_LEN, "a record has room");

int
frame_queue_init(struct frame_queue *q, uint32_t limit)
{
	size_t size = align_up(limit + limit / 2 + FRAME_MAX + RECORD_LEN, ALIGN);
	uint8_t *mem = aligned_alloc(64, align_up(size, 64));

	if (!mem)
		return -ENOMEM;
	memset(mem, 0, size); /* its pages are there from now on */
	*q = (struct frame_queue){.mem = mem, .size = (uint32_t)size, .limit = limit};
	return 0;
}

void
frame_queue_fini(struct frame_queue *q)
{
	free(q->mem);
	*q = (struct frame_queue){0};
}

static struct record *
record_at(const struct frame_queue *q, uint32_t at)
{
	return (struct record *)(void *)(q->mem + at);
}

/* Where @need bytes, in one piece, are free; false: nowhere. */
static bool
find_room(struct frame_queue *q, uint32_t need, uint32_t *ret_at)
{
	if (q->frames == 0)
		q->head = q->tail = 0;
	if (q->frames && q->tail <= q->head) {
		*ret_at = q->tail;
		return q->head - q->tail >= need;
	}
	if (q->size - q->tail >= need) {
		*ret_at = q->tail;
		return true;
	}
	if (q->head < need)
		return false;
	if (q->tail < q->size)
		record_at(q, q->tail)->len = WRAP;
	*ret_at = 0;
	return true;
}

bool
frame_queue_push(struct frame_queue *q, const struct pkt *pkt)
{
	uint32_t need = (uint32_t)align_up(RECORD_LEN + pkt->len, ALIGN), at;

	if (pkt->len > FRAME_MAX || (q->frames && q->bytes + pkt->len > q->limit) ||
	    !find_room(q, need, &at))
		return false;
	*record_at(q, at) = (struct record){.len = pkt->len,
					    .domain = pkt->domain,
					    .pcp = pkt->pcp,
					    .flags = pkt->flags,
					    .off = pkt->off};
	pkt_copy(pkt, q->mem + at + RECORD_LEN);
	q->tail = at + need;
	q->frames++;
	q->bytes += pkt->len;
	return true;
}

static const struct record *
oldest(struct frame_queue *q)
{
	if (q->frames == 0)
		return NULL;
	if (q->head == q->size || record_at(q, q->head)->len == WRAP)
		q->head = 0;
	return record_at(q, q->head);
}

uint32_t
frame_queue_next(struct frame_queue *q)
{
	const struct record *r = oldest(q);

	return r ? r->len : 0;
}

bool
frame_queue_pop(struct frame_queue *q, struct pkt *ret)
{
	const struct record *r = oldest(q);
	uint8_t *frame;
	uint32_t head;

	if (!r)
		return false;
	frame = q->mem + q->head + RECORD_LEN;
	head = MIN_OF(r->len, PKT_DEEP);
	ret->head = frame;
	ret->head_len = (uint16_t)head;
	ret->body = frame + head;
	ret->body_len = r->len - head;
	ret->len = r->len;
	ret->n_more = 0;
	ret->more = NULL;
	ret->mbuf = NULL;
	ret->domain = r->domain;
	ret->pcp = r->pcp;
	ret->flags = r->flags;
	ret->off = r->off;
	q->head += (uint32_t)align_up(RECORD_LEN + r->len, ALIGN);
	q->frames--;
	q->bytes -= r->len;
	return true;
}
