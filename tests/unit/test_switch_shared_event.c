/* SPDX-License-Identifier: Apache-2.0 */
/* Eventfds of a front end that means to hold us: each test hangs, and is ended, where one could. */
#include "vhost-user/shared_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vhost-user/overdue.h"
#include "vhost-user/ring.h"

static bool
blocking(int fd)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void
eventfds_only(void **state)
{
	int fd[5], good[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	fd[2] = memfd_create("eventfd", 0);
	fd[3] = timerfd_create(CLOCK_MONOTONIC, 0);
	fd[4] = open("/dev/null", O_RDWR);
	for (int i = 0; i < 5; i++) {
		assert_true(fd[i] >= 0);
		assert_int_equal(shared_event_check(fd[i]), -1);
		close(fd[i]);
		assert_int_equal(shared_event_check(fd[i]), -1);
	}
	assert_int_equal(shared_event_check(-1), -1);
	good[0] = eventfd(0, 0);
	good[1] = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(shared_event_check(good[i]), good[i]);
		assert_false(blocking(good[i]));
		close(good[i]);
	}
}

static void
draining_never_waits(void **state)
{
	int fd = eventfd(3, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_true(blocking(fd));
	assert_true(shared_event_drain(fd));
	assert_false(shared_event_drain(fd));
	assert_int_equal(shared_event_signal(fd), 0);
	assert_true(shared_event_drain(fd));
	close(fd);
}

/* A thread that is held in a call is freed, and then calls nobody of that front end any more. */
static void
who_holds_us_is_called_no_more(void **state)
{
	struct lane *lane = aligned_alloc(64, sizeof(*lane));
	struct ring r[2];
	struct overdue o;
	atomic_bool rude = false;
	int fd = eventfd(0, 0), free_fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	assert_non_null(lane);
	memset(lane, 0, sizeof(*lane));
	memset(r, 0, sizeof(r));
	r[0].rude = r[1].rude = &rude;
	r[0].call_fd = fd;
	r[1].call_fd = free_fd;
	lane->tid = gettid();
	assert_int_equal(overdue_start(&o, lane, 1), 0);
	ring_call(&r[1]);
	assert_int_equal(r[1].calls, 1);
	assert_int_equal(eventfd_write(fd, UINT64_MAX - 1), 0);
	ring_call(&r[0]);
	assert_true(r[0].broken);
	assert_int_equal(r[0].calls, 0);
	assert_true(rude);
	ring_call(&r[1]);
	assert_int_equal(r[1].calls, 1);
	assert_false(r[1].broken);
	overdue_stop(&o);
	close(fd);
	close(free_fd);
	free(lane);
}

/* Full, but not a blocking one: it has been signalled, which is all that it is for. */
static void
a_full_one_is_no_offence(void **state)
{
	atomic_bool rude = false;
	struct ring r = {.rude = &rude, .call_fd = eventfd(0, EFD_NONBLOCK)};

	(void)state;
	assert_int_equal(eventfd_write(r.call_fd, UINT64_MAX - 1), 0);
	ring_call(&r);
	assert_false(r.broken);
	assert_false(rude);
	close(r.call_fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eventfds_only),
		cmocka_unit_test(draining_never_waits),
		cmocka_unit_test(who_holds_us_is_called_no_more),
		cmocka_unit_test(a_full_one_is_no_offence),
	};

	alarm(30);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
