/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings whose drivers break the rules. What must hold: no access outside the fake memory, an end, and
 * -EPROTO that stays.
 */
#include "tests/unit/vmm_driver.h"

#include <errno.h>

static void
must_break(bool packed, void (*spoil)(struct driver *), const char *why)
{
	struct fake *f = fake_new();
	struct virtq vq;
	struct driver d;
	struct virtq_buffer b;

	driver_init(&d, &f->vm.mem, packed);
	assert_int_equal(virtq_init(&vq, &f->vm.mem, &queue, FEATURES(packed, 0)), 0);
	driver_add(&d, &(struct seg){DATA, 8, false}, 1);
	spoil(&d);
	assert_int_equal(virtq_pop(&vq, &b), -EPROTO);
	assert_string_equal(vq.broken, why);
	/* It stays so, whatever the ring says now. */
	driver_init(&d, &f->vm.mem, packed);
	assert_int_equal(virtq_pop(&vq, &b), -EPROTO);
	assert_false(virtq_listen(&vq));
	assert_false(virtq_wants_signal(&vq));
	fake_free(f);
}

static void
spoil_loop(struct driver *d)
{
	struct split_desc *t = at(d, DESC);

	t[0].flags = DESC_NEXT;
	t[0].next = 0;
	t[0].len = 0;
}

static void
spoil_long(struct driver *d)
{
	struct split_desc *t = at(d, DESC);

	t[0].flags = DESC_NEXT;
	t[0].next = 0;
}

static void
spoil_next(struct driver *d)
{
	struct split_desc *t = at(d, DESC);

	t[0].flags = DESC_NEXT;
	t[0].next = SIZE;
}

static void
spoil_head(struct driver *d)
{
	((struct split_avail *)at(d, DRIVER))->ring[0] = 0xffff;
}

static void
spoil_index(struct driver *d)
{
	((struct split_avail *)at(d, DRIVER))->idx = SIZE + 1;
}

static void
spoil_addr(struct driver *d)
{
	((struct split_desc *)at(d, DESC))[0].addr = FAKE_LOW - 4;
}

static void
spoil_addr_wrap(struct driver *d)
{
	((struct split_desc *)at(d, DESC))[0].addr = ~0ull - 3;
}

static void
spoil_order(struct driver *d)
{
	struct split_desc *t = at(d, DESC);

	t[0].flags = DESC_NEXT | DESC_WRITE;
	t[0].next = 1;
	t[1] = (struct split_desc){DATA, 8, 0, 0};
}

static void
indirect(struct driver *d, uint64_t addr, uint32_t len, uint16_t more)
{
	if (d->packed) {
		struct packed_desc *p = at(d, DESC);

		p[0].addr = addr;
		p[0].len = len;
		p[0].flags = (uint16_t)(DESC_AVAIL | DESC_INDIRECT | more);
	} else {
		struct split_desc *t = at(d, DESC);

		t[0] = (struct split_desc){addr, len, (uint16_t)(DESC_INDIRECT | more), 0};
	}
}

static void
spoil_table_odd(struct driver *d)
{
	indirect(d, TABLES, 17, 0);
}

static void
spoil_table_empty(struct driver *d)
{
	indirect(d, TABLES, 0, 0);
}

static void
spoil_table_huge(struct driver *d)
{
	indirect(d, TABLES, 0xfffffff0u, 0);
}

static void
spoil_table_outside(struct driver *d)
{
	indirect(d, GPA_HIGH_RAM + FAKE_HIGH - 8, 16, 0);
}

static void
spoil_table_next(struct driver *d)
{
	indirect(d, TABLES, 16, DESC_NEXT);
}

static void
spoil_nested(struct driver *d)
{
	struct split_desc *t = at(d, TABLES);

	/* The same bytes are an indirect descriptor in both layouts but for the last four. */
	memset(t, 0, 16);
	t->addr = TABLES;
	t->len = 16;
	if (d->packed)
		((struct packed_desc *)t)->flags = DESC_INDIRECT;
	else
		t->flags = DESC_INDIRECT;
	indirect(d, TABLES, 16, 0);
}

static void
spoil_packed_loop(struct driver *d)
{
	struct packed_desc *p = at(d, DESC);

	for (unsigned int i = 0; i < SIZE; i++)
		p[i] = (struct packed_desc){DATA, 0, 0, DESC_AVAIL | DESC_NEXT};
}

static void
spoil_packed_sum(struct driver *d)
{
	struct packed_desc *p = at(d, DESC);

	p[0] = (struct packed_desc){DATA, 0xffffffffu, 0, DESC_AVAIL};
}

static void
rules(void **state)
{
	must_break(false, spoil_loop, "a chain that loops");
	must_break(false, spoil_long, "a chain that loops");
	must_break(false, spoil_next, "a descriptor index outside its table");
	must_break(false, spoil_head, "a descriptor index outside its table");
	must_break(false, spoil_index, "an available index that jumped");
	must_break(false, spoil_addr, "a buffer outside RAM");
	must_break(false, spoil_addr_wrap, "a buffer outside RAM");
	must_break(false, spoil_order, "a readable buffer after a writable one");
	must_break(true, spoil_packed_loop, "a chain longer than the queue");
	must_break(true, spoil_packed_sum, "a buffer outside RAM");
	for (int packed = 0; packed < 2; packed++) {
		must_break(packed, spoil_table_odd, "an indirect table of a bad length");
		must_break(packed, spoil_table_empty, "an indirect table of a bad length");
		must_break(packed, spoil_table_huge, "an indirect table longer than the queue");
		must_break(packed, spoil_table_outside, "an indirect table outside RAM");
		must_break(packed, spoil_table_next, "an indirect descriptor inside a chain");
		must_break(packed, spoil_nested, "an indirect descriptor inside a chain");
	}
}

static void
not_negotiated(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct fake *f = fake_new();
		struct virtq vq;
		struct driver d;
		struct virtq_buffer b;

		driver_init(&d, &f->vm.mem, packed);
		assert_int_equal(virtq_init(&vq, &f->vm.mem, &queue,
					    FEATURES(packed, 0) & ~VIRTIO_F_INDIRECT),
				 0);
		driver_add(&d, &(struct seg){DATA, 8, false}, 1);
		indirect(&d, TABLES, 16, 0);
		assert_int_equal(virtq_pop(&vq, &b), -EPROTO);
		assert_string_equal(vq.broken, "an indirect descriptor that was not negotiated");
		fake_free(f);
	}
}

/* A ring that is not one: refused before anything is read. */
static void
bad_rings(void **state)
{
	static const struct virtio_queue bad[] = {
		{.size = 0, .desc = DESC, .driver = DRIVER, .device = DEVICE},
		{.size = 0xffff, .desc = DESC, .driver = DRIVER, .device = DEVICE},
		{.size = SIZE, .desc = DESC + 8, .driver = DRIVER, .device = DEVICE},
		{.size = SIZE, .desc = DESC, .driver = DRIVER + 1, .device = DEVICE},
		{.size = SIZE, .desc = DESC, .driver = DRIVER, .device = DEVICE + 2},
		{.size = SIZE, .desc = FAKE_LOW - 16, .driver = DRIVER, .device = DEVICE},
		{.size = SIZE, .desc = ~0ull & ~15ull, .driver = DRIVER, .device = DEVICE},
		{.size = SIZE, .desc = DESC, .driver = FAKE_LOW, .device = DEVICE},
		{.size = SIZE, .desc = DESC, .driver = DRIVER, .device = GPA_HIGH_RAM - 4},
	};
	struct fake *f = fake_new();
	struct virtio_queue odd = queue;
	struct virtq_buffer b;
	struct virtq vq;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		for (int packed = 0; packed < 2; packed++) {
			assert_int_equal(virtq_init(&vq, &f->vm.mem, &bad[i], FEATURES(packed, 1)),
					 -EINVAL);
			assert_int_equal(virtq_pop(&vq, &b), -EPROTO);
		}
	odd.size = 15;
	assert_int_equal(virtq_init(&vq, &f->vm.mem, &odd, FEATURES(0, 0)), -EINVAL);
	assert_int_equal(virtq_init(&vq, &f->vm.mem, &odd, FEATURES(1, 0)), 0);
	fake_free(f);
}

/* Rings of noise, by the hundred; what is popped is inside RAM and within bounds. */
static void
noise(void **state)
{
	struct fake *f = fake_new();
	unsigned int popped = 0, broken = 0;

	for (uint64_t seed = 0; seed < 600; seed++) {
		struct rnd r = {seed};
		struct virtq vq;
		uint8_t *m = mem_at(&f->vm.mem, DESC, 0x4000);

		for (unsigned int i = 0; i < 0x4000; i++)
			m[i] = rnd_to(&r, 3) ? 0 : (uint8_t)rnd(&r);
		/* Much of it makes sense, so that chains live a while. */
		for (unsigned int i = 0; i < SIZE; i++) {
			struct split_desc *t = mem_at(&f->vm.mem, DESC + 16 * i, 16);
			struct packed_desc *p = (struct packed_desc *)t;

			t->addr = rnd_to(&r, 9) ? DATA + rnd_to(&r, 4096) : rnd(&r);
			t->len = rnd_to(&r, 9) ? rnd_to(&r, 4096) & ~15u : (uint32_t)rnd(&r);
			t->flags = (uint16_t)(rnd_to(&r, 9) ? rnd_to(&r, 4) : rnd(&r));
			t->next = (uint16_t)rnd_to(&r, SIZE + 1);
			if (seed & 1)
				p->flags = (uint16_t)((rnd_to(&r, 9) ? rnd_to(&r, 4) : rnd(&r)) |
						      DESC_AVAIL);
		}
		if (!(seed & 1)) {
			struct split_avail *a = mem_at(&f->vm.mem, DRIVER, 64);

			a->idx = (uint16_t)rnd_to(&r, SIZE + 2);
			for (unsigned int i = 0; i < SIZE; i++)
				a->ring[i] = (uint16_t)rnd_to(&r, SIZE + 1);
		}
		assert_int_equal(virtq_init(&vq, &f->vm.mem, &queue, FEATURES(seed & 1, seed & 2)),
				 0);
		for (unsigned int i = 0; i < 64; i++) {
			struct virtq_buffer b;
			int ret = virtq_pop(&vq, &b);

			if (ret < 0) {
				broken++;
				break;
			}
			if (ret == 0)
				break;
			popped++;
			assert_true(b.n_out + b.n_in <= SIZE && b.slots <= SIZE);
			for (unsigned int k = 0; k < b.n_out + b.n_in; k++) {
				const uint8_t *p = b.iov[k].iov_base;
				const struct mem_region *a = &f->vm.mem.region[0];
				const struct mem_region *c = &f->vm.mem.region[1];

				assert_true(
					(p >= a->hva && p + b.iov[k].iov_len <= a->hva + a->size) ||
					(p >= c->hva && p + b.iov[k].iov_len <= c->hva + c->size));
			}
			virtq_push(&vq, &(struct virtq_used){b.id, b.slots, b.in_len}, 1);
			virtq_wants_signal(&vq);
			virtq_listen(&vq);
		}
	}
	assert_true(popped > 100 && broken > 100);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(not_negotiated),
		cmocka_unit_test(bad_rings),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
