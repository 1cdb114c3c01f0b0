/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vhost-user front end: rings that are taken back, and what a back end is told of rings that come
 * later.
 */
#include "tests/unit/vmm_vhost_bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* --- taking rings back, with a back end in a thread --- */

struct threaded {
	struct back_end b;
	atomic_bool stop;
	pthread_t thread;
};

static void *
back_end_thread(void *arg)
{
	struct threaded *h = arg;

	while (!atomic_load(&h->stop))
		back_end_step(&h->b, 5);
	return NULL;
}

static void
rings_come_back(void **state)
{
	struct bench *t = *state;
	struct threaded h = {.stop = false};

	back_end_init(&h.b, BEHAVE, 0);
	start_rings(t, VU_RING_FEATURES, true, 2);
	connect_to(t, &h.b);
	settle(t, &h.b);
	assert_int_equal(pthread_create(&h.thread, NULL, back_end_thread, &h), 0);
	vhost_user_pause(&t->vu);
	assert_true(t->vu.up && !t->vu.dying);
	atomic_store(&h.stop, true);
	pthread_join(h.thread, NULL);
	assert_false(h.b.ring[0].running || h.b.ring[1].running);
	/* It goes on where the back end said it was. */
	vhost_user_resume(&t->vu);
	settle(t, &h.b);
	assert_int_equal(h.b.ring[0].base, 0x00770077);
	assert_int_equal(h.b.ring[0].kicks, 2);
	assert_int_equal(count_log(&h.b, VU_SET_MEM_TABLE), 1);
	/* A reset, and the driver comes again: from the beginning. */
	atomic_store(&h.stop, false);
	assert_int_equal(pthread_create(&h.thread, NULL, back_end_thread, &h), 0);
	vhost_user_stop(&t->vu);
	atomic_store(&h.stop, true);
	pthread_join(h.thread, NULL);
	start_rings(t, 1ull << 32, false, 2);
	settle(t, &h.b);
	assert_int_equal(h.b.ring[0].base, 0);
	assert_int_equal(h.b.got_features, 1ull << 32 | VU_F_PROTOCOL_FEATURES);
	assert_int_equal(t->downs, 0);
	close(h.b.fd);
	settle(t, NULL);
}

/* One that keeps the rings is cut off after VU_STOP_MS, and not much later. */
static void
rings_are_taken(void **state)
{
	struct bench *t = *state;
	struct back_end b;
	struct timespec t0, t1;
	long ms;

	back_end_init(&b, BEHAVE, 0);
	start_rings(t, VU_RING_FEATURES, true, 2);
	connect_to(t, &b);
	settle(t, &b);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	vhost_user_stop(&t->vu);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	ms = (t1.tv_sec - t0.tv_sec) * 1000 + (t1.tv_nsec - t0.tv_nsec) / 1000000;
	assert_true(ms >= VU_STOP_MS - 10 && ms < 3 * VU_STOP_MS);
	assert_int_equal(t->downs, 0); /* said by the loop, not here */
	settle(t, &b);
	assert_int_equal(t->downs, 1);
	assert_non_null(strstr(t->why, "did not let go"));
	assert_true(t->vu.fd < 0);
	if (b.fd >= 0)
		close(b.fd);
}

/* A ring that a driver enables late may be larger than those before: the back end's notes hold it too. */
static void
notes_hold_any_ring(void **state)
{
	struct bench *t = *state;
	struct back_end b;

	back_end_init(&b, BEHAVE, 0);
	start_rings(t, VU_RING_FEATURES, false, 2);
	connect_to(t, &b);
	settle(t, &b);
	assert_int_equal(b.inflight_set, 1);
	assert_true(b.inflight.queues >= 4);
	t->ring[2].size = VU_RING_SIZE_MAX;
	vhost_user_ring(&t->vu, 2, &t->ring[2]);
	vhost_user_go(&t->vu);
	settle(t, &b);
	assert_int_equal(b.ring[2].num, VU_RING_SIZE_MAX);
	assert_true(b.inflight.queue_size >= b.ring[2].num);
	close(b.fd);
	settle(t, NULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {T(rings_come_back), T(rings_are_taken),
					   T(notes_hold_any_ring)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
