/* SPDX-License-Identifier: Apache-2.0 */
/* Which thread serves which port: near its memory, away from a busy thread, and not to and fro. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "vhost-user/switch.h"

#define HZ 1000000

static struct lane_switch sw;
static uint32_t moves;
static uint64_t now;

/* Stands in for switch.c's: nothing has to be published here. */
int
switch_move(struct lane_switch *s, struct swport *p, uint32_t lane)
{
	assert_int_not_equal(p->lane, lane);
	assert_true(lane < s->n_lanes);
	p->lane = lane;
	moves++;
	return 0;
}

static int
setup(void **state)
{
	sw.n_lanes = 2;
	sw.lopsided = 0;
	sw.balanced = HZ;
	moves = 0;
	now = HZ;
	for (uint32_t i = 0; i < LANES_MAX; i++) {
		sw.lane[i].tsc_hz = HZ;
		sw.lane[i].node = 0;
	}
	return 0;
}

static int
teardown(void **state)
{
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		free(sw.fwd.slot[i]);
		sw.fwd.slot[i] = NULL;
		sw.busy_before[i] = 0;
	}
	return 0;
}

static struct swport *
add(uint32_t slot)
{
	const struct port_cfg cfg = {.mtu = 1500, .queues = 1};
	struct swport *p = swport_make(&cfg, 1u << SWITCH_SLOT_BITS | slot, sw.n_lanes);

	assert_non_null(p);
	p->lane = switch_choose_lane(&sw, -1);
	sw.fwd.slot[slot] = p;
	return p;
}

/* A second in which slot i was worked on for @percent[i] of the time. */
static void
second(const uint32_t *percent, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (sw.fwd.slot[i])
			counter_add(&sw.fwd.slot[i]->busy, (uint64_t)percent[i] * HZ / 100);
	now += HZ;
	switch_balance(&sw, now);
}

static void
seconds(uint32_t times, const uint32_t *percent, uint32_t n)
{
	while (times--)
		second(percent, n);
}

static void
test_new_ports_are_spread(void **state)
{
	uint32_t count[2] = {0};

	for (uint32_t i = 0; i < 10; i++)
		count[add(i)->lane]++;
	assert_int_equal(count[0], 5);
	assert_int_equal(count[1], 5);
}

static void
test_near_their_memory(void **state)
{
	const uint32_t idle[2] = {0};
	struct swport *p = add(0), *q = add(1);

	sw.lane[1].node = 1;
	assert_int_equal(p->lane, 0);
	p->node = 1;
	q->node = 1;
	second(idle, 2);
	assert_int_equal(p->lane, 1);
	assert_int_equal(q->lane, 1);
	/* and it stays there, however busy that thread is, while no other is near */
	seconds(10, (const uint32_t[]){50, 50}, 2);
	assert_int_equal(p->lane, 1);
	assert_int_equal(q->lane, 1);
	assert_int_equal(moves, 1);
	/* nowhere is near: anywhere */
	p->node = 7;
	seconds(3, idle, 2);
	assert_int_equal(moves, 1);
}

static void
test_busy_ports_part(void **state)
{
	struct swport *p[4];

	for (uint32_t i = 0; i < 4; i++)
		p[i] = add(i);
	/* 0 and 2 share thread 0 */
	assert_int_equal(p[0]->lane, 0);
	assert_int_equal(p[2]->lane, 0);
	seconds(2, (const uint32_t[]){60, 0, 35, 0}, 4);
	assert_int_equal(moves, 0); /* not for a moment's sake */
	seconds(1, (const uint32_t[]){60, 0, 35, 0}, 4);
	assert_int_equal(moves, 1);
	assert_int_not_equal(p[0]->lane, p[2]->lane);
	seconds(60, (const uint32_t[]){60, 0, 35, 0}, 4);
	assert_int_equal(moves, 1); /* nor back */
}

static void
test_nothing_to_gain(void **state)
{
	struct swport *p = add(0);

	add(1);
	add(2);
	/* one port that needs a whole thread: where it is does not matter */
	seconds(20, (const uint32_t[]){99, 0, 0}, 3);
	/* threads with time left */
	seconds(20, (const uint32_t[]){20, 0, 25}, 3);
	/* now and then only */
	for (int i = 0; i < 20; i++) {
		second((const uint32_t[]){60, 0, 35}, 3);
		second((const uint32_t[]){0, 0, 35}, 3);
	}
	assert_int_equal(moves, 0);
	/* who placed it by hand has the last word */
	p->pinned = true;
	sw.fwd.slot[2]->pinned = true;
	seconds(20, (const uint32_t[]){60, 0, 35}, 3);
	assert_int_equal(moves, 0);
}

static void
test_one_thread(void **state)
{
	sw.n_lanes = 1;
	add(0);
	add(1);
	seconds(5, (const uint32_t[]){90, 10}, 2);
	assert_int_equal(moves, 0);
}

int
main(void)
{
#define BALANCE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		BALANCE_TEST(test_new_ports_are_spread), BALANCE_TEST(test_near_their_memory),
		BALANCE_TEST(test_busy_ports_part),      BALANCE_TEST(test_nothing_to_gain),
		BALANCE_TEST(test_one_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
