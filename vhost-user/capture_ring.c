/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/capture_ring.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/util.h"

#define ALIGN 16
#define SKIP  UINT32_MAX /* cap: no record; the next one is at the start of the memory */

int
capture_ring_init(struct capture_ring *r, uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	r->bytes = p;
	r->size = bytes;
	atomic_store(&r->head, 0);
	atomic_store(&r->tail, 0);
	return 0;
}

void
capture_ring_fini(struct capture_ring *r)
{
	if (r->bytes)
		munmap(r->bytes, r->size);
	r->bytes = NULL;
}

static struct capture_record *
record_at(const struct capture_ring *r, uint64_t at)
{
	return (struct capture_record *)(void *)(r->bytes + (at & (r->size - 1)));
}

static uint32_t
size_of(uint32_t cap)
{
	return (uint32_t)sizeof(struct capture_record) + (uint32_t)align_up(cap, ALIGN);
}

/* The first @n bytes of the frame. */
static void
copy_some(const struct pkt *pkt, uint8_t *to, uint32_t n)
{
	uint32_t part = MIN_OF(n, (uint32_t)pkt->head_len);

	memcpy(to, pkt->head, part);
	to += part;
	n -= part;
	part = MIN_OF(n, pkt->body_len);
	if (part > 0)
		memcpy(to, pkt->body, part);
	to += part;
	n -= part;
	for (uint32_t i = 0; i < pkt->n_more && n > 0; i++) {
		part = MIN_OF(n, pkt->more[i].len);
		memcpy(to, pkt->more[i].addr, part);
		to += part;
		n -= part;
	}
}

bool
capture_ring_put(struct capture_ring *r, const struct pkt *pkt, uint32_t snap, uint64_t tag)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	/* acquire: pairs with the reader's release; what lies before the tail is read */
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	uint32_t cap = MIN_OF(pkt->len, snap), size = size_of(cap);
	uint64_t to_end = r->size - (head & (r->size - 1));
	uint64_t skip = size > to_end ? to_end : 0;
	struct capture_record *rec;

	if (r->size - (head - tail) < skip + size)
		return false;
	if (skip)
		record_at(r, head)->cap = SKIP;
	rec = record_at(r, head + skip);
	*rec = (struct capture_record){.tag = tag, .len = pkt->len, .cap = cap};
	copy_some(pkt, (uint8_t *)(rec + 1), cap);
	/* release: pairs with the reader's acquire; the record is whole */
	atomic_store_explicit(&r->head, head + skip + size, memory_order_release);
	return true;
}

const struct capture_record *
capture_ring_peek(struct capture_ring *r)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
	const struct capture_record *rec = record_at(r, tail);

	if (tail == head)
		return NULL;
	if (rec->cap != SKIP)
		return rec;
	tail += r->size - (tail & (r->size - 1));
	atomic_store_explicit(&r->tail, tail, memory_order_release);
	return record_at(r, tail); /* a skip is written with its record */
}

void
capture_ring_next(struct capture_ring *r, const struct capture_record *rec)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	atomic_store_explicit(&r->tail, tail + size_of(rec->cap), memory_order_release);
}
