/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A switch that is killed between any two of its stores into a packed ring: the next one takes the
 * ring up where the driver sees it, no buffer is lost and none is given back twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/util.h"
#include "tests/unit/ring_driver.h"
#include "vhost-user/ring.h"

#define MEM    (1u << 20)
#define RINGS  0x1000u
#define TABLES 0x8000u
#define DATA   0x40000u
#define SIZE   16
#define BYTES  (16u * SIZE)

struct world {
	struct gpa_map map;
	struct driver d;
	struct ring r;
	struct ring_inflight *left;
	uint8_t *mem;
	uint64_t features;
	uint32_t seed;
	uint32_t offered, back;
};

static uint32_t
draw(struct world *w, uint32_t n)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(w->seed >> 4) * n >> 28);
}

static int
take_up(struct world *w, uint16_t base, bool resume)
{
	struct ring_setup s = {
		.desc = driver_desc(&w->d),
		.avail = driver_avail(&w->d),
		.used = driver_used(&w->d),
		.size = SIZE,
		.base = base,
		.features = w->features,
		.call_fd = -1,
		.kick_fd = -1,
		.transmit = !w->d.write,
		.inflight = w->left,
		.resume = resume,
	};

	return ring_attach(&w->r, &w->map, &s);
}

static void
world_open(struct world *w, bool receive, bool in_order, uint32_t seed)
{
	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->mem = aligned_alloc(4096, MEM);
	w->left = aligned_alloc(64, 64 + 32 * SIZE);
	assert_true(w->mem && w->left);
	memset(w->mem, 0, MEM);
	memset(w->left, 0, 64 + 32 * SIZE);
	assert_true(gpa_add(&w->map, 0, MEM, w->mem));
	w->features = 1ull << VIRTIO_F_RING_PACKED | 1ull << VIRTIO_F_VERSION_1 |
		      (uint64_t)receive << VIRTIO_NET_F_MRG_RXBUF |
		      (uint64_t)in_order << VIRTIO_F_IN_ORDER;
	w->d = (struct driver){.packed = true,
			       .in_order = in_order && !receive,
			       .write = receive,
			       .size = SIZE,
			       .mem = w->mem,
			       .rings_at = RINGS,
			       .tables_at = TABLES};
	driver_init(&w->d);
	assert_int_equal(take_up(w, 0x8000, true), 0);
	assert_int_equal(w->left->version, RING_INFLIGHT_VERSION);
}

static void
world_close(struct world *w)
{
	free(w->mem);
	free(w->left);
}

static void
offer(struct world *w)
{
	struct driver_piece p[3];
	uint32_t n = 1 + draw(w, 3);

	for (uint32_t i = 0; i < n; i++)
		p[i] = (struct driver_piece){.gpa = DATA + 4096 * i, .len = 40};
	if (driver_add(&w->d, p, n, draw(w, 4) == 0) >= 0)
		w->offered++;
}

/* Gives some buffers back: frames taken, or frames put into them. */
static bool
work(struct world *w)
{
	static struct pkt_seg seg[RING_SEGS];
	static struct pkt pkt[PKT_BURST];
	static uint8_t bytes[256];
	struct ring_scratch s = {.seg = seg};
	struct pkt *all[PKT_BURST];
	uint32_t want = 1 + draw(w, 6);

	if (!w->d.write) {
		if (ring_packed_peek(&w->r, &s, pkt, want) == 0)
			return false;
		ring_packed_done(&w->r);
		return true;
	}
	for (uint32_t i = 0; i < want; i++) {
		uint32_t len = 20 + draw(w, 200); /* of buffers of 40 to 120 bytes */

		pkt[i] = (struct pkt){.head = bytes,
				      .head_len = 16,
				      .body = bytes,
				      .body_len = len - 16,
				      .len = len};
		all[i] = &pkt[i];
	}
	return ring_packed_put(&w->r, &s, all, want) > 0;
}

static void
reap(struct world *w)
{
	struct driver_used u;
	uint16_t before = w->d.n_free;

	while (driver_get(&w->d, &u))
		;
	assert_false(w->d.confused);
	assert_true(w->d.n_free >= before);
}

/*
 * The batch that led from @ring and @left to what is there now, cut off after @stores of its stores.
 * Returns how many there are.
 */
static uint32_t
cut_off(struct world *w, const uint8_t *ring, const struct ring_inflight *left, uint32_t stores)
{
	uint8_t after[BYTES], *now = driver_desc(&w->d);
	struct ring_inflight end = *w->left, mid = *w->left;
	uint32_t at = left->used_idx, n = 0;

	mid.old_used_idx = left->old_used_idx;
	mid.old_used_wrap = left->old_used_wrap;
	memcpy(after, now, BYTES);
	memcpy(now, ring, BYTES);
	*w->left = *left;
	if (n++ < stores)
		w->left->first = end.first;
	for (uint32_t i = 1; i < SIZE; i++) {
		uint32_t k = (at + i) % SIZE * 16;

		if (memcmp(after + k, ring + k, 16) != 0 && n++ < stores)
			memcpy(now + k, after + k, 16);
	}
	if (n++ < stores)
		w->left->position = mid.position;
	if (n++ < stores)
		memcpy(now + at * 16ul, after + at * 16ul, 16);
	if (n++ < stores)
		w->left->position = end.position;
	return n;
}

static void
killed_anywhere(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 400; i++) {
		struct world w;

		world_open(&w, i & 1, i >> 1 & 1, i + 1);
		for (uint32_t round = 0; round < 60; round++) {
			uint8_t ring[BYTES];
			struct ring_inflight left;
			uint16_t after;
			uint32_t all, cut;

			for (uint32_t k = draw(&w, 9); k > 0; k--)
				offer(&w);
			memcpy(ring, driver_desc(&w.d), BYTES);
			left = *w.left;
			if (!work(&w))
				continue;
			after = ring_base(&w.r);
			cut = draw(&w, 8);
			all = cut_off(&w, ring, &left, cut);
			/* whatever the front end says of the position */
			assert_int_equal(take_up(&w, (uint16_t)draw(&w, SIZE), true), 0);
			if (cut >= all - 1)
				assert_int_equal(ring_base(&w.r), after);
			reap(&w);
			/* the driver sees exactly what we say is done */
			assert_int_equal(ring_base(&w.r), w.d.used | (w.d.used_wrap ? 0x8000 : 0));
		}
		while (work(&w))
			;
		reap(&w);
		if (!w.d.write)
			assert_int_equal(w.d.n_free, SIZE);
		world_close(&w);
	}
}

/* A front end that put zeros there wants a start from its own position. */
static void
nothing_left(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, false, false, 1);
	memset(w.left, 0, sizeof(*w.left));
	assert_int_equal(take_up(&w, 5 | 0x8000, true), 0);
	assert_int_equal(ring_base(&w.r), 5 | 0x8000);
	/* and so does one whose rings were stopped in the same connection */
	assert_int_equal(take_up(&w, 7, false), 0);
	assert_int_equal(ring_base(&w.r), 7);
	/* what cannot be is not believed */
	w.left->used_idx = SIZE;
	assert_int_equal(take_up(&w, 3, true), 0);
	assert_int_equal(ring_base(&w.r), 3);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_anywhere),
		cmocka_unit_test(nothing_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
