/* SPDX-License-Identifier: Apache-2.0 */
/* The load's driver side of a virtqueue against a device written here from the specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "bench/load/ring.h"

#define SIZE   16
#define STRIDE 64
#define GPA    0x40000000ull

static struct ring r;
static uint8_t mem[8192] __attribute__((aligned(4096)));
static uint8_t bufs[SIZE * STRIDE];
static uint64_t seed = 88172645463325252ull;

struct device { /* what a device remembers */
	uint16_t avail, used;
	bool avail_wrap, used_wrap;
};

static unsigned int
below(unsigned int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned int)(seed % n);
}

static struct device
start(bool packed, bool receive)
{
	r = (struct ring){.packed = packed,
			  .receive = receive,
			  .size = SIZE,
			  .stride = STRIDE,
			  .buf = bufs,
			  .buf_gpa = GPA,
			  .kick_fd = -1,
			  .call_fd = -1};
	assert_true(ring_bytes(packed, SIZE) <= sizeof(mem));
	ring_reset(&r, mem);
	return (struct device){.avail_wrap = true, .used_wrap = true};
}

static void
expect_descriptor(uint64_t addr, uint32_t len, uint16_t flags, uint16_t id)
{
	assert_int_equal(addr, GPA + id * (uint64_t)STRIDE);
	assert_int_equal(len, 60);
	assert_int_equal(flags & VRING_DESC_F_WRITE, r.receive ? VRING_DESC_F_WRITE : 0);
	assert_int_equal(flags & (VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT), 0);
}

/* The id of the next available buffer, or -1. */
static int
device_next(struct device *d)
{
	if (!r.packed) {
		uint16_t id;

		if (d->avail == r.vr.avail->idx)
			return -1;
		id = r.vr.avail->ring[d->avail++ % SIZE];
		expect_descriptor(r.vr.desc[id].addr, r.vr.desc[id].len, r.vr.desc[id].flags, id);
		return id;
	}
	const struct vring_packed_desc *p = &r.desc[d->avail];

	if (!!(p->flags & 1u << VRING_PACKED_DESC_F_AVAIL) != d->avail_wrap ||
	    !!(p->flags & 1u << VRING_PACKED_DESC_F_USED) == d->avail_wrap)
		return -1;
	expect_descriptor(p->addr, p->len, p->flags, p->id);
	if (++d->avail == SIZE) {
		d->avail = 0;
		d->avail_wrap = !d->avail_wrap;
	}
	return p->id;
}

static void
device_return(struct device *d, uint32_t id, uint32_t len)
{
	if (!r.packed) {
		r.vr.used->ring[d->used++ % SIZE] = (struct vring_used_elem){.id = id, .len = len};
		r.vr.used->idx = d->used;
		return;
	}
	r.desc[d->used].id = (uint16_t)id;
	r.desc[d->used].len = len;
	r.desc[d->used].flags =
		d->used_wrap ? 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED : 0;
	if (++d->used == SIZE) {
		d->used = 0;
		d->used_wrap = !d->used_wrap;
	}
}

/* Random bursts, returned in random order, for many turns of the ring (and of a 16-bit index). */
static void
exchange(bool packed, bool receive)
{
	struct device d = start(packed, receive);
	struct ring_done done[SIZE];
	uint16_t free[SIZE], held[SIZE];
	unsigned int n_free = SIZE, n_held = 0, total = 0;
	uint32_t half;

	for (uint16_t i = 0; i < SIZE; i++)
		free[i] = r.free[i];
	while (total < 200000) {
		unsigned int put = below(n_free + 1), n;
		int id;

		ring_put(&r, free + n_free - put, put, 60);
		n_free -= put;
		while ((id = device_next(&d)) >= 0)
			held[n_held++] = (uint16_t)id;
		for (n = below(n_held + 1); n > 0; n--) {
			unsigned int pick = below(n_held);

			device_return(&d, held[pick], held[pick] + 1000u);
			held[pick] = held[--n_held];
		}
		/* where the next device would go on, whatever of it was taken back yet */
		half = packed ? d.used | (d.used_wrap ? 0x8000u : 0) : d.used;
		assert_int_equal(ring_left_at(&r), packed ? half | half << 16 : half);
		n = ring_take(&r, done, 1 + below(4), 1 + below(SIZE));
		for (unsigned int i = 0; i < n; i++) {
			assert_int_equal(done[i].len, done[i].id + 1000u);
			free[n_free++] = done[i].id;
		}
		total += n;
		assert_int_equal(n_free + r.held, SIZE);
		assert_false(r.broken);
	}
}

static void
test_split_exchange(void **state)
{
	exchange(false, true);
	exchange(false, false);
}

static void
test_packed_exchange(void **state)
{
	exchange(true, true);
	exchange(true, false);
}

static void
test_at_least(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct device d = start(packed, true);
		struct ring_done done[SIZE];

		ring_put(&r, r.free, SIZE, 60);
		for (int i = 0; i < 5; i++)
			device_return(&d, (uint32_t)device_next(&d), 1);
		assert_int_equal(ring_take(&r, done, 6, SIZE), 0);
		assert_int_equal(ring_take(&r, done, 5, 2), 2);
		assert_int_equal(ring_take(&r, done, 1, SIZE), 3);
		assert_int_equal(ring_take(&r, done, 1, SIZE), 0);
	}
}

/* What the device must not say: a buffer that does not exist, one it has not, one it returned already. */
static void
test_lies_break_the_ring(void **state)
{
	static const uint32_t lies[] = {SIZE, UINT16_MAX, UINT32_MAX, 9, 3};

	for (int packed = 0; packed < 2; packed++)
		for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
			struct device d = start(packed, true);
			struct ring_done done[SIZE];

			ring_put(&r, r.free, 8, 60); /* 0..7 */
			device_return(&d, 3, 1);
			assert_int_equal(ring_take(&r, done, 1, SIZE), 1);
			device_return(&d, lies[i], 1);
			assert_int_equal(ring_take(&r, done, 1, SIZE), 0);
			assert_true(r.broken);
			ring_put(&r, r.free + 8, 1, 60);
			assert_int_equal(r.held, 7); /* nothing moves any more */
		}
}

static void
test_index_jump_breaks_the_ring(void **state)
{
	struct ring_done done[SIZE];

	start(false, true);
	ring_put(&r, r.free, 4, 60);
	r.vr.used->idx = 5;
	assert_int_equal(ring_take(&r, done, 1, SIZE), 0);
	assert_true(r.broken);
}

/* A device that died before it wrote the first mark of a batch: it is still at that one. */
static void
test_a_batch_that_was_not_finished(void **state)
{
	struct device d = start(true, false);

	ring_put(&r, r.free, 6, 60);
	device_return(&d, 0, 0);
	device_return(&d, 1, 0);
	r.desc[1].flags = 1u << VRING_PACKED_DESC_F_AVAIL; /* not used after all */
	device_return(&d, 2, 0);
	assert_int_equal(ring_left_at(&r), 0x80018001u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_exchange),
		cmocka_unit_test(test_packed_exchange),
		cmocka_unit_test(test_at_least),
		cmocka_unit_test(test_lies_break_the_ring),
		cmocka_unit_test(test_index_jump_breaks_the_ring),
		cmocka_unit_test(test_a_batch_that_was_not_finished),
	};

	return cmocka_run_group_tests_name("bench_ring", tests, NULL, NULL);
}
