/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings: a driver of the test's own, split and packed, against vmm/virtq; then drivers that break
 * every rule. What must hold with a hostile one: no access outside the fake memory (it is mapped with
 * nothing around it that a sanitizer would not see), an end, and -EPROTO that stays.
 */
#include "tests/unit/vmm_fake.h"

#include <errno.h>

#include "vmm/virtq.h"
#include "vmm/virtq_ring.h"

#define SIZE   16
#define DESC   0x10000u
#define DRIVER 0x12000u
#define DEVICE 0x13000u
#define DATA   0x20000u
#define TABLES 0x40000u
#define FEATURES(packed, event)                                                                    \
	(((packed) ? VIRTIO_F_RING_PACKED : 0) | ((event) ? VIRTIO_F_EVENT_IDX : 0) |              \
	 VIRTIO_F_INDIRECT | VIRTIO_F_VERSION_1)

struct seg {
	uint64_t addr;
	uint32_t len;
	bool write;
};

/* The driver's side. */
struct driver {
	struct mem *mem;
	bool packed;
	uint16_t next, free; /* split: avail index; packed: position */
	bool wrap;
	uint16_t used;
	bool used_wrap;
	uint16_t slots[SIZE]; /* packed: by buffer id */
	uint16_t next_id;
};

static void *
at(struct driver *d, uint64_t gpa)
{
	return mem_at(d->mem, gpa, 1);
}

static void
driver_init(struct driver *d, struct mem *m, bool packed)
{
	*d = (struct driver){.mem = m, .packed = packed, .wrap = true, .used_wrap = true};
	memset(mem_at(m, DESC, 0x4000), 0, 0x4000);
}

static void
split_add(struct driver *d, const struct seg *s, unsigned int n)
{
	struct split_desc *t = at(d, DESC);
	struct split_avail *a = at(d, DRIVER);
	uint16_t head = (uint16_t)(d->free % SIZE);

	for (unsigned int i = 0; i < n; i++) {
		uint16_t k = (uint16_t)(d->free++ % SIZE);

		t[k] = (struct split_desc){s[i].addr, s[i].len,
					   (uint16_t)((i + 1 < n ? DESC_NEXT : 0) |
						      (s[i].write ? DESC_WRITE : 0)),
					   (uint16_t)(d->free % SIZE)};
	}
	a->ring[d->next % SIZE] = head;
	a->idx = ++d->next;
}

static void
packed_add(struct driver *d, const struct seg *s, unsigned int n)
{
	struct packed_desc *t = at(d, DESC);
	uint16_t id = (uint16_t)(d->next_id++ % SIZE);

	d->slots[id] = (uint16_t)n;
	for (unsigned int i = 0; i < n; i++) {
		t[d->next] = (struct packed_desc){s[i].addr, s[i].len, id,
						  (uint16_t)((i + 1 < n ? DESC_NEXT : 0) |
							     (s[i].write ? DESC_WRITE : 0) |
							     (d->wrap ? DESC_AVAIL : DESC_USED))};
		if (++d->next == SIZE) {
			d->next = 0;
			d->wrap = !d->wrap;
		}
	}
}

static void
driver_add(struct driver *d, const struct seg *s, unsigned int n)
{
	if (d->packed)
		packed_add(d, s, n);
	else
		split_add(d, s, n);
}

/* The next used buffer's length, or -1. */
static int64_t
driver_get(struct driver *d)
{
	if (!d->packed) {
		struct split_used *u = at(d, DEVICE);

		if (u->idx == d->used)
			return -1;
		return u->ring[d->used++ % SIZE].len;
	}
	struct packed_desc *t = (struct packed_desc *)at(d, DESC) + d->used;
	bool a = t->flags & DESC_AVAIL, u = t->flags & DESC_USED;

	if (a != d->used_wrap || u != d->used_wrap)
		return -1;
	d->used = (uint16_t)(d->used + d->slots[t->id]);
	if (d->used >= SIZE) {
		d->used = (uint16_t)(d->used - SIZE);
		d->used_wrap = !d->used_wrap;
	}
	return t->len;
}

static const struct virtio_queue queue = {
	.size = SIZE, .enabled = true, .desc = DESC, .driver = DRIVER, .device = DEVICE};

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
		unsigned int n = 1 + rnd_to(&r, 4), n_out = rnd_to(&r, n + 1);
		struct seg s[4];
		uint32_t out_len = 0, in_len = 0;
		char text[64], got[64] = {0};

		for (unsigned int i = 0; i < n; i++) {
			s[i] = (struct seg){DATA + 64 * i, 1 + rnd_to(&r, 16), i >= n_out};
			*(i < n_out ? &out_len : &in_len) += s[i].len;
			memset(at(&d, s[i].addr), (int)('a' + i), s[i].len);
		}
		if (indirect) {
			struct split_desc *t = at(&d, TABLES);
			struct packed_desc *p = at(&d, TABLES);

			for (unsigned int i = 0; i < n; i++) {
				uint16_t flags = s[i].write ? DESC_WRITE : 0;

				if (packed)
					p[i] = (struct packed_desc){s[i].addr, s[i].len, 0, flags};
				else
					t[i] = (struct split_desc){
						s[i].addr, s[i].len,
						(uint16_t)(flags | (i + 1 < n ? DESC_NEXT : 0)),
						(uint16_t)(i + 1)};
			}
			driver_add(&d, &(struct seg){TABLES, 16 * n, false}, 1);
			if (packed) {
				unsigned int last = (d.next + SIZE - 1u) % SIZE;

				((struct packed_desc *)at(&d, DESC))[last].flags |= DESC_INDIRECT;
			} else {
				((struct split_desc *)at(&d, DESC))[(d.free - 1u) % SIZE].flags |=
					DESC_INDIRECT;
			}
		} else {
			driver_add(&d, s, n);
		}
		assert_int_equal(virtq_pop(&vq, &b), 1);
		assert_int_equal(b.out_len, out_len);
		assert_int_equal(b.in_len, in_len);
		assert_int_equal(virtq_copy_out(b.iov, b.n_out, 0, got, sizeof(got)), out_len);
		for (unsigned int i = 0, k = 0; i < n_out; i++)
			for (unsigned int j = 0; j < s[i].len; j++)
				assert_int_equal(got[k++], 'a' + (char)i);
		memset(text, 'Z', sizeof(text));
		assert_int_equal(virtq_copy_in(b.iov + b.n_out, b.n_in, 0, text, sizeof(text)),
				 in_len);
		if (in_len)
			assert_int_equal(*(char *)at(&d, s[n - 1].addr + s[n - 1].len - 1), 'Z');
		assert_int_equal(virtq_pop(&vq, &b), 0);
		assert_int_equal(driver_get(&d), -1);
		virtq_push(&vq, &(struct virtq_used){b.id, b.slots, in_len}, 1);
		assert_int_equal(driver_get(&d), in_len);
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

/* --- drivers that break the rules --- */

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
		{.size = 512, .desc = DESC, .driver = DRIVER, .device = DEVICE},
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
		cmocka_unit_test(all_traffic), cmocka_unit_test(batches),
		cmocka_unit_test(flags),       cmocka_unit_test(events),
		cmocka_unit_test(rules),       cmocka_unit_test(not_negotiated),
		cmocka_unit_test(bad_rings),   cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
