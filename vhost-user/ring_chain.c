/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that do not lie in one plain descriptor: chains, indirect tables, buffers across two regions
 * of memory, several buffers for one frame. Slower than one plain descriptor, and as strict.
 */
#include <errno.h>
#include <string.h>

#include "vhost-user/ring_mem.h"

#define LAYER4_MIN (14 + 20) /* behind Ethernet's header and IPv4's */

static int
add_piece(const struct ring *r, struct chain_list *l, uint64_t gpa, uint32_t len)
{
	uint64_t left = len;

	while (left > 0) {
		uint64_t n = 0;
		uint8_t *at = gpa_piece(r->mem, gpa, left, &n);

		if (!at)
			return -EFAULT;
		if (l->n == l->max)
			return -ENOSPC;
		l->seg[l->n++] = (struct pkt_seg){.addr = at, .len = (uint32_t)n};
		gpa += n;
		left -= n;
	}
	l->total += len;
	return 0;
}

/* One more descriptor is looked at. -ELOOP: more than a chain may have. */
static int
count_desc(struct chain_list *l, uint32_t *in_chain)
{
	if (++*in_chain > RING_CHAIN_MAX)
		return -ELOOP;
	if (l->n_desc == l->max_desc)
		return -ENOSPC;
	l->n_desc++;
	return 0;
}

static bool
wrong_way(uint16_t flags, bool write)
{
	return (flags & VRING_DESC_F_WRITE ? true : false) != write;
}

/* A table of @len bytes; virtio 1.2, 2.7.5.3 (split: chained by next) and 2.8.7 (packed: in order). */
static int
walk_table(const struct ring *r, uint64_t table, uint32_t len, bool write, struct chain_list *l,
	   uint32_t *in_chain)
{
	uint32_t count = len / sizeof(struct vring_desc), at = 0;

	if (count == 0 || len % sizeof(struct vring_desc))
		return -EFAULT;
	while (at < count) {
		struct vring_desc d; /* packed ones differ in the last four bytes */
		uint16_t flags;
		int e = count_desc(l, in_chain);

		if (e < 0)
			return e;
		if (!gpa_read(r->mem, table + at * sizeof(d), &d, sizeof(d)))
			return -EFAULT;
		flags = r->packed ? d.next : d.flags;
		if ((!r->packed && flags & VRING_DESC_F_INDIRECT) || wrong_way(flags, write))
			return -EFAULT;
		e = add_piece(r, l, d.addr, d.len);
		if (e < 0)
			return e;
		if (r->packed) {
			at++;
			continue;
		}
		if (!(flags & VRING_DESC_F_NEXT))
			return 0;
		at = d.next;
		if (at >= count)
			return -EFAULT;
	}
	return 0;
}

/* What one descriptor of the ring itself stands for. */
static int
add_desc(const struct ring *r, uint64_t addr, uint32_t len, uint16_t flags, bool write,
	 struct chain_list *l, uint32_t *in_chain)
{
	int e = count_desc(l, in_chain);

	if (e < 0)
		return e;
	if (flags & VRING_DESC_F_INDIRECT)
		return flags & VRING_DESC_F_NEXT ? -EFAULT
						 : walk_table(r, addr, len, write, l, in_chain);
	if (wrong_way(flags, write))
		return -EFAULT;
	return add_piece(r, l, addr, len);
}

int
chain_split(const struct ring *r, uint16_t head, bool write, struct chain_list *l)
{
	uint32_t in_chain = 0;
	uint16_t at = head;

	for (;;) {
		uint64_t tail;
		uint64_t addr;
		int e;

		if (at >= r->size)
			return -EFAULT;
		addr = read_once(&r->desc[at].addr);
		tail = read_once((const word_t *)&r->desc[at].len);
		e = add_desc(r, addr, tail_len(tail), tail_low(tail), write, l, &in_chain);
		if (e < 0)
			return e;
		if (!(tail_low(tail) & VRING_DESC_F_NEXT))
			return 0;
		at = tail_high(tail);
	}
}

int
chain_packed(const struct ring *r, uint16_t at, bool wrap, bool write, struct chain_list *l,
	     struct ring_taken *ret)
{
	uint32_t in_chain = 0;
	uint16_t slots = 0;

	for (;;) {
		const struct vring_packed_desc *d = &r->slot[at];
		/* acquire: pairs with the driver's release of the flags (2.8.13) */
		uint16_t flags = read_acquire(&d->flags);
		uint64_t tail;
		int e;

		if ((flags >> VRING_PACKED_DESC_F_AVAIL & 1) != wrap ||
		    (flags >> VRING_PACKED_DESC_F_USED & 1) == wrap)
			return slots ? -EFAULT : -EAGAIN; /* the first is made available last */
		tail = read_once((const word_t *)&d->len);
		e = add_desc(r, read_once(&d->addr), tail_len(tail), flags, write, l, &in_chain);
		if (e < 0)
			return e;
		slots++;
		if (!(flags & VRING_DESC_F_NEXT)) {
			*ret = (struct ring_taken){.id = tail_low(tail), .slots = slots};
			return 0;
		}
		if (slots == r->size)
			return -ELOOP;
		if (++at == r->size) {
			at = 0;
			wrap = !wrap;
		}
	}
}

struct chain_list
chain_begin(struct ring_scratch *s)
{
	return (struct chain_list){.seg = s->seg + s->n_seg,
				   .max = RING_SEGS - s->n_seg,
				   .n_desc = s->n_desc,
				   .max_desc = RING_SEGS};
}

/* Moves @n bytes from the list's front into @to. */
static void
take_front(struct pkt_seg **seg, uint32_t *n_seg, void *to, uint32_t n)
{
	uint8_t *at = to;

	while (n > 0) {
		uint32_t part = MIN_OF((*seg)->len, n);

		memcpy(at, (*seg)->addr, part);
		at += part;
		n -= part;
		(*seg)->addr += part;
		(*seg)->len -= part;
		if ((*seg)->len == 0) {
			(*seg)++;
			(*n_seg)--;
		}
	}
}

enum chain_frame
chain_frame(const struct ring *r, struct ring_scratch *s, int result, const struct chain_list *l,
	    struct pkt *p, struct virtio_net_hdr *ret_header)
{
	struct virtio_net_hdr_v1 header = {0};
	struct pkt_seg *seg = l->seg;
	uint32_t n = l->n, len;

	/* a burst that has the lists to itself must have room for any chain that makes sense */
	if (result == -ENOSPC && s->n_seg + s->n_desc > 0)
		return CHAIN_LATER;
	s->n_desc = (uint16_t)l->n_desc;
	if (result < 0 || l->total < r->hlen)
		return CHAIN_BROKEN;
	s->n_seg = (uint16_t)(s->n_seg + l->n);
	take_front(&seg, &n, &header, r->hlen);
	memcpy(ret_header, &header, sizeof(*ret_header));
	*p = (struct pkt){.head = p->near, .body = p->near, .domain = s->domain};
	if (l->total - r->hlen > RING_FRAME_MAX) {
		p->len = UINT32_MAX;
		return CHAIN_OK;
	}
	len = (uint32_t)(l->total - r->hlen);
	p->len = len;
	p->head_len = (uint16_t)MIN_OF(len, (uint32_t)PKT_HEAD);
	take_front(&seg, &n, p->near, p->head_len);
	if (n > 0) {
		p->body = seg->addr;
		p->body_len = seg->len;
		p->more = seg + 1;
		p->n_more = (uint16_t)(n - 1);
	}
	return CHAIN_OK;
}

/* Where the next byte goes. */
struct spread {
	const struct pkt_seg *seg;
	uint32_t at;
};

static void
spread(struct spread *w, const void *bytes, uint32_t n)
{
	const uint8_t *from = bytes;

	while (n > 0) {
		uint32_t part = MIN_OF(w->seg->len - w->at, n);

		memcpy((uint8_t *)w->seg->addr + w->at, from, part);
		from += part;
		n -= part;
		w->at += part;
		if (w->at == w->seg->len) {
			w->seg++;
			w->at = 0;
		}
	}
}

void
chain_write(const struct chain_list *l, uint16_t hlen, uint16_t buffers, const struct pkt *p)
{
	struct virtio_net_hdr_v1 h = frame_header(p, buffers);
	struct spread w = {.seg = l->seg};

	spread(&w, &h, hlen);
	spread(&w, p->head, p->head_len);
	spread(&w, p->body, p->body_len);
	for (uint32_t i = 0; i < p->n_more; i++)
		spread(&w, p->more[i].addr, p->more[i].len);
}

bool
offload_take(const struct ring *r, const struct virtio_net_hdr *h, struct pkt *p)
{
	uint8_t gso = h->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	bool csum = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

	if (!csum && gso == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (!csum || !r->csum)
		return false;
	/* all of the headers must be where whoever finishes them can see them */
	if ((uint32_t)h->csum_start + h->csum_offset + 2 > MIN_OF(p->len, (uint32_t)PKT_DEEP))
		return false;
	/* is it layer 4's checksum? offload_finish() looks closer, where it writes */
	if (h->csum_start < LAYER4_MIN)
		return false;
	if (gso != VIRTIO_NET_HDR_GSO_NONE && (gso > 7 || !(r->gso >> gso & 1) || h->gso_size == 0))
		return false;
	p->off = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = h->gso_type,
		.hdr_len = (uint16_t)MIN_OF((uint32_t)h->hdr_len, p->len),
		.gso_size = h->gso_size,
		.csum_start = h->csum_start,
		.csum_offset = h->csum_offset,
	};
	p->flags |= PKT_OFFLOAD;
	return true;
}
