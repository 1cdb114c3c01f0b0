/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/offload.h"

#include <errno.h>

#include "base/be.h"
#include "base/util.h"
#include "vhost-user/csum.h"

#define TYPE_TAG_C 0x8100
#define TYPE_TAG_S 0x88a8
#define TYPE_IPV4  0x0800
#define TYPE_IPV6  0x86dd

/* IANA, protocol numbers */
#define PROTO_HOP_BY_HOP 0
#define PROTO_IPV4       4
#define PROTO_TCP        6
#define PROTO_UDP        17
#define PROTO_IPV6       41
#define PROTO_ROUTING    43
#define PROTO_GRE        47
#define PROTO_OPTIONS    60

#define TCP_CSUM 16 /* RFC 9293, 3.1 */
#define UDP_CSUM 6  /* RFC 768 */
#define TCP_FIN  0x01
#define TCP_PSH  0x08
#define TCP_CWR  0x80 /* RFC 3168 */

/* Where the headers of a frame to be cut are. */
struct layout {
	uint32_t l3, l4, payload;
	uint8_t family, protocol;
};

/* A place in a frame: 0: head, 1: body, 2 + i: more[i]. */
struct cursor {
	const struct pkt *pkt;
	uint32_t part, at;
};

uint32_t
offload_takes(uint64_t features)
{
	static const struct {
		uint8_t feature, takes;
	} known[] = {
		{VIRTIO_NET_F_GUEST_TSO4, OFFLOAD_TSO4},
		{VIRTIO_NET_F_GUEST_TSO6, OFFLOAD_TSO6},
		{VIRTIO_NET_F_GUEST_ECN, OFFLOAD_ECN},
	};
	uint64_t uso = UINT64_C(1) << OFFLOAD_F_GUEST_USO4 | UINT64_C(1) << OFFLOAD_F_GUEST_USO6;
	uint32_t takes = OFFLOAD_CSUM;

	/* Virtio 1.2, 5.1.3.1: the others require it */
	if (!(features >> VIRTIO_NET_F_GUEST_CSUM & 1))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (features >> known[i].feature & 1)
			takes |= known[i].takes;
	/* one type of frame for both families, so it takes both */
	if ((features & uso) == uso)
		takes |= OFFLOAD_USO;
	return takes;
}

/* Up to @want bytes in one piece; how many, 0 at the frame's end. */
static uint32_t
next_piece(struct cursor *c, uint32_t want, const uint8_t **ret)
{
	while (c->part < 2u + c->pkt->n_more) {
		const struct pkt *p = c->pkt;
		const uint8_t *from = c->part == 0   ? p->head
				      : c->part == 1 ? p->body
						     : p->more[c->part - 2].addr;
		uint32_t len = c->part == 0   ? p->head_len
			       : c->part == 1 ? p->body_len
					      : p->more[c->part - 2].len;
		uint32_t n = MIN_OF(len - c->at, want);

		if (n > 0) {
			*ret = from + c->at;
			c->at += n;
			return n;
		}
		c->part++;
		c->at = 0;
	}
	return 0;
}

/* false: the frame has fewer. */
static bool
copy_bytes(struct cursor *c, uint8_t *to, uint32_t n)
{
	const uint8_t *from;
	uint32_t len;

	for (; n > 0; n -= len, to += len) {
		len = next_piece(c, n, &from);
		if (len == 0)
			return false;
		memcpy(to, from, len);
	}
	return true;
}

static void
skip_bytes(struct cursor *c, uint32_t n)
{
	const uint8_t *from;
	uint32_t len;

	for (; n > 0; n -= len) {
		len = next_piece(c, n, &from);
		if (len == 0)
			return;
	}
}

/* IPv6's headers between the fixed one and layer 4 (RFC 8200, 4.1); fragments are not for us. */
static bool
skip_extensions(const uint8_t *f, uint32_t len, struct layout *l)
{
	uint32_t at = l->l3 + 40;
	uint8_t next = f[l->l3 + 6];

	while (next == PROTO_HOP_BY_HOP || next == PROTO_ROUTING || next == PROTO_OPTIONS) {
		if (at + 8 > len)
			return false;
		next = f[at];
		at += (f[at + 1] + 1u) * 8;
	}
	l->protocol = next;
	l->l4 = at;
	return true;
}

static bool
find_layer4(const uint8_t *f, uint32_t len, struct layout *l)
{
	uint32_t at = 12, type;

	do {
		if (at + 2 > len)
			return false;
		type = be_get16(f + at);
		at += type == TYPE_TAG_C || type == TYPE_TAG_S ? 4 : 2;
	} while (type == TYPE_TAG_C || type == TYPE_TAG_S);
	l->l3 = at;
	if (type == TYPE_IPV4 && at + 20 <= len) {
		l->family = 4;
		l->l4 = at + (f[at] & 0xf) * 4u;
		l->protocol = f[at + 9];
		/* RFC 791: fragments have no whole segment; 0x4000 is "don't" */
		return f[at] >> 4 == 4 && l->l4 >= at + 20 && (be_get16(f + at + 6) & 0xbfff) == 0;
	}
	l->family = 6;
	return type == TYPE_IPV6 && at + 40 <= len && f[at] >> 4 == 6 && skip_extensions(f, len, l);
}

/* Where layer 4 of what a tunnel carries can begin at the earliest; 0: @l is no tunnel. */
static uint32_t
tunnel_load(const struct layout *l)
{
	switch (l->protocol) {
	case PROTO_IPV4:
	case PROTO_GRE:
		return l->l4 + 20;
	case PROTO_IPV6:
		return l->l4 + 40;
	case PROTO_UDP:
		return l->l4 + 8 + 20;
	default:
		return 0;
	}
}

/*
 * The field that off names is a checksum of layer 4, or of what a tunnel carries: nothing that was looked
 * at when it was decided that the frame may pass, and where it goes.
 */
static bool
is_checksum(const uint8_t *f, uint32_t len, const struct virtio_net_hdr *off)
{
	struct layout l = {0};
	uint32_t load;

	if ((off->csum_offset != TCP_CSUM && off->csum_offset != UDP_CSUM) ||
	    !find_layer4(f, len, &l))
		return false;
	if (l.l4 == off->csum_start && l.protocol == PROTO_TCP)
		return off->csum_offset == TCP_CSUM;
	if (l.l4 == off->csum_start && l.protocol == PROTO_UDP)
		return off->csum_offset == UDP_CSUM;
	load = tunnel_load(&l);
	return load && off->csum_start >= load;
}

/* The layout of a frame to be cut whose first @len bytes are @f; false: not what off says it is. */
static bool
find_layout(const uint8_t *f, uint32_t len, const struct virtio_net_hdr *off, struct layout *ret)
{
	uint8_t type = off->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	struct layout l = {0};
	uint32_t field;

	if (!find_layer4(f, len, &l) || l.l4 != off->csum_start)
		return false;
	if (type == OFFLOAD_GSO_UDP_L4) {
		field = UDP_CSUM;
		l.payload = l.l4 + 8;
		if (l.protocol != PROTO_UDP)
			return false;
	} else {
		field = TCP_CSUM;
		if (l.protocol != PROTO_TCP || l.l4 + 20 > len ||
		    type != (l.family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6))
			return false;
		l.payload = l.l4 + (f[l.l4 + 12] >> 4) * 4u;
		if (l.payload < l.l4 + 20)
			return false;
	}
	*ret = l;
	return l.payload <= len && off->csum_offset == field &&
	       (off->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && off->gso_size > 0;
}

/*
 * The next frame of @s: @head_len bytes are in its head, and @more of them follow at @c, of which the
 * head takes as many as a deep one has. false: the frame ends too early.
 */
static bool
gather(struct offload_scratch *s, const struct pkt *like, struct cursor *c, uint32_t head_len,
       uint32_t more)
{
	struct pkt *p = &s->pkt[s->n_pkt];
	uint32_t fill = MIN_OF(more, PKT_DEEP - head_len), n;
	const uint8_t *from;

	s->all[s->n_pkt] = p;
	p->head = s->head[s->n_pkt] + PKT_HEADROOM;
	p->head_len = (uint16_t)(head_len + fill);
	p->len = head_len + more;
	p->flags = like->flags & (uint8_t)~PKT_OFFLOAD;
	p->domain = like->domain;
	p->pcp = like->pcp;
	p->serial = like->serial;
	p->mbuf = NULL;
	p->body = p->head;
	p->body_len = 0;
	p->more = &s->seg[s->n_seg];
	p->n_more = 0;
	if (!copy_bytes(c, p->head + head_len, fill))
		return false;
	for (more -= fill; more > 0; more -= n) {
		n = next_piece(c, more, &from);
		if (n == 0)
			return false;
		if (p->body_len == 0) {
			p->body = from;
			p->body_len = n;
			continue;
		}
		s->seg[s->n_seg++] = (struct pkt_seg){.addr = from, .len = n};
		p->n_more++;
	}
	return true;
}

/* Of the frame from @at on. */
static void
sum_frame(struct csum *sum, const struct pkt *p, uint32_t at)
{
	csum_add(sum, p->head + at, p->head_len - at);
	csum_add(sum, p->body, p->body_len);
	for (uint32_t i = 0; i < p->n_more; i++)
		csum_add(sum, p->more[i].addr, p->more[i].len);
}

/* Puts into the field at @at what @sum has already and the frame's sum from @from on. */
static void
finish_field(struct csum *sum, struct pkt *p, uint32_t from, uint32_t at)
{
	sum_frame(sum, p, from);
	/* 0 would mean "none" in UDP (RFC 768), and is the same number everywhere else */
	csum_put(sum, p->head + at, true);
}

/* Layer 3 and 4 of segment @i, whose payload is @len bytes: lengths, numbers, flags, checksums. */
static void
finish_segment(struct pkt *p, const struct layout *l, uint32_t i, uint32_t step, bool last)
{
	uint8_t *ip = p->head + l->l3, *l4 = p->head + l->l4;
	uint32_t l4_len = p->len - l->l4;
	struct csum sum = {0};

	if (l->family == 4) {
		be_put16(ip + 2, p->len - l->l3);
		be_put16(ip + 4, be_get16(ip + 4) + i);
		be_put16(ip + 10, 0);
		csum_add(&sum, ip, l->l4 - l->l3);
		csum_put(&sum, ip + 10, false);
		sum = (struct csum){0};
		csum_add(&sum, ip + 12, 8);
	} else {
		be_put16(ip + 4, p->len - l->l3 - 40);
		csum_add(&sum, ip + 8, 32);
	}
	csum_add_number(&sum, l->protocol);
	csum_add_number(&sum, l4_len);
	if (l->protocol == PROTO_UDP) {
		be_put16(l4 + 4, l4_len);
		be_put16(l4 + UDP_CSUM, 0);
		finish_field(&sum, p, l->l4, l->l4 + UDP_CSUM);
		return;
	}
	be_put32(l4 + 4, be_get32(l4 + 4) + i * step);
	if (!last)
		l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (i > 0)
		l4[13] &= (uint8_t)~TCP_CWR;
	be_put16(l4 + TCP_CSUM, 0);
	finish_field(&sum, p, l->l4, l->l4 + TCP_CSUM);
}

static void
emit_all(struct offload_scratch *s, offload_emit *emit, void *arg)
{
	if (s->n_pkt > 0)
		emit(arg, s->all, s->n_pkt);
	s->n_pkt = 0;
	s->n_seg = 0;
}

static int
cut(struct offload_scratch *s, const struct pkt *pkt, offload_emit *emit, void *arg)
{
	uint32_t step = pkt->off.gso_size, known = MIN_OF(pkt->len, PKT_DEEP), left, n;
	struct cursor c = {.pkt = pkt};
	uint8_t first[PKT_DEEP];
	struct layout l;

	if (!copy_bytes(&c, first, known) || !find_layout(first, known, &pkt->off, &l))
		return -EINVAL;
	left = pkt->len - l.payload;
	if (left > step * OFFLOAD_SEGMENTS_MAX)
		return -EINVAL;
	c = (struct cursor){.pkt = pkt};
	skip_bytes(&c, l.payload); /* not read again: it may have changed */
	for (uint32_t i = 0; i == 0 || left > 0; i++, left -= n) {
		if (s->n_pkt == PKT_BURST || s->n_seg + pkt->n_more + 2u > OFFLOAD_PARTS_MAX)
			emit_all(s, emit, arg);
		n = MIN_OF(left, step);
		memcpy(s->head[s->n_pkt] + PKT_HEADROOM, first, l.payload);
		if (!gather(s, pkt, &c, l.payload, n))
			return -EINVAL;
		finish_segment(&s->pkt[s->n_pkt++], &l, i, step, n == left);
	}
	emit_all(s, emit, arg);
	return 0;
}

static int
finish_checksum(struct offload_scratch *s, const struct pkt *pkt, offload_emit *emit, void *arg)
{
	uint32_t at = pkt->off.csum_start + (uint32_t)pkt->off.csum_offset;
	struct cursor c = {.pkt = pkt};
	struct pkt *p = &s->pkt[0];
	struct csum sum = {0};

	if (at + 2 > MIN_OF(pkt->len, PKT_DEEP) || !gather(s, pkt, &c, 0, pkt->len) ||
	    !is_checksum(p->head, p->head_len, &pkt->off))
		return -EINVAL;
	/* the pseudo header's sum stands in the field: it is summed up with the rest */
	finish_field(&sum, p, pkt->off.csum_start, at);
	s->n_pkt = 1;
	emit_all(s, emit, arg);
	return 0;
}

/* What the frame claims to be made of is as long as it claims to be. */
static bool
whole(const struct pkt *pkt)
{
	uint64_t len = (uint64_t)pkt->head_len + pkt->body_len;

	for (uint32_t i = 0; i < pkt->n_more; i++)
		len += pkt->more[i].len;
	return len == pkt->len && pkt->n_more + 2u <= OFFLOAD_PARTS_MAX;
}

int
offload_finish(struct offload_scratch *s, const struct pkt *pkt, offload_emit *emit, void *arg)
{
	struct cursor c = {.pkt = pkt};

	s->n_pkt = 0;
	s->n_seg = 0;
	if (!whole(pkt))
		return -EINVAL;
	if (pkt->flags & PKT_OFFLOAD && pkt->off.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return cut(s, pkt, emit, arg);
	if (pkt->flags & PKT_OFFLOAD && pkt->off.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return finish_checksum(s, pkt, emit, arg);
	if (!gather(s, pkt, &c, 0, pkt->len))
		return -EINVAL;
	s->n_pkt = 1;
	emit_all(s, emit, arg);
	return 0;
}
