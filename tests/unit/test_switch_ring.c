/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch's rings against a driver: every layout of buffers that a driver may choose, frames of all
 * sizes, both kinds of ring and every feature that changes them. What is sent comes out, byte for byte
 * and in order; every buffer comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "tests/unit/ring_driver.h"
#include "vhost-user/ring.h"

#define MEM       (8u << 20)
#define HALF      (MEM / 2)
#define TX_AT     0x1000u
#define RX_AT     0x9000u
#define TX_TABLES 0x20000u
#define RX_TABLES 0xa0000u
#define TX_DATA   0x200000u /* up to and across HALF */
#define RX_DATA   0x500000u
#define SLOT      0x4000u /* of data for one descriptor */
#define SIZE      64
#define FRAME     9018

struct world {
	uint64_t features;
	bool packed;
	struct gpa_map map;
	struct driver tx, rx;
	struct ring in, out; /* the device's: of tx, of rx */
	uint8_t *mem;
	uint32_t seed;
	uint8_t sent[SIZE * 2][FRAME + 8]; /* by number of the frame */
	uint32_t len[SIZE * 2];
	uint32_t n_sent, n_seen, n_got, n_back;
	uint64_t rx_gpa[SIZE][DRIVER_PIECES];
	uint32_t rx_len[SIZE][DRIVER_PIECES];
	uint32_t rx_pieces[SIZE];
	uint32_t small; /* receive buffers are that small; 0: hold any frame */
	bool plain;     /* one descriptor a buffer */
};

static uint32_t
draw(struct world *w, uint32_t n)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(w->seed >> 4) * n >> 28);
}

static struct ring_setup
setup_of(const struct world *w, const struct driver *d, uint16_t base)
{
	struct ring_setup s = {
		.desc = driver_desc(d),
		.avail = driver_avail(d),
		.used = driver_used(d),
		.size = d->size,
		.base = base,
		.features = w->features,
		.call_fd = -1,
		.kick_fd = -1,
		.transmit = d == &w->tx,
	};

	return s;
}

static void
attach(struct world *w, struct ring *r, const struct driver *d, uint16_t base)
{
	struct ring_setup s = setup_of(w, d, base);

	assert_int_equal(ring_attach(r, &w->map, &s), 0);
}

static struct world *
world_make(uint64_t features, uint32_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	bool packed = features >> VIRTIO_F_RING_PACKED & 1;
	struct driver d = {.packed = packed,
			   .event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1,
			   .size = SIZE};

	assert_non_null(w);
	w->mem = aligned_alloc(4096, MEM);
	assert_non_null(w->mem);
	memset(w->mem, 0xa5, MEM);
	w->features = features;
	w->packed = packed;
	w->seed = seed;
	assert_true(gpa_add(&w->map, 0, HALF, w->mem));
	assert_true(gpa_add(&w->map, HALF, HALF, w->mem + HALF));
	d.mem = w->mem;
	w->tx = w->rx = d;
	w->tx.rings_at = TX_AT;
	w->tx.tables_at = TX_TABLES;
	w->tx.in_order = features >> VIRTIO_F_IN_ORDER & 1;
	w->rx.rings_at = RX_AT;
	w->rx.tables_at = RX_TABLES;
	w->rx.write = true;
	driver_init(&w->tx);
	driver_init(&w->rx);
	attach(w, &w->in, &w->tx, packed ? 0x8000 : 0);
	attach(w, &w->out, &w->rx, packed ? 0x8000 : 0);
	return w;
}

static void
world_free(struct world *w)
{
	free(w->mem);
	free(w);
}

/* Cuts @len bytes at @gpa into pieces, at most @max; the first of @first bytes, unless 0. */
static uint32_t
cut(struct world *w, struct driver_piece *p, uint64_t gpa, uint32_t len, uint32_t first,
    uint32_t max)
{
	uint32_t n = 0;

	while (len > 0) {
		uint32_t part = n == 0 && first ? first : 1 + draw(w, len);

		if (n + 1 == max || w->plain)
			part = len;
		p[n++] = (struct driver_piece){.gpa = gpa, .len = part};
		gpa += part;
		len -= part;
	}
	return n;
}

static bool
offer_frame(struct world *w)
{
	uint32_t k = w->n_sent % (SIZE * 2), len = 1 + draw(w, draw(w, 4) ? 130 : FRAME);
	uint32_t hlen = w->in.hlen, style = draw(w, 4), n;
	uint64_t gpa = TX_DATA + (uint64_t)(w->n_sent % SIZE) * SLOT * 2 + draw(w, 64);
	struct driver_piece p[DRIVER_PIECES];
	uint8_t *at = w->mem + gpa;

	if (w->tx.n_free < 9 || w->n_sent - w->n_back >= SIZE)
		return false;
	memset(at, 0, hlen);
	for (uint32_t i = 0; i < len; i++)
		w->sent[k][i] = at[hlen + i] = (uint8_t)draw(w, 256);
	w->len[k] = len;
	/* one piece; header apart; any pieces; a table of any pieces */
	n = cut(w, p, gpa, hlen + len, style == 1 ? hlen : 0, style < 1 ? 1 : style == 1 ? 2 : 9);
	assert_true(driver_add(&w->tx, p, n, style == 3 && !w->plain) >= 0);
	w->n_sent++;
	return true;
}

static bool
offer_buffer(struct world *w)
{
	uint32_t len = w->small ? w->out.hlen + 20 + draw(w, w->small) : FRAME + 12;
	struct driver_piece p[DRIVER_PIECES];
	uint32_t style = draw(w, 3), n;
	static uint32_t turn;
	uint64_t gpa = RX_DATA + (uint64_t)(turn++ % (SIZE + 8)) * SLOT + draw(w, 64);
	int id;

	if (w->rx.n_free < 5)
		return false;
	n = cut(w, p, gpa, len, 0, style == 0 ? 1 : 5);
	id = driver_add(&w->rx, p, n, style == 2 && !w->plain);
	assert_true(id >= 0);
	w->rx_pieces[id] = n;
	for (uint32_t i = 0; i < n; i++) {
		w->rx_gpa[id][i] = p[i].gpa;
		w->rx_len[id][i] = p[i].len;
	}
	return true;
}

/* What lies in buffer @id, @len bytes of it, from its pieces. */
static void
collect(struct world *w, uint16_t id, uint32_t len, uint8_t *to)
{
	for (uint32_t i = 0; len > 0; i++) {
		uint32_t part = MIN_OF(w->rx_len[id][i], len);

		assert_true(i < w->rx_pieces[id]);
		memcpy(to, w->mem + w->rx_gpa[id][i], part);
		to += part;
		len -= part;
	}
}

/* Takes received frames out of the receiver's ring and compares them with what was sent. */
static void
receive(struct world *w)
{
	struct driver_used u;

	while (driver_get(&w->rx, &u)) {
		static uint8_t bytes[FRAME + 4096];
		struct virtio_net_hdr_v1 h = {0};
		uint32_t k = w->n_got % (SIZE * 2), at = u.len, left;

		assert_true(u.len >= w->out.hlen && u.len <= FRAME + 12);
		collect(w, u.id, u.len, bytes);
		memcpy(&h, bytes, w->out.hlen);
		left = w->out.hlen == 12 ? h.num_buffers : 1;
		assert_in_range(left, 1, 32);
		assert_true(left == 1 || w->out.mergeable);
		while (--left > 0) {
			assert_true(driver_get(&w->rx, &u));
			collect(w, u.id, u.len, bytes + at);
			at += u.len;
		}
		assert_int_equal(h.flags + h.gso_type + h.gso_size + h.csum_start, 0);
		assert_int_equal(at - w->out.hlen, w->len[k]);
		assert_memory_equal(bytes + w->out.hlen, w->sent[k], w->len[k]);
		w->n_got++;
	}
	assert_false(w->rx.confused);
}

/* A frame as a chain of features leaves it, or as a device gives it: a head of any length. */
static void
deepen(struct world *w, struct pkt *p, uint32_t i)
{
	static uint8_t flat[PKT_BURST][FRAME];
	uint32_t head = 1 + draw(w, 200);

	pkt_copy(p, flat[i]);
	p->head = flat[i];
	p->head_len = (uint16_t)MIN_OF(p->len, head);
	p->body = flat[i] + p->head_len;
	p->body_len = p->len - p->head_len;
	p->n_more = 0;
}

/* One burst from tx to rx. */
static void
forward(struct world *w)
{
	static struct pkt_seg seg[RING_SEGS];
	static struct pkt pkt[PKT_BURST];
	struct ring_scratch s = {.seg = seg, .domain = 7}, out = {0};
	uint32_t want = 1 + draw(w, PKT_BURST), n, done;
	struct pkt *all[PKT_BURST];
	uint8_t bytes[FRAME];

	n = w->packed ? ring_packed_peek(&w->in, &s, pkt, want)
		      : ring_split_peek(&w->in, &s, pkt, want);
	assert_true(n <= want);
	assert_false(w->in.broken);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = (w->n_seen + i) % (SIZE * 2);

		assert_int_equal(pkt[i].len, w->len[k]);
		assert_int_equal(pkt[i].domain, 7);
		assert_int_equal(pkt[i].head_len, MIN_OF(pkt[i].len, PKT_HEAD));
		pkt_copy(&pkt[i], bytes);
		assert_memory_equal(bytes, w->sent[k], pkt[i].len);
		all[i] = &pkt[i];
		if (draw(w, 3) == 0)
			deepen(w, &pkt[i], i);
	}
	w->n_seen += n;
	for (done = 0; done < n;) {
		uint32_t more = w->packed ? ring_packed_put(&w->out, &out, all + done, n - done)
					  : ring_split_put(&w->out, &out, all + done, n - done);

		assert_false(w->out.broken);
		done += more;
		receive(w);
		while (offer_buffer(w))
			;
	}
	assert_int_equal(out.oversize, 0);
	if (n > 0 && w->packed)
		ring_packed_done(&w->in);
	else if (n > 0)
		ring_split_done(&w->in);
}

static void
reap(struct world *w)
{
	struct driver_used u;

	while (driver_get(&w->tx, &u))
		assert_int_equal(u.len, 0);
	assert_false(w->tx.confused);
	w->n_back = w->n_seen;
}

static void
exchange(struct world *w, uint32_t frames)
{
	while (w->n_got < frames) {
		for (uint32_t i = draw(w, 40); i > 0 && offer_frame(w); i--)
			;
		for (uint32_t i = draw(w, 60); i > 0 && offer_buffer(w); i--)
			;
		forward(w);
		receive(w);
		reap(w);
		/* as when a message of the front end comes in between */
		if (draw(w, 50) == 0) {
			attach(w, &w->in, &w->tx, ring_base(&w->in));
			attach(w, &w->out, &w->rx, ring_base(&w->out));
		}
	}
	while (w->n_seen < w->n_sent)
		forward(w);
	receive(w);
	reap(w);
	assert_int_equal(w->n_got, w->n_sent);
	assert_int_equal(w->tx.n_free, SIZE);
}

static void
every_layout(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 64; i++) {
		bool packed = i & 1;
		uint64_t f = (uint64_t)packed << VIRTIO_F_RING_PACKED |
			     (uint64_t)(i >> 1 & 1) << VIRTIO_RING_F_EVENT_IDX |
			     (uint64_t)(i >> 2 & 1) << VIRTIO_NET_F_MRG_RXBUF |
			     (uint64_t)(packed && i >> 3 & 1) << VIRTIO_F_IN_ORDER |
			     (uint64_t)(packed || i >> 3 & 1) << VIRTIO_F_VERSION_1;
		struct world *w = world_make(f, i * 77 + 1);

		w->small = i >> 2 & 1 && i >> 4 & 1 ? 1500 : 0;
		w->plain = i >> 5 & 1;
		exchange(w, 1500);
		world_free(w);
	}
}

static struct pkt
frame_of(uint8_t *bytes, uint32_t len)
{
	struct pkt p = {.len = len, .head_len = (uint16_t)MIN_OF(len, 16u)};

	memcpy(p.near, bytes, p.head_len);
	p.body = bytes + p.head_len;
	p.body_len = len - p.head_len;
	return p;
}

/* Frames that do not fit into what a guest offers are left out, and the next one is not. */
static void
too_small(void **state)
{
	static uint8_t bytes[FRAME];

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct world *w = world_make((uint64_t)packed << VIRTIO_F_RING_PACKED, 1);
		struct driver_piece p = {.gpa = RX_DATA, .len = 12 + 100};
		struct ring_scratch s = {0};
		struct pkt pkt[3] = {frame_of(bytes, 90), frame_of(bytes, 200),
				     frame_of(bytes, 80)};
		struct pkt *all[3] = {&pkt[0], &pkt[1], &pkt[2]};
		struct driver_used u;

		for (int i = 0; i < 3; i++)
			pkt[i].head = pkt[i].near;
		for (int i = 0; i < 2; i++)
			assert_true(driver_add(&w->rx, &p, 1, false) >= 0);
		assert_int_equal(packed ? ring_packed_put(&w->out, &s, all, 3)
					: ring_split_put(&w->out, &s, all, 3),
				 3);
		assert_int_equal(s.oversize, 1);
		assert_int_equal(s.oversize_bytes, 200);
		assert_true(driver_get(&w->rx, &u));
		assert_int_equal(u.len, w->out.hlen + 90);
		assert_true(driver_get(&w->rx, &u));
		assert_int_equal(u.len, w->out.hlen + 80);
		assert_false(driver_get(&w->rx, &u));
		world_free(w);
	}
}

/* The guest is interrupted when it asked to be, and not otherwise. */
static void
calls(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool packed = i & 1, event = i & 2;
		struct world *w = world_make((uint64_t)packed << VIRTIO_F_RING_PACKED |
						     (uint64_t)event << VIRTIO_RING_F_EVENT_IDX,
					     1);
		struct ring_setup s = setup_of(w, &w->tx, packed ? 0x8000 : 0);
		struct vring_packed_desc_event *e = (void *)driver_avail(&w->tx);
		uint64_t want = 0, n;

		w->plain = true;
		s.call_fd = eventfd(0, EFD_NONBLOCK);
		assert_true(s.call_fd >= 0);
		assert_int_equal(ring_attach(&w->in, &w->map, &s), 0);
		/* for all; for none; with EVENT_IDX: when position 100 is passed */
		for (int phase = 0; phase < 3; phase++) {
			uint16_t from = w->tx.used, to = (uint16_t)(from + 10);

			if (packed)
				e->flags = phase == 0 ? 0 : phase == 1 ? 1 : 2;
			else
				driver_avail(&w->tx)->flags = phase == 1;
			if (event && packed)
				e->off_wrap = (uint16_t)(to | 0x8000);
			if (event && !packed)
				driver_avail(&w->tx)->ring[SIZE] = phase == 0   ? from
								   : phase == 1 ? 0x7000
										: to;
			for (uint32_t k = 0; k < 11; k++) {
				assert_true(offer_frame(w));
				w->n_got = w->n_seen;
				forward(w);
				reap(w);
				n = 0;
				if (read(s.call_fd, &n, sizeof(n)) < 0)
					n = 0;
				want = phase == 0   ? (event && !packed ? k == 0 : 1)
				       : phase == 1 ? 0
				       : event      ? k == 10
						    : 1;
				assert_int_equal(n, want);
			}
		}
		close(s.call_fd);
		world_free(w);
	}
}

/* The driver is asked to kick, and not to. */
static void
kicks(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool packed = i & 1, event = i & 2;
		struct world *w = world_make((uint64_t)packed << VIRTIO_F_RING_PACKED |
						     (uint64_t)event << VIRTIO_RING_F_EVENT_IDX,
					     1);
		struct vring_used *u = driver_used(&w->tx);
		struct vring_packed_desc_event *e = (void *)u;

		w->plain = true;
		for (uint32_t k = 0; k < 5; k++) {
			assert_true(offer_frame(w));
			forward(w);
			reap(w);
		}
		ring_quiet(&w->in);
		if (packed)
			assert_int_equal(e->flags, 1);
		else if (event)
			assert_false(vring_need_event((uint16_t)u->ring[SIZE].id, 6, 5));
		else
			assert_int_equal(u->flags, VRING_USED_F_NO_NOTIFY);
		ring_listen(&w->in);
		if (packed && event)
			assert_true(e->flags == 2 && e->off_wrap == (5 | 0x8000));
		else if (packed)
			assert_int_equal(e->flags, 0);
		else if (event)
			assert_true(vring_need_event((uint16_t)u->ring[SIZE].id, 6, 5));
		else
			assert_int_equal(u->flags, 0);
		assert_int_equal(ring_waiting(&w->in), 0);
		assert_true(offer_frame(w));
		assert_int_equal(ring_waiting(&w->in), 1);
		world_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout),
		cmocka_unit_test(too_small),
		cmocka_unit_test(calls),
		cmocka_unit_test(kicks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
