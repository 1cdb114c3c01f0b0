/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed virtqueues (virtio 1.2, 2.8). A batch of used descriptors becomes visible by the flags of its
 * first one, written last.
 */
#include <errno.h>

#include "vhost-user/ring_mem.h"

#define AVAIL_USED ((uint16_t)(1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED))

/* A place in the ring. */
struct place {
	uint16_t at;
	bool wrap;
};

static always_inline_ void
step(const struct ring *r, struct place *p, uint16_t slots)
{
	uint32_t at = (uint32_t)p->at + slots;

	if (at >= r->size) {
		at -= r->size;
		p->wrap = !p->wrap;
	}
	p->at = (uint16_t)at;
}

/* The flags that the driver gives an available descriptor in this lap. */
static always_inline_ uint16_t
available_flags(bool wrap)
{
	return (uint16_t)(1u << (wrap ? VRING_PACKED_DESC_F_AVAIL : VRING_PACKED_DESC_F_USED));
}

static always_inline_ uint64_t
used_tail(bool wrap, uint16_t id, uint32_t len, bool written)
{
	uint64_t flags = (wrap ? AVAIL_USED : 0) | (written ? VRING_DESC_F_WRITE : 0);

	return len | (uint64_t)id << 32 | flags << 48;
}

static always_inline_ word_t *
tail_of(const struct ring *r, uint32_t at)
{
	return (word_t *)&r->slot[at].len;
}

static void
remember(struct ring *r, struct place used, struct place old)
{
	struct ring_inflight f = {.used_idx = used.at,
				  .used_wrap = used.wrap,
				  .old_used_idx = old.at,
				  .old_used_wrap = old.wrap};

	/* release: after all that was written to the ring before it */
	write_release(&r->inflight->position, f.position);
}

static always_inline_ bool
wants_call(const struct ring *r, uint16_t slots)
{
	uint16_t flags, off, event;

	/* pairs with the driver's barrier between its wish and its last look (2.8.21.3.1) */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = read_acquire(&r->driver->flags) & 3u;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !r->event_idx)
		return true;
	off = read_once(&r->driver->off_wrap);
	event = off & (uint16_t) ~(1u << VRING_PACKED_EVENT_F_WRAP_CTR);
	if ((off >> VRING_PACKED_EVENT_F_WRAP_CTR & 1) != r->wrap)
		event = (uint16_t)(event - r->size);
	return vring_need_event(event, r->pos, (uint16_t)(r->pos - slots));
}

/*
 * Publishes a batch whose descriptors, but for the first's second half, are written: that is @first.
 * @end: the place after it, @slots on.
 */
static always_inline_ void
publish(struct ring *r, uint64_t first, struct place end, uint16_t slots)
{
	if (r->inflight)
		remember(r, end, (struct place){.at = r->pos, .wrap = r->wrap});
	/* release: pairs with the driver's acquire of the flags; all of the batch comes first */
	write_release(tail_of(r, r->pos), first);
	r->pos = end.at;
	r->wrap = end.wrap;
	if (r->inflight)
		remember(r, end, end);
	if (r->call_fd >= 0 && unlikely_(wants_call(r, slots)))
		ring_call(r);
}

static __attribute__((noinline)) enum chain_frame
peek_chain(struct ring *r, struct ring_scratch *s, struct place at, struct ring_taken *taken,
	   struct pkt *p, bool off, bool *ret_keep)
{
	struct chain_list list = chain_begin(s);
	struct virtio_net_hdr h;
	int e = chain_packed(r, at.at, at.wrap, false, &list, taken);
	enum chain_frame c;

	*ret_keep = false;
	if (e == -EAGAIN)
		return CHAIN_LATER;
	c = chain_frame(r, s, e, &list, p, &h);
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

/* Descriptors from @p to the ring's end: they are of one lap. */
static always_inline_ uint32_t
run_of(const struct ring *r, struct place p, uint32_t n)
{
	return MIN_OF(n, (uint32_t)(r->size - p.at));
}

/*
 * The driver wrote these lines last and we are about to: they are asked for at once and to write, if
 * there is anything in them. A look at an empty ring takes nothing away from the driver.
 */
static always_inline_ void
prefetch_run(const struct vring_packed_desc *d, uint32_t n, uint16_t want)
{
	if (read_once(&d->flags) == want)
		for (uint32_t i = 4; i < n; i += 4)
			prefetch_write(&d[i]);
}

/* Up to @n plain descriptors of one lap, each copied once. Returns how many. */
static always_inline_ uint32_t
look(struct ring *r, struct place from, struct ring_taken *taken, uint32_t n, const uint8_t **at,
     uint32_t *len)
{
	const struct vring_packed_desc *d = &r->slot[from.at];
	/* exactly these flags: neither a chain nor a table nor for us to write */
	uint16_t want = available_flags(from.wrap);
	uint32_t i;

	prefetch_run(d, n, want);
	for (i = 0; i < n; i++) {
		uint64_t tail;

		/* acquire: pairs with the driver's release of the flags (2.8.13) */
		if (read_acquire(&d[i].flags) != want)
			break;
		tail = read_once((const word_t *)&d[i].len);
		if (unlikely_(tail_len(tail) <= r->hlen || tail_len(tail) > RING_FRAME_MAX))
			break;
		at[i] = gpa_ptr(r->mem, read_once(&d[i].addr), tail_len(tail));
		if (unlikely_(!at[i]))
			break;
		prefetch_read(at[i]);
		prefetch_read(at[i] + 64);
		len[i] = tail_len(tail);
		taken[i] = (struct ring_taken){.id = tail_low(tail), .slots = 1};
	}
	return i;
}

/* Whether a descriptor waits at @p, of whatever form. */
static always_inline_ bool
is_available(const struct ring *r, struct place p)
{
	return (read_acquire(&r->slot[p.at].flags) & AVAIL_USED) == available_flags(p.wrap);
}

static always_inline_ uint32_t
peek(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n, bool off)
{
	struct place from = {.at = r->pos, .wrap = r->wrap};
	const uint8_t *at[PKT_BURST];
	uint32_t len[PKT_BURST], shown = 0, taken = 0, slots = 0;

	r->n_taken = 0;
	s->n_seg = s->n_desc = 0;
	if (unlikely_(!r->up || r->broken))
		return 0;
	n = MIN_OF(n, r->size);
	while (taken < n && slots < r->size) {
		struct ring_taken *t = &r->taken[taken];
		uint32_t room = run_of(r, from, MIN_OF(n - taken, r->size - slots));
		uint32_t plain = look(r, from, t, room, at, len);
		enum chain_frame c;
		bool keep;

		for (uint32_t i = 0; i < plain; i++) {
			struct pkt *p = &pkt[shown];
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
		}
		taken += plain;
		slots += plain;
		step(r, &from, (uint16_t)plain);
		if (likely_(plain == room))
			continue;
		if (!is_available(r, from))
			break;
		c = peek_chain(r, s, from, &r->taken[taken], &pkt[shown], off, &keep);
		if (c == CHAIN_OK && slots + r->taken[taken].slots > r->size)
			c = CHAIN_BROKEN; /* more than a lap */
		if (c != CHAIN_OK) {
			r->broken = c == CHAIN_BROKEN;
			break;
		}
		step(r, &from, r->taken[taken].slots);
		slots += r->taken[taken].slots;
		taken++;
		shown += keep;
	}
	r->n_taken = (uint16_t)taken;
	if (unlikely_(shown == 0 && taken > 0))
		ring_packed_done(r); /* nobody will call it for nothing */
	return shown;
}

uint32_t
ring_packed_peek(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n)
{
	return peek(r, s, pkt, n, false);
}

uint32_t
ring_packed_peek_off(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n)
{
	return peek(r, s, pkt, n, true);
}

void
ring_packed_done(struct ring *r)
{
	struct place p = {.at = r->pos, .wrap = r->wrap}, end = p;
	const struct ring_taken *t = r->taken;
	uint32_t n = r->n_taken;
	uint16_t slots = 0;
	uint64_t first;

	if (unlikely_(n == 0 || !r->up))
		return;
	r->n_taken = 0;
	for (uint32_t i = 0; i < n; i++)
		slots = (uint16_t)(slots + t[i].slots);
	step(r, &end, slots);
	first = used_tail(p.wrap, t[0].id, 0, false);
	/* a driver that expects them in order is told of a batch by its last id alone (2.8.9) */
	if (r->in_order) {
		first = used_tail(p.wrap, t[n - 1].id, 0, false);
		n = 1;
	}
	if (r->inflight)
		write_release(&r->inflight->first, first);
	if (likely_(slots == n && run_of(r, p, n) == n)) {
		for (uint32_t i = 1; i < n; i++)
			write_once(tail_of(r, p.at + i), used_tail(p.wrap, t[i].id, 0, false));
		n = 1;
	}
	for (uint32_t i = 1; i < n; i++) {
		step(r, &p, t[i - 1].slots);
		write_once(tail_of(r, p.at), used_tail(p.wrap, t[i].id, 0, false));
	}
	publish(r, first, end, slots);
}

/* A batch of used receive buffers that is being written. */
struct batch {
	struct place end;
	uint64_t first;
	uint32_t slots; /* 0: empty */
};

/* @slots slots at the batch's end were one buffer, into which @len bytes were written. */
static always_inline_ void
batch_add(struct ring *r, struct batch *b, uint16_t id, uint16_t slots, uint32_t len)
{
	uint64_t tail = used_tail(b->end.wrap, id, len, true);

	if (b->slots > 0) {
		write_once(tail_of(r, b->end.at), tail);
	} else {
		b->first = tail;
		if (r->inflight)
			write_release(&r->inflight->first, tail);
	}
	b->slots += slots;
	step(r, &b->end, slots);
}

/* The same for @n plain buffers of one lap, which r->taken[] names, and the frames in them. */
static always_inline_ void
batch_add_run(struct ring *r, struct batch *b, struct pkt *const *pkt, uint8_t *const *to,
	      uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = r->hlen + pkt[i]->len;

		frame_write(to[i], r->hlen, pkt[i]);
		if (likely_(b->slots + i > 0))
			write_once(tail_of(r, b->end.at + i),
				   used_tail(b->end.wrap, r->taken[i].id, len, true));
		else
			b->first = used_tail(b->end.wrap, r->taken[i].id, len, true);
		if (unlikely_(r->inflight && b->slots + i == 0))
			write_release(&r->inflight->first, b->first);
	}
	b->slots += n;
	step(r, &b->end, (uint16_t)n);
}

/* Plain buffers of one lap that hold the frames that go there. Returns how many. */
static always_inline_ uint32_t
find_room(struct ring *r, struct place from, struct pkt *const *pkt, uint32_t n, uint8_t **to)
{
	const struct vring_packed_desc *d = &r->slot[from.at];
	uint16_t want = available_flags(from.wrap) | VRING_DESC_F_WRITE;
	uint32_t i;

	prefetch_run(d, n, want);
	for (i = 0; i < n; i++) {
		uint32_t need = r->hlen + pkt[i]->len;
		uint64_t tail;

		/* acquire: pairs with the driver's release of the flags (2.8.13) */
		if (read_acquire(&d[i].flags) != want)
			break;
		tail = read_once((const word_t *)&d[i].len);
		if (unlikely_(tail_len(tail) < need))
			break;
		to[i] = gpa_ptr(r->mem, read_once(&d[i].addr), need);
		if (unlikely_(!to[i]))
			break;
		prefetch_write(to[i]);
		prefetch_write(to[i] + 64);
		r->taken[i].id = tail_low(tail);
	}
	return i;
}

/* As in ring_split.c; 1: done. */
static __attribute__((noinline)) int
put_chain(struct ring *r, struct batch *b, const struct pkt *p)
{
	struct pkt_seg seg[RING_SEGS];
	struct chain_list list = {.seg = seg, .max = RING_SEGS, .max_desc = RING_SEGS};
	struct ring_taken taken[PKT_BURST];
	uint32_t size[PKT_BURST], need = r->hlen + p->len;
	uint32_t left = need, n = 0, slots = b->slots;
	struct place at = b->end;

	while (list.total < need) {
		uint64_t before = list.total;
		int e;

		if ((n > 0 && !r->mergeable) || n == PKT_BURST)
			return -EMSGSIZE;
		if (slots >= r->size)
			return 0;
		e = chain_packed(r, at.at, at.wrap, true, &list, &taken[n]);
		if (e < 0)
			return e == -EAGAIN ? 0 : e;
		slots += taken[n].slots;
		if (slots > r->size)
			return -ELOOP;
		size[n] = (uint32_t)MIN_OF(list.total - before, (uint64_t)UINT32_MAX);
		if (n == 0 && size[0] < r->hlen) /* the header must not be cut: 5.1.6.3.1 */
			return -EFAULT;
		step(r, &at, taken[n].slots);
		n++;
	}
	chain_write(&list, r->hlen, (uint16_t)n, p);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t part = MIN_OF(size[i], left);

		batch_add(r, b, taken[i].id, taken[i].slots, part);
		left -= part;
	}
	return 1;
}

/* As many frames as fit; the batch is written but for its first descriptor. */
static always_inline_ uint32_t
fill(struct ring *r, struct ring_scratch *s, struct pkt *const *pkt, uint32_t n, struct batch *b)
{
	uint8_t *to[PKT_BURST];
	uint32_t done = 0;

	while (done < n && b->slots < r->size) {
		uint32_t room = MIN_OF(n - done, (uint32_t)PKT_BURST), part;
		int e;

		room = run_of(r, b->end, MIN_OF(room, r->size - b->slots));
		part = find_room(r, b->end, pkt + done, room, to);
		batch_add_run(r, b, pkt + done, to, part);
		done += part;
		if (likely_(part == room))
			continue;
		if (!is_available(r, b->end))
			break;
		e = put_chain(r, b, pkt[done]);
		if (e == -EMSGSIZE) {
			s->oversize++;
			s->oversize_bytes += pkt[done]->len;
		} else if (e <= 0) {
			r->broken = e < 0;
			break;
		}
		done++;
	}
	return done;
}

uint32_t
ring_packed_put(struct ring *r, struct ring_scratch *s, struct pkt *const *pkt, uint32_t n)
{
	struct batch b = {.end = {.at = r->pos, .wrap = r->wrap}};
	uint32_t done;

	if (unlikely_(!r->up || r->broken))
		return 0;
	done = fill(r, s, pkt, n, &b);
	if (unlikely_(b.slots == 0))
		return done;
	publish(r, b.first, b.end, (uint16_t)b.slots);
	return done;
}
