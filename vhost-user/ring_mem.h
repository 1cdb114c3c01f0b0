/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of ring*.c: reading what another party writes, and moving a frame. The compiler may read a
 * plain variable twice; these are read once.
 */
#ifndef CORELANE_VHOST_USER_RING_MEM_H
#define CORELANE_VHOST_USER_RING_MEM_H

#include <emmintrin.h>

#include "base/util.h"
#include "vhost-user/ring.h"

#define likely_(x)   __builtin_expect(!!(x), 1)
#define unlikely_(x) __builtin_expect(!!(x), 0)

#define always_inline_ inline __attribute__((always_inline))

typedef uint64_t __attribute__((may_alias)) word_t;
typedef uint64_t __attribute__((may_alias, aligned(4))) word4_t; /* a used element */

/* A descriptor's second half, read as one number: length; flags and next, or id and flags. */
static always_inline_ uint32_t
tail_len(uint64_t tail)
{
	return (uint32_t)tail;
}

static always_inline_ uint16_t
tail_low(uint64_t tail) /* split: flags; packed: id */
{
	return (uint16_t)(tail >> 32);
}

static always_inline_ uint16_t
tail_high(uint64_t tail) /* split: next; packed: flags */
{
	return (uint16_t)(tail >> 48);
}

#define read_once(p)        __atomic_load_n(p, __ATOMIC_RELAXED)
#define read_acquire(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define write_once(p, v)    __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define write_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

static always_inline_ void
prefetch_read(const void *p)
{
	__builtin_prefetch(p, 0, 3);
}

static always_inline_ void
prefetch_write(const void *p)
{
	__builtin_prefetch(p, 1, 3);
}

static always_inline_ void
copy16(uint8_t *to, const uint8_t *from)
{
	_mm_storeu_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)from));
}

/* Short frames: a handful of moves that overlap, all loads before the first store. */
static always_inline_ void
copy_bytes(uint8_t *to, const uint8_t *from, uint32_t n)
{
	__m128i a, b, y, z;

	if (n < 16 || n > 64) {
		memcpy(to, from, n);
		return;
	}
	a = _mm_loadu_si128((const __m128i *)from);
	z = _mm_loadu_si128((const __m128i *)(from + n - 16));
	if (n > 32) {
		b = _mm_loadu_si128((const __m128i *)(from + 16));
		y = _mm_loadu_si128((const __m128i *)(from + n - 32));
		_mm_storeu_si128((__m128i *)(to + 16), b);
		_mm_storeu_si128((__m128i *)(to + n - 32), y);
	}
	_mm_storeu_si128((__m128i *)to, a);
	_mm_storeu_si128((__m128i *)(to + n - 16), z);
}

/* The header of a frame that takes @buffers buffers; virtio 1.2, 5.1.6. */
static always_inline_ struct virtio_net_hdr_v1
frame_header(const struct pkt *p, uint16_t buffers)
{
	struct virtio_net_hdr_v1 h = {.num_buffers = buffers};

	if (unlikely_(p->flags & PKT_OFFLOAD))
		memcpy(&h, &p->off, sizeof(p->off));
	return h;
}

/* Header and frame into one buffer that has room for both, hlen + p->len bytes. */
static always_inline_ void
frame_write(uint8_t *to, uint16_t hlen, const struct pkt *p)
{
	struct virtio_net_hdr_v1 h = frame_header(p, 1);

	if (likely_(p->head_len == PKT_HEAD)) {
		/* two bytes too many when hlen is 10: the frame's own follow */
		memcpy(to, &h, sizeof(h));
		to += hlen;
		copy16(to, p->head);
	} else {
		memcpy(to, &h, hlen);
		to += hlen;
		copy_bytes(to, p->head, p->head_len); /* from a device, or deep */
	}
	to += p->head_len;
	if (likely_(p->body_len))
		copy_bytes(to, p->body, p->body_len);
	to += p->body_len;
	for (uint32_t i = 0; i < p->n_more; i++) {
		memcpy(to, p->more[i].addr, p->more[i].len);
		to += p->more[i].len;
	}
}

/* A frame of @len bytes at @at, in one piece. */
static always_inline_ void
frame_plain(struct pkt *p, const uint8_t *at, uint32_t len, uint16_t domain)
{
	p->head = p->near;
	p->len = len;
	p->n_more = 0;
	p->domain = domain;
	p->pcp = 0;
	p->flags = 0;
	p->mbuf = NULL;
	if (likely_(len >= PKT_HEAD)) {
		copy16(p->near, at);
		p->head_len = PKT_HEAD;
		p->body = at + PKT_HEAD;
		p->body_len = len - PKT_HEAD;
		return;
	}
	memset(p->near, 0, sizeof(p->near));
	memcpy(p->near, at, len);
	p->head_len = (uint16_t)len;
	p->body = at;
	p->body_len = 0;
}

/* ring_chain.c */

/* The pieces of a chain, in order. */
struct chain_list {
	struct pkt_seg *seg;
	uint32_t n, max;
	uint32_t n_desc, max_desc;
	uint64_t total; /* bytes */
};

/*
 * Lists the buffers of the chain at @head (split) or at slot @at (packed), all of which must be for
 * us to write, or all to read. 0, -EFAULT or -ELOOP when it makes no sense, -ENOSPC when the list is
 * too short. Packed: also how many slots it takes and its id; -EAGAIN: not all of it is there yet.
 */
int chain_split(const struct ring *r, uint16_t head, bool write, struct chain_list *list);
int chain_packed(const struct ring *r, uint16_t at, bool wrap, bool write, struct chain_list *list,
		 struct ring_taken *ret);

/* What became of a chained frame. */
enum chain_frame {
	CHAIN_OK,
	CHAIN_LATER,  /* no room to list it in this burst */
	CHAIN_BROKEN, /* of the ring */
};
struct chain_list chain_begin(struct ring_scratch *s);
/* After chain_split() or chain_packed() gave @r: makes a frame of it. */
enum chain_frame chain_frame(const struct ring *r, struct ring_scratch *s, int result,
			     const struct chain_list *list, struct pkt *p,
			     struct virtio_net_hdr *ret_header);
/* Header and frame into the pieces of one or several buffers. */
void chain_write(const struct chain_list *list, uint16_t hlen, uint16_t buffers,
		 const struct pkt *p);

/*
 * Looks at the header of a frame: false when what it asks for makes no sense or was not agreed upon.
 */
bool offload_take(const struct ring *r, const struct virtio_net_hdr *h, struct pkt *p);

#endif
