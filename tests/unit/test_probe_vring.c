/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver side of a virtqueue against a device written here from the specification (virtio 1.2,
 * 2.7 and 2.8): honest ones, in any order of completion, and dishonest ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "bench/probe/vring.h"

#define SIZE 16

static struct vring v;
static void *mem;

struct held { /* a buffer that the device has taken */
	uint16_t id, n;
	struct vseg seg[VRING_SEGS_MAX];
};

static struct device {
	uint16_t avail, used; /* split: indices; packed: places */
	bool avail_wrap, used_wrap;
	struct held held[SIZE];
	unsigned int n_held;
} dev;

static void
start(bool packed, bool indirect)
{
	size_t bytes = vring_bytes(SIZE, packed, indirect);

	free(mem);
	mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	memset(mem, 0, bytes);
	vring_init(&v, mem, SIZE, packed, indirect);
	dev = (struct device){.avail_wrap = true, .used_wrap = true};
}

static int
done(void **state)
{
	free(mem);
	mem = NULL;
	return 0;
}

static void
add_seg(struct held *h, uint64_t addr, uint32_t len, uint16_t flags)
{
	assert_true(h->n < VRING_SEGS_MAX);
	h->seg[h->n++] = (struct vseg){addr, len, flags & VDESC_WRITE};
}

static void
read_table(struct held *h, uint64_t addr, uint32_t len)
{
	const struct vdesc *s = (const struct vdesc *)(uintptr_t)addr;
	const struct vdesc_packed *p = (const struct vdesc_packed *)(uintptr_t)addr;

	assert_int_equal(len % 16, 0);
	for (unsigned int i = 0; i < len / 16; i++) {
		if (v.packed) {
			assert_int_equal(p[i].flags & ~VDESC_WRITE, 0);
			add_seg(h, p[i].addr, p[i].len, p[i].flags);
			continue;
		}
		add_seg(h, s[i].addr, s[i].len, s[i].flags);
		assert_int_equal(!!(s[i].flags & VDESC_NEXT), i + 1 < len / 16);
		assert_true(!(s[i].flags & VDESC_NEXT) || s[i].next == i + 1);
	}
}

/* Takes the next available buffer; false when there is none. */
static bool
take_split(void)
{
	const struct vdesc *d = v.desc;
	struct held h = {0};
	uint16_t at;

	if (dev.avail == v.driver[1])
		return false;
	h.id = at = v.driver[2 + dev.avail++ % SIZE];
	for (;;) {
		assert_true(at < SIZE);
		if (d[at].flags & VDESC_INDIRECT)
			read_table(&h, d[at].addr, d[at].len);
		else
			add_seg(&h, d[at].addr, d[at].len, d[at].flags);
		if (!(d[at].flags & VDESC_NEXT))
			break;
		at = d[at].next;
	}
	dev.held[dev.n_held++] = h;
	return true;
}

static bool
take_packed(void)
{
	const struct vdesc_packed *d = v.desc;
	struct held h = {0};
	uint16_t flags;

	flags = d[dev.avail].flags;
	if (!!(flags & VDESC_AVAIL) != dev.avail_wrap || !!(flags & VDESC_USED) == dev.avail_wrap)
		return false;
	do {
		flags = d[dev.avail].flags;
		assert_int_equal(!!(flags & VDESC_AVAIL), dev.avail_wrap);
		assert_int_not_equal(!!(flags & VDESC_USED), dev.avail_wrap);
		if (flags & VDESC_INDIRECT)
			read_table(&h, d[dev.avail].addr, d[dev.avail].len);
		else
			add_seg(&h, d[dev.avail].addr, d[dev.avail].len, flags);
		h.id = d[dev.avail].id;
		if (++dev.avail == SIZE) {
			dev.avail = 0;
			dev.avail_wrap = !dev.avail_wrap;
		}
	} while (flags & VDESC_NEXT);
	dev.held[dev.n_held++] = h;
	return true;
}

static bool
device_take(void)
{
	return v.packed ? take_packed() : take_split();
}

/* Writes a used entry as it is told, whether or not it is true. @slots: how far the place moves. */
static void
use(uint16_t id, uint32_t len, uint16_t slots)
{
	if (v.packed) {
		struct vdesc_packed *d = (struct vdesc_packed *)v.desc + dev.used;

		d->id = id;
		d->len = len;
		d->flags = dev.used_wrap ? VDESC_AVAIL | VDESC_USED | VDESC_WRITE : VDESC_WRITE;
		dev.used = (uint16_t)(dev.used + slots);
		if (dev.used >= SIZE) {
			dev.used = (uint16_t)(dev.used - SIZE);
			dev.used_wrap = !dev.used_wrap;
		}
		return;
	}
	memcpy(&v.device[2 + dev.used % SIZE * 4], &(uint32_t[2]){id, len}, 8);
	v.device[1] = ++dev.used;
}

static uint32_t
writable(const struct held *h)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < h->n; i++)
		n += h->seg[i].write ? h->seg[i].len : 0;
	return n;
}

/* Completes a buffer that the device holds, any of them. */
static struct held
device_complete(void)
{
	unsigned int i = (unsigned int)rand() % dev.n_held;
	struct held h = dev.held[i];

	dev.held[i] = dev.held[--dev.n_held];
	use(h.id, writable(&h), v.indirect ? 1 : h.n);
	return h;
}

static unsigned int
some_buffer(struct vseg *segs, uint64_t tag)
{
	unsigned int n = 1 + (unsigned int)rand() % VRING_SEGS_MAX;
	unsigned int out = (unsigned int)rand() % (n + 1);

	for (unsigned int i = 0; i < n; i++)
		segs[i] = (struct vseg){tag * 16 + i, 1 + (uint32_t)rand() % 1000, i >= out};
	return n;
}

static void
random_traffic(bool packed, bool indirect)
{
	struct vseg want[SIZE][VRING_SEGS_MAX];
	unsigned int n_want[SIZE] = {0}, out = 0;
	uint64_t tag = 1, finished = 0;

	start(packed, indirect);
	while (finished < 20000) {
		struct vseg segs[VRING_SEGS_MAX];
		unsigned int n = some_buffer(segs, tag);
		uint16_t before = v.n_free, id;
		int got = vring_add(&v, segs, n);
		uint32_t len;

		assert_true((got >= 0) == (before >= (indirect ? 1 : n)));
		if (got >= 0) {
			assert_in_range(got, 0, SIZE - 1);
			assert_int_equal(n_want[got], 0);
			memcpy(want[got], segs, sizeof(segs));
			n_want[got] = n;
			tag++;
			out++;
		}
		if (rand() % 3 == 0)
			continue;
		vring_publish(&v);
		while (rand() % 4 && device_take())
			;
		while (dev.n_held && rand() % 4)
			device_complete();
		while (vring_get(&v, &id, &len)) {
			uint32_t expected = 0;

			assert_true(n_want[id] > 0);
			for (unsigned int i = 0; i < n_want[id]; i++)
				expected += want[id][i].write ? want[id][i].len : 0;
			assert_int_equal(len, expected);
			n_want[id] = 0;
			out--;
			finished++;
		}
		assert_null(v.broken);
		assert_int_equal(v.n_out, out);
		for (unsigned int i = 0; i < dev.n_held; i++) {
			const struct held *h = &dev.held[i];

			assert_int_equal(h->n, n_want[h->id]);
			for (uint16_t k = 0; k < h->n; k++) {
				assert_int_equal(h->seg[k].addr, want[h->id][k].addr);
				assert_int_equal(h->seg[k].len, want[h->id][k].len);
				assert_int_equal(h->seg[k].write, want[h->id][k].write);
			}
		}
	}
}

static void
test_split(void **state)
{
	random_traffic(false, false);
}

static void
test_split_indirect(void **state)
{
	random_traffic(false, true);
}

static void
test_packed(void **state)
{
	random_traffic(true, false);
}

static void
test_packed_indirect(void **state)
{
	random_traffic(true, true);
}

static const struct vseg in = {4096, 100, true};

static void
expect_offence(const char *what)
{
	uint32_t len;
	uint16_t id;

	assert_false(vring_get(&v, &id, &len));
	assert_non_null(v.broken);
	assert_non_null(strstr(v.broken, what));
	/* Nothing works any more. */
	assert_int_equal(vring_add(&v, &in, 1), -1);
	assert_false(vring_get(&v, &id, &len));
}

static void
one_buffer(bool packed)
{
	start(packed, false);
	assert_int_equal(vring_add(&v, &in, 1), 0);
	vring_publish(&v);
	assert_true(device_take());
}

static void
test_offences(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		uint32_t len;
		uint16_t id;

		one_buffer(packed);
		use(SIZE, 1, 1);
		expect_offence("did not have");
		one_buffer(packed);
		use(0xffff, 1, 1);
		expect_offence("did not have");
		one_buffer(packed);
		use(3, 1, 1); /* a good id that is not out */
		expect_offence("did not have");
		one_buffer(packed);
		use(0, 101, 1);
		expect_offence("more than the buffer holds");
		one_buffer(packed);
		use(0, 0xffffffff, 1);
		expect_offence("more than the buffer holds");
		one_buffer(packed);
		assert_int_equal(vring_add(&v, &in, 1), 1);
		use(0, 100, 1);
		assert_true(vring_get(&v, &id, &len));
		use(0, 100, 1); /* twice */
		expect_offence("did not have");
	}
	/* Only split rings have an index that can run ahead. */
	one_buffer(false);
	v.device[1] = 2;
	expect_offence("ahead");
	one_buffer(false);
	v.device[1] = 0xffff;
	expect_offence("ahead");
}

/* What one device says with NO_NOTIFY, the other says in its event suppression structure. */
static void
test_kick_wishes(void **state)
{
	start(false, false);
	assert_true(vring_wants_kick(&v));
	v.device[0] = 1;
	assert_false(vring_wants_kick(&v));
	start(true, false);
	assert_true(vring_wants_kick(&v));
	v.device[1] = 1;
	assert_false(vring_wants_kick(&v));
	v.device[1] = 2;
	assert_true(vring_wants_kick(&v));
}

static void
test_interrupt_wishes(void **state)
{
	start(false, false);
	assert_int_equal(v.driver[0], 1);
	vring_interrupts(&v, true);
	assert_int_equal(v.driver[0], 0);
	start(true, false);
	assert_int_equal(v.driver[1], 1);
	vring_interrupts(&v, true);
	assert_int_equal(v.driver[1], 0);
}

/* Split: nothing is to be seen before vring_publish(). */
static void
test_publish(void **state)
{
	start(false, false);
	vring_add(&v, &in, 1);
	assert_false(device_take());
	assert_int_equal(v.unshown, 1);
	vring_publish(&v);
	assert_int_equal(v.unshown, 0);
	assert_true(device_take());
	assert_false(device_take());
}

static void
test_refused_arguments(void **state)
{
	struct vseg many[VRING_SEGS_MAX + 1] = {{0}};

	start(false, false);
	assert_int_equal(vring_add(&v, many, 0), -1);
	assert_int_equal(vring_add(&v, many, VRING_SEGS_MAX + 1), -1);
	assert_int_equal(v.n_free, SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_split, done),
		cmocka_unit_test_teardown(test_split_indirect, done),
		cmocka_unit_test_teardown(test_packed, done),
		cmocka_unit_test_teardown(test_packed_indirect, done),
		cmocka_unit_test_teardown(test_offences, done),
		cmocka_unit_test_teardown(test_kick_wishes, done),
		cmocka_unit_test_teardown(test_interrupt_wishes, done),
		cmocka_unit_test_teardown(test_publish, done),
		cmocka_unit_test_teardown(test_refused_arguments, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
