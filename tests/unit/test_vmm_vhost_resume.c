/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a dead back end was in a ring: a simulated driver and device run a random number of steps, the
 * device dies, and what vmm/vhost_resume finds in the ring is compared with where the device was.
 */
#include "tests/unit/vmm_fake.h"

#include "vmm/vhost_resume.h"

#define AVAIL 0x0080u
#define USED  0x8000u
#define N_MAX 64

struct sim {
	unsigned int n;
	uint16_t flags[N_MAX];
	uint64_t avail, used; /* descriptors, ever; lap is position / n */
};

static uint16_t
mark(const struct sim *s, uint64_t position, bool is_used)
{
	bool lap = position / s->n % 2 == 0;

	return (uint16_t)((lap ? AVAIL : 0u) | (lap == is_used ? USED : 0u));
}

static void
sim_run(struct sim *s, struct rnd *r, unsigned int steps)
{
	while (steps--) {
		if (rnd_to(r, 2) && s->avail - s->used < s->n) {
			s->flags[s->avail % s->n] = mark(s, s->avail, false);
			s->avail++;
		} else if (s->used < s->avail) {
			s->flags[s->used % s->n] = mark(s, s->used, true);
			s->used++;
		}
	}
}

static void
packed_matches(void **state)
{
	unsigned int wrapped = 0, full = 0, empty = 0;

	for (uint64_t seed = 0; seed < 20000; seed++) {
		struct rnd r = {seed};
		struct sim s = {.n = 1 + rnd_to(&r, N_MAX)};
		bool hole[N_MAX];
		struct vhost_packed_position p;

		sim_run(&s, &r, rnd_to(&r, 6 * N_MAX));
		p = vhost_packed_scan(s.flags, s.n, hole);
		assert_int_equal(p.next, s.used % s.n);
		assert_int_equal(p.wrap, s.used / s.n % 2 == 0);
		for (unsigned int i = 0; i < s.n; i++)
			assert_false(hole[i]);
		wrapped += s.used / s.n > 1;
		full += s.avail - s.used == s.n;
		empty += s.avail == s.used;
	}
	assert_true(wrapped > 100 && full > 100 && empty > 100);
}

/*
 * A batch whose first mark was not written: the device had used descriptors behind one that still
 * looks available. That one, and only that one, is a hole; the position is behind the batch.
 */
static void
holes_are_found(void **state)
{
	unsigned int found = 0;

	for (uint64_t seed = 0; seed < 5000; seed++) {
		struct rnd r = {seed};
		struct sim s = {.n = 2 + rnd_to(&r, N_MAX - 1)};
		bool hole[N_MAX];
		struct vhost_packed_position p;
		uint64_t first;

		sim_run(&s, &r, rnd_to(&r, 6 * N_MAX));
		if (s.avail - s.used < 2)
			continue;
		first = s.used;
		s.used += 2 + rnd_to(&r, (uint32_t)(s.avail - s.used - 1));
		for (uint64_t i = first + 1; i < s.used; i++)
			s.flags[i % s.n] = mark(&s, i, true);
		p = vhost_packed_scan(s.flags, s.n, hole);
		assert_int_equal(p.next, s.used % s.n);
		assert_int_equal(p.wrap, s.used / s.n % 2 == 0);
		for (unsigned int i = 0; i < s.n; i++)
			assert_int_equal(hole[i], i == first % s.n);
		found++;
	}
	assert_true(found > 1000);
}

/* The base's layout on the wire, and a hole that is completed in the ring. */
static void
packed_base(void **state)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t id, flags;
	} ring[4] = {{1, 100, 7, AVAIL}, {2, 200, 8, AVAIL | USED}, {3, 300, 9, AVAIL}, {0}};
	uint32_t events[2] = {0};
	const struct vhost_user_ring r = {.size = 4,
					  .desc = ring,
					  .driver = &events[0],
					  .device = &events[1]};

	assert_int_equal(vhost_resume_base(&r, true, true), 0x80028002u);
	assert_int_equal(ring[0].flags, AVAIL | USED);
	assert_int_equal(ring[0].len, 0);
	assert_int_equal(ring[0].id, 7);
	assert_int_equal(ring[2].flags, AVAIL);
}

static void
fresh_and_split(void **state)
{
	uint64_t ring[2 * 8] = {0};
	uint16_t used[32] = {0, 0x1234};
	const struct vhost_user_ring r = {.size = 8, .desc = ring, .driver = used, .device = used};

	assert_int_equal(vhost_resume_base(&r, true, true), 0x80008000u);
	assert_int_equal(vhost_resume_base(&r, false, true), 0x1234);
}

/* Whatever a guest wrote there: a position inside the ring. */
static void
noise(void **state)
{
	for (uint64_t seed = 0; seed < 5000; seed++) {
		struct rnd r = {seed};
		uint16_t flags[N_MAX];
		bool hole[N_MAX];
		unsigned int n = 1 + rnd_to(&r, N_MAX);

		for (unsigned int i = 0; i < n; i++)
			flags[i] = (uint16_t)rnd(&r);
		assert_true(vhost_packed_scan(flags, n, hole).next < n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_matches), cmocka_unit_test(holes_are_found),
		cmocka_unit_test(packed_base),    cmocka_unit_test(fresh_and_split),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
