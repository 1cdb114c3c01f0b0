/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of frames against a list; the shaper over random traffic: it keeps the order within a
 * priority, lets the highest go first, never exceeds its rate by more than a burst, loses only what it
 * counts, and keeps what waits when it is changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "tests/unit/switch_burst.h"
#include "vhost-user/feat_queue.h"
#include "vhost-user/feat_shape.h"
#include "vhost-user/send.h"

#define HZ     2000000000
#define FRAMES 4096

static struct domains ds;

static void
fill(uint8_t *frame, uint32_t len, uint32_t serial)
{
	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(serial * 31 + i * 7 + (i >> 8));
}

static void
test_queue(void **state)
{
	static uint8_t frame[65600], want[65600], got[65600];
	static uint32_t len[FRAMES];
	uint32_t in = 0, out = 0, refused = 0;
	struct frame_queue q;
	struct pkt pkt = {0};

	srand(1);
	assert_int_equal(frame_queue_init(&q, 70000), 0);
	assert_int_equal(frame_queue_next(&q), 0);
	assert_false(frame_queue_pop(&q, &pkt));
	for (int step = 0; step < 200000; step++) {
		uint32_t bytes =
			rand() % 50 ? 60 + (uint32_t)rand() % 1455 : (uint32_t)rand() % 65600;
		bool filling = step / 300 % 2;

		if (rand() % 3 >= (filling ? 1 : 2)) {
			uint32_t head = MIN_OF(bytes, 16), body = (bytes - head) / 2;
			const struct pkt_seg more = {frame + head + body, bytes - head - body};

			fill(frame, bytes, in);
			pkt = (struct pkt){.head = frame,
					   .head_len = (uint16_t)head,
					   .body = frame + head,
					   .body_len = body,
					   .more = &more,
					   .n_more = 1,
					   .len = bytes,
					   .domain = (uint16_t)in,
					   .pcp = in & 7};
			if (frame_queue_push(&q, &pkt)) {
				len[in++ % FRAMES] = bytes;
				assert_true(in - out < FRAMES);
			} else {
				refused++;
				assert_true(q.bytes + bytes > q.limit * 3 / 4);
			}
			continue;
		}
		assert_int_equal(frame_queue_next(&q), in == out ? 0 : len[out % FRAMES]);
		if (in == out)
			continue;
		assert_true(frame_queue_pop(&q, &pkt));
		assert_int_equal(pkt.len, len[out % FRAMES]);
		assert_int_equal(pkt.domain, out & 0xffff);
		assert_int_equal(pkt.pcp, out & 7);
		assert_int_equal(pkt.head_len, MIN_OF(pkt.len, PKT_DEEP));
		fill(want, pkt.len, out++);
		pkt_copy(&pkt, got);
		assert_memory_equal(got, want, pkt.len);
	}
	assert_true(refused > 1000 && in > 50000);
	frame_queue_fini(&q);
}

/* What came out of the shaper, at once or later. */
static struct {
	uint32_t n, next[SHAPE_QUEUES]; /* serial of the next frame of this priority */
	uint64_t bytes;
	__uint128_t level, worst; /* bytes times HZ above the rate */
	uint64_t last;
	uint64_t rate;
} out;

static void
came_out(const struct pkt *pkt)
{
	__uint128_t drained = (__uint128_t)(test_lane.now - out.last) * out.rate;
	uint32_t serial;

	out.level = out.level > drained ? out.level - drained : 0;
	out.level += (__uint128_t)pkt->len * HZ;
	out.worst = MAX_OF(out.worst, out.level);
	out.last = test_lane.now;
	memcpy(&serial, pkt->head + 12, sizeof(serial));
	assert_true(serial >= out.next[pkt->pcp]);
	out.next[pkt->pcp] = serial + 1;
	out.n++;
	out.bytes += pkt->len;
}

uint32_t
send_put(struct lane *lane, struct swport *port, struct pkt *const *pkt, uint32_t n)
{
	int last = SHAPE_QUEUES;

	assert_true(n > 0 && n <= PKT_BURST);
	for (uint32_t i = 0; i < n; i++) {
		came_out(pkt[i]);
		if (port->cfg.strict)
			assert_true(pkt[i]->pcp <= last);
		last = pkt[i]->pcp;
	}
	return n;
}

static struct swport *
shaped_port(struct port_policer shape, bool strict)
{
	const struct port_cfg cfg = {.network = "net", .shape_out = shape, .strict = strict};

	memset(&out, 0, sizeof(out));
	test_lane.now = out.last = HZ;
	out.rate = shape.rate;
	return burst_port(&ds, &cfg);
}

static void *
change(struct swport *p, void *old)
{
	struct err e = {0};
	void *s = NULL;

	if (feat_shape.wanted(p))
		assert_int_equal(feat_shape.make(p, old, &s, &e), 0);
	if (old)
		feat_shape.destroy(old);
	return s;
}

static uint32_t serial;

/* A burst of @n frames of one priority, or of random ones when @pcp is -1. */
static void
offer(struct swport *p, void *s, uint32_t n, int pcp)
{
	static uint8_t frame[PKT_BURST][1514];
	static struct test_burst t;

	burst_begin(&t, p);
	for (uint32_t i = 0; i < n; i++) {
		struct pkt *pkt;

		serial++;
		memcpy(frame[i] + 12, &serial, sizeof(serial));
		pkt = burst_add(&t, frame[i], 60 + (uint32_t)rand() % 1455, PKT_HEAD);
		pkt->pcp = (uint8_t)(pcp < 0 ? rand() % 8 : pcp);
		pkt->flags = PKT_TAGGED;
	}
	feat_shape.run(&t.b, s);
	for (uint32_t i = 0; i < n; i++)
		if (t.b.alive >> i & 1)
			came_out(&t.pkt[i]);
}

static void
later(struct swport *p, void *s, uint64_t ticks)
{
	test_lane.now += ticks;
	feat_shape.round(&test_lane, p, s);
}

static uint64_t
lost(struct swport *p)
{
	struct port_stats st;

	swport_stats(p, &st);
	return st.drops[DROP_SHAPED];
}

static void
test_rate(void **state)
{
	static const struct port_policer c[] = {
		{.rate = 125000, .burst = 2000},
		{.rate = 1250000, .burst = 10000},
		{.rate = 125000000, .burst = 65536, .excess = 1000000},
		{.rate = 5000000000, .burst = 20000},
	};

	srand(2);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(c); i++) {
		const struct port_policer *want = &c[i / 2];
		struct swport *p = shaped_port(*want, i % 2);
		void *s = change(p, NULL);
		uint32_t offered = 0;

		serial = 0;
		for (int k = 0; k < 20000; k++) {
			uint32_t n = 1 + (uint32_t)rand() % PKT_BURST;

			/* twice what it lets through, on average */
			for (uint32_t m = 0; m < 2 * n; m++)
				later(p, s, UINT64_C(200) * HZ / want->rate);
			offer(p, s, n, -1);
			offered += n;
		}
		assert_true((uint64_t)((out.worst + HZ - 1) / HZ) <= want->burst);
		/* busy all the time: nothing of its rate is lost */
		assert_true((double)out.bytes >=
			    (double)(test_lane.now - HZ) / HZ * (double)want->rate * 0.999);
		assert_true(lost(p) > 0);
		for (int k = 0; k < 200000 && out.n + lost(p) < offered; k++)
			later(p, s, HZ / 100);
		assert_int_equal(out.n + lost(p), offered);
		feat_shape.destroy(s);
		burst_port_free(&ds, p);
	}
}

/* Nothing waits and nothing is copied below the rate. */
static void
test_below(void **state)
{
	struct swport *p =
		shaped_port((struct port_policer){.rate = 1000000, .burst = 50000}, true);
	void *s = change(p, NULL);

	serial = 0;
	for (uint32_t k = 1; k <= 1000; k++) {
		offer(p, s, 32, -1);
		assert_int_equal(out.n, k * 32);
		test_lane.now += HZ / 20;
	}
	feat_shape.destroy(s);
	burst_port_free(&ds, p);
}

/* A frame is let go when it is due, not a round earlier or later. */
static void
test_due(void **state)
{
	struct swport *p =
		shaped_port((struct port_policer){.rate = 1000000, .burst = 1600}, false);
	void *s = change(p, NULL);
	uint64_t begun = test_lane.now, sum = 0;
	uint32_t n = 0;

	serial = 0;
	for (int k = 0; k < 3; k++)
		offer(p, s, 10, 0);
	while (out.n < 30) {
		later(p, s, HZ / 1000000);
		if (out.n == n)
			continue;
		n = out.n;
		sum = out.bytes;
		/* what went is what the time allows, but for the first burst */
		assert_true((test_lane.now - begun) * 1000000 / HZ + 1600 >= sum);
	}
	assert_true((test_lane.now - begun) * 1000000 / HZ + 1600 <= sum + 1600 + 2);
	feat_shape.destroy(s);
	burst_port_free(&ds, p);
}

static void
test_strict(void **state)
{
	struct swport *p = shaped_port((struct port_policer){.rate = 100000, .burst = 1600}, true);
	void *s = change(p, NULL);
	uint32_t before;

	serial = 0;
	for (int k = 0; k < 6; k++)
		offer(p, s, 10, 1); /* far above the rate */
	before = out.next[1];
	offer(p, s, 3, 6);
	/* all of 6 leave before one more of 1 */
	while (out.next[6] != serial + 1) {
		assert_int_equal(out.next[1], before);
		later(p, s, HZ / 10000);
	}
	later(p, s, HZ);
	assert_true(out.next[1] > before);
	assert_int_equal(lost(p), 0);
	feat_shape.destroy(s);
	burst_port_free(&ds, p);
}

static void
test_change(void **state)
{
	struct swport *p = shaped_port((struct port_policer){.rate = 100000, .burst = 1600}, false);
	void *s = change(p, NULL);
	uint32_t n;

	serial = 0;
	out.rate = 450000;
	srand(3);
	for (int k = 0; k < 500; k++) {
		offer(p, s, 1, rand() % 8);
		p->cfg.shape_out.rate = k % 2 ? 350000 : 450000;
		p->cfg.shape_out.excess = k % 3 ? 0 : 200000;
		p->cfg.strict = k % 5 == 0;
		s = change(p, s);
		later(p, s, HZ / 500);
	}
	assert_true((uint64_t)(out.worst / HZ) <= 1600);
	later(p, s, HZ / 10);
	for (int k = 0; k < 50; k++)
		later(p, s, HZ);
	assert_int_equal(out.n + lost(p), 500);
	assert_int_equal(lost(p), 0);
	/* a shaper that is taken away says what waited in it */
	for (int k = 0; k < 3; k++)
		offer(p, s, 10, 0);
	n = out.n;
	p->cfg.shape_out.rate = 0;
	assert_null(change(p, s));
	assert_int_equal(lost(p), 530 - n);
	burst_port_free(&ds, p);
}

/* What waits goes when the lane is emptied, highest first, and what comes then does not wait. */
static void
test_emptied(void **state)
{
	struct swport *p = shaped_port((struct port_policer){.rate = 100000, .burst = 1600}, true);
	void *s = change(p, NULL);

	serial = 0;
	for (int k = 0; k < 4; k++)
		offer(p, s, 10, 1);
	offer(p, s, 10, 6);
	assert_true(out.n < 10);
	test_lane.emptied = true;
	feat_shape.round(&test_lane, p, s);
	assert_int_equal(out.n, 50);
	offer(p, s, 10, 1);
	assert_int_equal(out.n, 60);
	test_lane.emptied = false;
	assert_int_equal(lost(p), 0);
	feat_shape.destroy(s);
	assert_int_equal(lost(p), 0);
	burst_port_free(&ds, p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),   cmocka_unit_test(test_rate),
		cmocka_unit_test(test_below),   cmocka_unit_test(test_due),
		cmocka_unit_test(test_strict),  cmocka_unit_test(test_change),
		cmocka_unit_test(test_emptied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
