/* SPDX-License-Identifier: Apache-2.0 */
/* Rings: a driver of the test's own, split and packed, against vmm/virtq. */
#include "tests/unit/vmm_driver.h"

/* A random chain: @ret_out pieces that read 'a', 'b', ..., then the others. Returns how many. */
static unsigned int
make_chain(struct driver *d, struct rnd *r, struct seg *s, unsigned int *ret_out)
{
	unsigned int n = 1 + rnd_to(r, 4);

	*ret_out = rnd_to(r, n + 1);
	for (unsigned int i = 0; i < n; i++) {
		s[i] = (struct seg){DATA + 64 * i, 1 + rnd_to(r, 16), i >= *ret_out};
		memset(at(d, s[i].addr), (int)('a' + i), s[i].len);
	}
	return n;
}

/* The same chain through an indirect table. */
static void
add_indirect(struct driver *d, const struct seg *s, unsigned int n)
{
	struct split_desc *t = at(d, TABLES);
	struct packed_desc *p = at(d, TABLES);

	for (unsigned int i = 0; i < n; i++) {
		uint16_t flags = s[i].write ? DESC_WRITE : 0;

		if (d->packed)
			p[i] = (struct packed_desc){s[i].addr, s[i].len, 0, flags};
		else
			t[i] = (struct split_desc){s[i].addr, s[i].len,
						   (uint16_t)(flags | (i + 1 < n ? DESC_NEXT : 0)),
						   (uint16_t)(i + 1)};
	}
	driver_add(d, &(struct seg){TABLES, 16 * n, false}, 1);
	if (d->packed)
		((struct packed_desc *)at(d, DESC))[(d->next + SIZE - 1u) % SIZE].flags |=
			DESC_INDIRECT;
	else
		((struct split_desc *)at(d, DESC))[(d->free - 1u) % SIZE].flags |= DESC_INDIRECT;
}

/* What came out is what went in; what we write gets there. */
static void
check_buffer(struct driver *d, const struct virtq_buffer *b, const struct seg *s, unsigned int n,
	     unsigned int n_out)
{
	uint32_t out_len = 0, in_len = 0;
	char got[64] = {0}, text[64];
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++)
		*(i < n_out ? &out_len : &in_len) += s[i].len;
	assert_int_equal(b->out_len, out_len);
	assert_int_equal(b->in_len, in_len);
	assert_int_equal(virtq_copy_out(b->iov, b->n_out, 0, got, sizeof(got)), out_len);
	for (unsigned int i = 0; i < n_out; i++)
		for (unsigned int j = 0; j < s[i].len; j++)
			assert_int_equal(got[k++], 'a' + (char)i);
	memset(text, 'Z', sizeof(text));
	assert_int_equal(virtq_copy_in(b->iov + b->n_out, b->n_in, 0, text, sizeof(text)), in_len);
	if (in_len)
		assert_int_equal(*(char *)at(d, s[n - 1].addr + s[n - 1].len - 1), 'Z');
}

/* Random chains in and out, for many laps: every byte arrives, lengths come back in order. */
static void
traffic(bool packed, bool event, bool indirect)
{
	struct fake *f = fake_new();
	struct virtq vq;
	struct driver d;
	struct virtq_buffer b;
	struct rnd r = {packed * 4u + event * 2u + indirect};

	driver_init(&d, &f->vm.mem, packed);
	assert_int_equal(virtq_init(&vq, &f->vm.mem, &queue, FEATURES(packed, event)), 0);
	for (unsigned int turn = 0; turn < 2000; turn++) {
		struct virtq_used u;
		struct seg s[4];
		unsigned int n_out, n = make_chain(&d, &r, s, &n_out);

		if (indirect)
			add_indirect(&d, s, n);
		else
			driver_add(&d, s, n);
		assert_int_equal(virtq_pop(&vq, &b), 1);
		check_buffer(&d, &b, s, n, n_out);
		u = (struct virtq_used){b.id, b.slots, b.in_len};
		assert_int_equal(virtq_pop(&vq, &b), 0);
		assert_int_equal(driver_get(&d), -1);
		virtq_push(&vq, &u, 1);
		assert_int_equal(driver_get(&d), u.len);
		assert_int_equal(driver_get(&d), -1);
	}
	assert_null(vq.broken);
	fake_free(f);
}

static void
all_traffic(void **state)
{
	for (unsigned int i = 0; i < 8; i++)
		traffic(i & 1, i & 2, i & 4);
}

/* Several buffers given back at once are in order; a rewound one comes again. */
static void
batches(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct fake *f = fake_new();
		struct virtq vq;
		struct driver d;
		struct virtq_buffer b;

		driver_init(&d, &f->vm.mem, packed);
		assert_int_equal(virtq_init(&vq, &f->vm.mem, &queue, FEATURES(packed, 0)), 0);
		for (unsigned int turn = 0; turn < 100; turn++) {
			struct virtq_used u[5];
			struct virtq_position before = vq.avail;

			for (uint32_t i = 0; i < 5; i++)
				driver_add(&d, &(struct seg){DATA + 64 * i, i + 1, true}, 1);
			assert_int_equal(virtq_pop(&vq, &b), 1);
			assert_int_equal(virtq_pop(&vq, &b), 1);
			virtq_rewind(&vq, before);
			for (uint32_t i = 0; i < 5; i++) {
				assert_int_equal(virtq_pop(&vq, &b), 1);
				assert_int_equal(b.in_len, i + 1);
				u[i] = (struct virtq_used){b.id, b.slots, i + 1};
			}
			virtq_push(&vq, u, 5);
			for (uint32_t i = 0; i < 5; i++)
				assert_int_equal(driver_get(&d), i + 1);
			assert_int_equal(driver_get(&d), -1);
		}
		fake_free(f);
	}
}

/* 2.7.7, 2.7.10: interrupts and kicks by flag. */
static void
flags(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct fake *f = fake_new();
		struct virtq vq;
		struct driver d;
		struct virtq_buffer b;
		uint16_t *driver, *device;

		driver_init(&d, &f->vm.mem, packed);
		driver = at(&d, DRIVER + (packed ? 2 : 0));
		device = at(&d, DEVICE + (packed ? 2 : 0));
		assert_int_equal(virtq_init(&vq, &f->vm.mem, &queue, FEATURES(packed, 0)), 0);
		assert_false(virtq_wants_signal(&vq)); /* nothing happened */
		for (int quiet = 0; quiet < 2; quiet++) {
			*driver = (uint16_t)quiet;
			driver_add(&d, &(struct seg){DATA, 8, true}, 1);
			assert_int_equal(virtq_pop(&vq, &b), 1);
			virtq_push(&vq, &(struct virtq_used){b.id, b.slots, 0}, 1);
			assert_int_equal(virtq_wants_signal(&vq), !quiet);
			assert_false(virtq_wants_signal(&vq));
		}
		virtq_quiet(&vq);
		assert_int_equal(*device, 1);
		assert_false(virtq_listen(&vq));
		assert_int_equal(*device, 0);
		driver_add(&d, &(struct seg){DATA, 8, true}, 1);
		assert_true(virtq_listen(&vq));
		fake_free(f);
	}
}

/* EVENT_IDX: a signal exactly when the used position passes the driver's event. */
static void
events(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct fake *f = fake_new();
		struct virtq vq;
		struct driver d;
		struct virtq_buffer b;
		struct rnd r = {(uint64_t)packed};
		uint64_t used = 0; /* buffers, each one slot */
		uint64_t event = 3;

		driver_init(&d, &f->vm.mem, packed);
		assert_int_equal(virtq_init(&vq, &f->vm.mem, &queue, FEATURES(packed, 1)), 0);
		for (unsigned int turn = 0; turn < 5000; turn++) {
			unsigned int n = 1 + rnd_to(&r, SIZE - 1);
			bool want = event >= used && event < used + n;

			if (packed) {
				struct packed_event *e = at(&d, DRIVER);

				e->flags = EVENT_DESC;
				e->off_wrap = (uint16_t)(event % SIZE |
							 (event / SIZE % 2 ? 0u : 0x8000u));
			} else {
				((struct split_avail *)at(&d, DRIVER))->ring[SIZE] =
					(uint16_t)event;
			}
			for (unsigned int i = 0; i < n; i++) {
				driver_add(&d, &(struct seg){DATA, 8, true}, 1);
				assert_int_equal(virtq_pop(&vq, &b), 1);
				virtq_push(&vq, &(struct virtq_used){b.id, b.slots, 0}, 1);
				assert_int_equal(driver_get(&d), 0);
			}
			used += n;
			assert_int_equal(virtq_wants_signal(&vq), want);
			if (want || event < used)
				event = used + rnd_to(&r, SIZE - 1);
		}
		fake_free(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_traffic),
		cmocka_unit_test(batches),
		cmocka_unit_test(flags),
		cmocka_unit_test(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
