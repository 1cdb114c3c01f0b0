/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policers over random traffic: never more than was declared, nearly all of it when there is enough to
 * send, and a change of rates that nobody gets a second burst out of. And storm control, likewise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "tests/unit/switch_burst.h"
#include "vhost-user/feat_police.h"
#include "vhost-user/feat_storm.h"

#define HZ 2000000000

static struct domains ds;

/*
 * The judge: bytes above rate * t + burst, in whatever window is worst. Counted in bytes times HZ, so
 * that it rounds nothing either.
 */
struct judge {
	__uint128_t level, worst;
	uint64_t last;
};

static void
judge_add(struct judge *j, uint64_t rate, uint64_t now, uint64_t bytes)
{
	__uint128_t drained = (__uint128_t)(now - j->last) * rate;

	j->level = j->level > drained ? j->level - drained : 0;
	j->last = now;
	j->level += (__uint128_t)bytes * HZ;
	if (j->level > j->worst)
		j->worst = j->level;
}

static uint64_t
judge_worst(const struct judge *j)
{
	return (uint64_t)((j->worst + HZ - 1) / HZ);
}

static struct swport *
police_port(struct port_policer in)
{
	const struct port_cfg cfg = {.network = "net", .police_in = in, .police_out = in};

	return burst_port(&ds, &cfg);
}

static void *
begin(const struct feature *f, struct swport *p, void *old)
{
	struct err e = {0};
	void *s = NULL;

	assert_true(f->wanted(p));
	assert_int_equal(f->make(p, old, &s, &e), 0);
	return s;
}

static uint32_t
random_len(void)
{
	return rand() % 2 ? 60 : 60 + (uint32_t)rand() % 1455;
}

static uint64_t
count_of(const struct swport *p, enum switch_drop cause)
{
	return counter_get(&p->count[0].drops[cause]);
}

/*
 * Offers @offered bytes a second for @seconds, in bursts; returns the bytes that passed. Green is what
 * is not counted as yellow, so bursts here are of one frame each when @green is asked for.
 */
static uint64_t
offer(const struct feature *f, struct swport *p, void *state, uint64_t offered, double seconds,
      struct judge *all, uint64_t all_rate, struct judge *green, uint64_t green_rate)
{
	static const uint8_t frame[1514];
	static struct test_burst t;
	uint64_t end = test_lane.now + (uint64_t)(seconds * HZ), passed = 0;

	while (test_lane.now < end) {
		uint64_t yellow = counter_get(&p->count[0].yellow), bytes = 0;
		uint32_t n = green ? 1 : 1 + (uint32_t)rand() % PKT_BURST;

		burst_begin(&t, p);
		for (uint32_t i = 0; i < n; i++)
			bytes += burst_add(&t, frame, random_len(), PKT_HEAD)->len;
		f->run(&t.b, state);
		for (uint32_t i = 0; i < n; i++) {
			if (t.cause[i] != NO_DROP)
				continue;
			passed += t.pkt[i].len;
			judge_add(all, all_rate, test_lane.now, t.pkt[i].len);
			if (green && counter_get(&p->count[0].yellow) == yellow)
				judge_add(green, green_rate, test_lane.now, t.pkt[i].len);
		}
		test_lane.now += (uint64_t)((double)bytes * HZ / (double)offered *
					    ((double)(rand() % 1000) / 500));
	}
	return passed;
}

static void
test_one_rate(void **state)
{
	static const struct port_policer c[] = {
		{.rate = 125000, .burst = 3000},
		{.rate = 1250000, .burst = 10000, .excess = 20000},
		{.rate = 125000000, .burst = 65536, .excess = 1000},
		{.rate = 1250000000, .burst = 1000000},
		{.rate = 12500000000, .burst = 4000000, .excess = 4000000},
	};

	srand(5);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		struct swport *p = police_port(c[i]);
		void *s = begin(&feat_police_in, p, NULL);
		struct judge all = {0}, green = {0};
		double seconds = 4e7 / (double)c[i].rate;
		uint64_t got, least;

		test_lane.now = HZ;
		all.last = green.last = HZ;
		got = offer(&feat_police_in, p, s, c[i].rate * 3, seconds, &all, c[i].rate, &green,
			    c[i].rate);
		assert_true(judge_worst(&all) <= c[i].burst + c[i].excess);
		assert_true(judge_worst(&green) <= c[i].burst);
		least = (uint64_t)((double)c[i].rate * seconds * 0.97);
		if (got < least)
			fail_msg("%zu: %lu of %lu bytes passed", i, got, least);
		assert_true(count_of(p, DROP_POLICED) > 0);
		assert_int_equal(counter_get(&p->count[0].yellow) > 0, c[i].excess > 0);
		feat_police_in.destroy(s);
		burst_port_free(&ds, p);
	}
}

static void
test_two_rates(void **state)
{
	static const struct port_policer c[] = {
		{.rate = 125000, .peak = 250000, .burst = 3000, .excess = 6000},
		{.rate = 12500000, .peak = 125000000, .burst = 30000, .excess = 20000},
	};

	srand(6);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		struct swport *p = police_port(c[i]);
		void *s = begin(&feat_police_out, p, NULL);
		struct judge all = {0}, green = {0};
		double seconds = 2e7 / (double)c[i].peak;
		uint64_t got;

		test_lane.now = HZ;
		all.last = green.last = HZ;
		got = offer(&feat_police_out, p, s, c[i].peak * 3, seconds, &all, c[i].peak, &green,
			    c[i].rate);
		assert_true(judge_worst(&all) <= c[i].excess);
		assert_true(judge_worst(&green) <= c[i].burst);
		assert_true(got >= (uint64_t)((double)c[i].peak * seconds * 0.97));
		assert_true(counter_get(&p->count[0].yellow) > 0);
		feat_police_out.destroy(s);
		burst_port_free(&ds, p);
	}
}

/* All that conforms passes: nothing is dropped below the rate. */
static void
test_conforming(void **state)
{
	struct swport *p = police_port((struct port_policer){.rate = 1000000, .burst = 60000});
	void *s = begin(&feat_police_in, p, NULL);
	struct judge all = {.last = HZ};

	srand(7);
	test_lane.now = HZ;
	offer(&feat_police_in, p, s, 900000, 20, &all, 1000000, &(struct judge){.last = HZ}, 1);
	assert_int_equal(count_of(p, DROP_POLICED), 0);
	feat_police_in.destroy(s);
	burst_port_free(&ds, p);
}

/* Changed a thousand times within a second, and never a new burst. */
static void
test_change(void **state)
{
	const struct port_policer slow = {.rate = 1000000, .burst = 20000};
	const struct port_policer fast = {.rate = 1100000, .burst = 20000};
	struct swport *p = police_port(slow);
	void *s = begin(&feat_police_in, p, NULL), *next;
	struct judge all = {.last = HZ};

	srand(8);
	test_lane.now = HZ;
	for (int i = 0; i < 1000; i++) {
		offer(&feat_police_in, p, s, 5000000, 0.001, &all, fast.rate, NULL, 0);
		p->cfg.police_in = i % 2 ? slow : fast;
		next = begin(&feat_police_in, p, s);
		feat_police_in.destroy(s);
		s = next;
	}
	assert_true(judge_worst(&all) <= fast.burst);
	/* the other kind of meter begins anew */
	p->cfg.police_in = (struct port_policer){1000000, 2000000, 20000, 20000};
	next = begin(&feat_police_in, p, s);
	feat_police_in.destroy(s);
	offer(&feat_police_in, p, next, 5000000, 0.001, &all, fast.rate, NULL, 0);
	feat_police_in.destroy(next);
	burst_port_free(&ds, p);
}

/* A lane on another CPU whose clock is a little behind gets no fortune. */
static void
test_clock_behind(void **state)
{
	struct swport *p = police_port((struct port_policer){.rate = 1000, .burst = 2000});
	void *s = begin(&feat_police_in, p, NULL);
	struct judge all = {.last = HZ};
	uint64_t got = 0;

	test_lane.now = HZ;
	for (int i = 0; i < 1000; i++) {
		test_lane.now = (uint64_t)(HZ + (i % 2 ? 0 : -1000));
		got += offer(&feat_police_in, p, s, 1000000000, 1e-9, &all, 1, NULL, 0);
	}
	assert_true(got <= 2000);
	feat_police_in.destroy(s);
	burst_port_free(&ds, p);
}

static void
test_storm(void **state)
{
	static const uint32_t rate[] = {1, 10, 40, 1000, 1000000, 1000000000};
	static const uint8_t unknown[6] = {2}, group[6] = {1},
			     all[6] = {255, 255, 255, 255, 255, 255};

	assert_int_equal(storm_kind(unknown), STORM_UNKNOWN);
	assert_int_equal(storm_kind(group), STORM_MULTICAST);
	assert_int_equal(storm_kind(all), STORM_BROADCAST);
	srand(9);
	for (size_t i = 0; i < ARRAY_SIZE(rate); i++) {
		const struct port_cfg cfg = {.network = "net", .storm = {0, rate[i], 0}};
		struct swport *p = burst_port(&ds, &cfg);
		struct judge j = {.last = HZ};
		uint64_t passed = 0, begun = HZ;

		assert_true(p->flags & SWPORT_STORM);
		test_lane.now = HZ;
		while (passed < 5000) {
			if (storm_allows(&test_lane, p, STORM_MULTICAST)) {
				judge_add(&j, rate[i], test_lane.now, 1);
				passed++;
			}
			assert_true(storm_allows(&test_lane, p, STORM_BROADCAST));
			test_lane.now += (uint64_t)(rand() % 20) * HZ / rate[i] / 100;
		}
		assert_true(judge_worst(&j) <= storm_burst(rate[i]));
		/* and nearly all of its rate: a bucket of one frame is full for a while each time */
		assert_true((double)(test_lane.now - begun) / HZ * rate[i] <= 5750);
		burst_port_free(&ds, p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_rate),     cmocka_unit_test(test_two_rates),
		cmocka_unit_test(test_conforming),   cmocka_unit_test(test_change),
		cmocka_unit_test(test_clock_behind), cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
