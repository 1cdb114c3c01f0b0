/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: dispatch, removal inside a callback, stop from another thread, its limit. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/loop.h"

struct source {
	struct loop *loop;
	int fd;
	int calls;
	struct source *kill;  /* removed when this one is called */
	struct source *reuse; /* takes over the slot of the one that was killed */
};

static void
ready(void *arg, uint32_t events)
{
	struct source *s = arg;
	uint64_t v;

	s->calls++;
	if (read(s->fd, &v, sizeof(v)) != sizeof(v))
		return;
	if (s->kill)
		loop_del(s->loop, s->kill->fd);
	if (s->reuse)
		assert_int_equal(loop_add(s->loop, s->reuse->fd, EPOLLIN, ready, s->reuse), 0);
	loop_stop(s->loop);
}

static struct source
make(struct loop *l, bool signalled)
{
	return (struct source){.loop = l, .fd = eventfd(signalled, EFD_NONBLOCK | EFD_CLOEXEC)};
}

static void
dispatches(void **state)
{
	struct loop l;
	struct source a, b;

	assert_int_equal(loop_init(&l), 0);
	a = make(&l, true);
	b = make(&l, false);
	assert_int_equal(loop_add(&l, a.fd, EPOLLIN, ready, &a), 0);
	assert_int_equal(loop_add(&l, b.fd, EPOLLIN, ready, &b), 0);
	assert_int_equal(loop_run(&l), 0);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
	loop_fini(&l);
	close(a.fd);
	close(b.fd);
}

/* Of two that are ready at once, the first called removes the other: that must not be called. */
static void
removal_in_a_callback(void **state)
{
	struct loop l;
	struct source a, b, c;

	assert_int_equal(loop_init(&l), 0);
	a = make(&l, true);
	b = make(&l, true);
	c = make(&l, false);
	a.kill = &b;
	b.kill = &a;
	a.reuse = b.reuse = &c;
	assert_int_equal(loop_add(&l, a.fd, EPOLLIN, ready, &a), 0);
	assert_int_equal(loop_add(&l, b.fd, EPOLLIN, ready, &b), 0);
	assert_int_equal(loop_run(&l), 0);
	assert_int_equal(a.calls + b.calls, 1);
	assert_int_equal(c.calls, 0);
	loop_fini(&l);
	close(a.fd);
	close(b.fd);
	close(c.fd);
}

static void *
stop_it(void *arg)
{
	usleep(20000);
	loop_stop(arg);
	return NULL;
}

static void
stops_from_a_thread(void **state)
{
	struct loop l;
	pthread_t t;

	assert_int_equal(loop_init(&l), 0);
	assert_int_equal(pthread_create(&t, NULL, stop_it, &l), 0);
	assert_int_equal(loop_run(&l), 0);
	pthread_join(t, NULL);
	assert_int_equal(loop_run(&l), 0); /* stays stopped */
	loop_fini(&l);
	loop_fini(&l);
}

static void
has_a_limit(void **state)
{
	struct source s[LOOP_SOURCES_MAX];
	struct loop l;
	int n = 0;

	assert_int_equal(loop_init(&l), 0);
	for (; n < LOOP_SOURCES_MAX; n++) {
		s[n] = make(&l, false);
		if (loop_add(&l, s[n].fd, EPOLLIN, ready, &s[n]) < 0)
			break;
	}
	assert_int_equal(n, LOOP_SOURCES_MAX - 1); /* one is the loop's own */
	assert_int_equal(loop_add(&l, s[n].fd, EPOLLIN, ready, &s[n]), -ENOSPC);
	loop_del(&l, s[0].fd);
	assert_int_equal(loop_add(&l, s[n].fd, EPOLLIN, ready, &s[n]), 0);
	loop_fini(&l);
	for (int i = 0; i <= n; i++)
		close(s[i].fd);
}

static void
refuses(void **state)
{
	struct loop l;
	struct source a;

	assert_int_equal(loop_init(&l), 0);
	a = make(&l, false);
	assert_int_equal(loop_add(&l, -1, EPOLLIN, ready, &a), -EBADF);
	assert_int_equal(loop_change(&l, a.fd, EPOLLIN), -ENOENT);
	assert_int_equal(loop_add(&l, a.fd, EPOLLIN, ready, &a), 0);
	assert_int_equal(loop_add(&l, a.fd, EPOLLIN, ready, &a), -EEXIST);
	assert_int_equal(loop_change(&l, a.fd, 0), 0);
	loop_del(&l, -1);
	loop_del(&l, a.fd);
	loop_del(&l, a.fd);
	loop_fini(&l);
	close(a.fd);
}

/* What rests is not heard, though its event is there; the others are; then it is heard again. */
static void
rests(void **state)
{
	struct loop l;
	struct source tired, other;
	struct timespec from, to;
	int64_t ms;

	assert_int_equal(loop_init(&l), 0);
	tired = make(&l, true);
	other = make(&l, true);
	assert_int_equal(loop_add(&l, tired.fd, EPOLLIN, ready, &tired), 0);
	assert_int_equal(loop_add(&l, other.fd, EPOLLIN, ready, &other), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	loop_rest(&l, tired.fd, EPOLLIN, 50);
	assert_int_equal(loop_run(&l), 0);
	assert_int_equal(tired.calls, 0);
	assert_int_equal(other.calls, 1);
	atomic_store(&l.stop, false);
	assert_int_equal(loop_run(&l), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_int_equal(tired.calls, 1);
	assert_true(ms >= 49);
	assert_int_equal(l.resting, 0);
	loop_rest(&l, tired.fd, EPOLLIN, 50);
	loop_del(&l, tired.fd);
	assert_int_equal(l.resting, 0);
	loop_fini(&l);
	close(tired.fd);
	close(other.fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dispatches),
		cmocka_unit_test(removal_in_a_callback),
		cmocka_unit_test(stops_from_a_thread),
		cmocka_unit_test(has_a_limit),
		cmocka_unit_test(refuses),
		cmocka_unit_test(rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
