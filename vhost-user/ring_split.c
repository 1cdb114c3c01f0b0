/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split virtqueues (virtio 1.2, 2.7). Written in shared memory: used entries, one index a burst, and
 * nothing that already has its value.
 */
#include <errno.h>

#include "vhost-user/ring_mem.h"

/* How many entries, of @n wanted, the driver has made available. */
static always_inline_ uint32_t
available(struct ring *r, uint32_t n)
{
	uint32_t waiting = (uint16_t)(r->seen - r->pos);

	if (waiting < n) {
		/* acquire: pairs with the driver's barrier before it writes the index (2.7.13.3) */
		r->seen = read_acquire(&r->avail->idx);
		waiting = (uint16_t)(r->seen - r->pos);
		if (unlikely_(waiting > r->size)) {
			r->broken = true;
			return 0;
		}
	}
	return MIN_OF(n, waiting);
}

static always_inline_ uint16_t
avail_head(const struct ring *r, uint32_t i)
{
	return read_once(&r->avail->ring[(uint16_t)(r->pos + i) & (r->size - 1)]);
}

/* One store; @pos counts as the indices do. */
static always_inline_ void
set_used(struct ring *r, uint16_t pos, uint16_t id, uint32_t len)
{
	*(volatile word4_t *)&r->used->ring[pos & (r->size - 1)] = id | (uint64_t)len << 32;
}

/* Tells the driver that entries up to @pos are used; the ring's position is then @pos. */
static always_inline_ void
publish(struct ring *r, uint16_t pos)
{
	uint16_t old = r->pos;
	bool wanted;

	r->pos = pos;
	/* release: pairs with the driver's acquire of the index; the entries come first (2.7.8) */
	write_release(&r->used->idx, pos);
	if (r->call_fd < 0)
		return;
	/* pairs with the driver's barrier between its wish and its last look (2.7.7.1) */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (r->event_idx)
		wanted = vring_need_event(read_once(&r->avail->ring[r->size]), pos, old);
	else
		wanted = !(read_once(&r->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	if (unlikely_(wanted))
		ring_call(r);
}

/* A frame that lies in a chain. @ret_keep: false when it is not to be shown. */
static __attribute__((noinline)) enum chain_frame
peek_chain(struct ring *r, struct ring_scratch *s, uint16_t head, struct pkt *p, bool off,
	   bool *ret_keep)
{
	struct chain_list list = chain_begin(s);
	struct virtio_net_hdr h;
	int e = chain_split(r, head, false, &list);
	enum chain_frame c = chain_frame(r, s, e, &list, p, &h);

	*ret_keep = false;
	if (c != CHAIN_OK)
		return c;
	if (p->len == UINT32_MAX)
		s->oversize++;
	else if (off && !offload_take(r, &h, p))
		s->unfinished++;
	else
		*ret_keep = true;
	return CHAIN_OK;
}

/* Private copies of up to @n descriptors: where each frame lies (NULL: not plain) and its length. */
static always_inline_ uint32_t
look(struct ring *r, uint32_t n, const uint8_t **at, uint32_t *len)
{
	for (uint32_t i = 0; i < n; i++) {
		uint16_t head = avail_head(r, i);

		if (unlikely_(head >= r->size)) {
			r->broken = true;
			n = i;
			break;
		}
		r->taken[i].id = head;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct vring_desc *d = &r->desc[r->taken[i].id];
		uint64_t tail;

		tail = read_once((const word_t *)&d->len);
		len[i] = tail_len(tail);
		at[i] = NULL;
		if (unlikely_(tail_low(tail) || tail_len(tail) <= r->hlen ||
			      tail_len(tail) > RING_FRAME_MAX))
			continue;
		at[i] = gpa_ptr(r->mem, read_once(&d->addr), tail_len(tail));
		if (likely_(at[i])) {
			prefetch_read(at[i]);
			prefetch_read(at[i] + 64);
		}
	}
	return n;
}

static always_inline_ uint32_t
peek(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n, bool off)
{
	const uint8_t *at[PKT_BURST];
	uint32_t len[PKT_BURST], shown = 0, i;

	r->n_taken = 0;
	s->n_seg = s->n_desc = 0;
	if (unlikely_(!r->up || r->broken))
		return 0;
	n = available(r, n);
	if (n == 0)
		return 0;
	n = look(r, n, at, len);
	for (i = 0; i < n; i++) {
		struct pkt *p = &pkt[shown];

		if (likely_(at[i])) {
			struct virtio_net_hdr h;

			frame_plain(p, at[i] + r->hlen, len[i] - r->hlen, s->domain);
			if (off) {
				memcpy(&h, at[i], sizeof(h));
				if (unlikely_(!offload_take(r, &h, p))) {
					s->unfinished++;
					continue;
				}
			}
			shown++;
		} else {
			bool keep;
			enum chain_frame c = peek_chain(r, s, r->taken[i].id, p, off, &keep);

			if (c != CHAIN_OK) {
				r->broken |= c == CHAIN_BROKEN;
				break;
			}
			shown += keep;
		}
	}
	r->n_taken = (uint16_t)i;
	if (unlikely_(shown == 0 && i > 0))
		ring_split_done(r); /* nobody will call it for nothing */
	return shown;
}

uint32_t
ring_split_peek(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n)
{
	return peek(r, s, pkt, n, false);
}

uint32_t
ring_split_peek_off(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n)
{
	return peek(r, s, pkt, n, true);
}

void
ring_split_done(struct ring *r)
{
	if (unlikely_(r->n_taken == 0 || !r->up))
		return;
	for (uint32_t i = 0; i < r->n_taken; i++) {
		struct vring_used_elem *u = &r->used->ring[(uint16_t)(r->pos + i) & (r->size - 1)];

		/* a driver that goes round in one order finds what it found a lap ago */
		if (u->id != r->taken[i].id || u->len != 0)
			*u = (struct vring_used_elem){.id = r->taken[i].id};
	}
	publish(r, (uint16_t)(r->pos + r->n_taken));
	r->n_taken = 0;
}

/* Up to @n buffers from entry @from on that are plain and hold the frames that go there. */
static always_inline_ uint32_t
find_room(struct ring *r, uint32_t from, struct pkt *const *pkt, uint32_t n, uint8_t **to)
{
	uint32_t i;

	/* the driver has read these, and we are about to write them */
	for (i = 0; i < n; i += 8)
		prefetch_write(&r->used->ring[(uint16_t)(r->pos + from + i) & (r->size - 1)]);
	for (i = 0; i < n; i++) {
		uint16_t head = avail_head(r, from + i);
		const struct vring_desc *d = &r->desc[head];
		uint32_t need = r->hlen + pkt[i]->len;
		uint64_t tail;

		if (unlikely_(head >= r->size)) {
			r->broken = true;
			break;
		}
		tail = read_once((const word_t *)&d->len);
		if (unlikely_(tail_low(tail) != VRING_DESC_F_WRITE || tail_len(tail) < need))
			break;
		to[i] = gpa_ptr(r->mem, read_once(&d->addr), need);
		if (unlikely_(!to[i]))
			break;
		r->taken[i].id = head;
		prefetch_write(to[i]);
		prefetch_write(to[i] + 64);
	}
	return i;
}

/*
 * One frame into a chain, or into several buffers when the guest can merge them. Returns how many
 * entries from @from on it took, 0 when there are not enough, or -errno.
 */
static __attribute__((noinline)) int
put_chain(struct ring *r, uint32_t from, const struct pkt *p)
{
	struct pkt_seg seg[RING_SEGS];
	struct chain_list list = {.seg = seg, .max = RING_SEGS, .max_desc = RING_SEGS};
	uint16_t id[PKT_BURST];
	uint32_t size[PKT_BURST], need = r->hlen + p->len;
	uint32_t left = need, n = 0;

	while (list.total < need) {
		uint64_t before = list.total;
		int e;

		if (n > 0 && !r->mergeable)
			return -EMSGSIZE;
		if (n == PKT_BURST)
			return -EMSGSIZE;
		if (available(r, from + n + 1) < from + n + 1)
			return 0;
		id[n] = avail_head(r, from + n);
		e = chain_split(r, id[n], true, &list);
		if (e < 0)
			return e;
		size[n] = (uint32_t)MIN_OF(list.total - before, (uint64_t)UINT32_MAX);
		if (n == 0 && size[0] < r->hlen) /* the header must not be cut: 5.1.6.3.1 */
			return -EFAULT;
		n++;
	}
	chain_write(&list, r->hlen, (uint16_t)n, p);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t part = MIN_OF(size[i], left);

		set_used(r, (uint16_t)(r->pos + from + i), id[i], part);
		left -= part;
	}
	return (int)n;
}

uint32_t
ring_split_put(struct ring *r, struct ring_scratch *s, struct pkt *const *pkt, uint32_t n)
{
	uint32_t done = 0, used = 0; /* frames; entries */
	uint8_t *to[PKT_BURST];

	if (unlikely_(!r->up || r->broken))
		return 0;
	while (done < n) {
		uint32_t part = MIN_OF(n - done, (uint32_t)PKT_BURST);
		uint32_t room = available(r, used + part);
		int e;

		if (unlikely_(room <= used))
			break;
		part = find_room(r, used, pkt + done, MIN_OF(room - used, part), to);
		for (uint32_t i = 0; i < part; i++, done++, used++) {
			frame_write(to[i], r->hlen, pkt[done]);
			set_used(r, (uint16_t)(r->pos + used), r->taken[i].id,
				 r->hlen + pkt[done]->len);
		}
		if (likely_(done == n) || r->broken)
			break;
		if (available(r, used + 1) <= used)
			break;
		/* the buffer that comes next is not plain, or too small */
		e = put_chain(r, used, pkt[done]);
		if (e == -EMSGSIZE) {
			s->oversize++;
			s->oversize_bytes += pkt[done]->len;
			done++;
		} else if (e <= 0) {
			r->broken = r->broken || e < 0;
			break;
		} else {
			used += (uint32_t)e;
			done++;
		}
	}
	if (likely_(used))
		publish(r, (uint16_t)(r->pos + used));
	return done;
}
