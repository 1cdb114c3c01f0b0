/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"

#define BATCH 16

static int
find(const struct loop *l, int fd)
{
	for (int i = 0; i < LOOP_SOURCES_MAX; i++)
		if (l->source[i].fd == fd)
			return i;
	return -1;
}

/* A slot and the fd it had when it was armed: an event of a source that is gone is told by it. */
static uint64_t
tag(int slot, int fd)
{
	return (uint64_t)(uint32_t)slot << 32 | (uint32_t)fd;
}

static int
control(struct loop *l, int op, int slot, uint32_t events)
{
	struct epoll_event ev = {.events = events};
	int fd = l->source[slot].fd;

	ev.data.u64 = tag(slot, fd);
	return epoll_ctl(l->epfd, op, fd, &ev) < 0 ? -errno : 0;
}

int
loop_add(struct loop *l, int fd, uint32_t events, void (*ready)(void *, uint32_t), void *arg)
{
	int slot = find(l, -1), r;

	if (fd < 0)
		return -EBADF;
	if (slot < 0)
		return -ENOSPC;
	l->source[slot] = (struct loop_source){.fd = fd, .ready = ready, .arg = arg};
	r = control(l, EPOLL_CTL_ADD, slot, events);
	if (r < 0)
		l->source[slot].fd = -1;
	return r;
}

static void
end_rest(struct loop *l, int slot)
{
	if (l->source[slot].rest_ns)
		l->resting--;
	l->source[slot].rest_ns = 0;
}

int
loop_change(struct loop *l, int fd, uint32_t events)
{
	int slot = fd < 0 ? -1 : find(l, fd);

	if (slot < 0)
		return -ENOENT;
	end_rest(l, slot);
	return control(l, EPOLL_CTL_MOD, slot, events);
}

void
loop_rest(struct loop *l, int fd, uint32_t events, unsigned int ms)
{
	int slot = fd < 0 ? -1 : find(l, fd);

	if (slot < 0 || loop_change(l, fd, 0) < 0)
		return;
	l->source[slot].events = events;
	l->source[slot].rest_ns = clock_now_ns() + ms * 1000000ull;
	l->resting++;
}

/* Wakes the sources that rested long enough. Milliseconds to the next one, or -1. */
static int
wake_rested(struct loop *l)
{
	uint64_t now, next = UINT64_MAX;

	if (!l->resting)
		return -1;
	now = clock_now_ns();
	for (int i = 0; i < LOOP_SOURCES_MAX; i++) {
		struct loop_source *s = &l->source[i];

		if (s->fd < 0 || !s->rest_ns)
			continue;
		if (s->rest_ns > now)
			next = MIN_OF(next, s->rest_ns);
		else
			loop_change(l, s->fd, s->events);
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / 1000000 + 1);
}

void
loop_del(struct loop *l, int fd)
{
	int slot = fd < 0 ? -1 : find(l, fd);

	if (slot < 0)
		return;
	end_rest(l, slot);
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, fd, NULL);
	l->source[slot] = (struct loop_source){.fd = -1};
}

static void
drain_wake(void *arg, uint32_t events)
{
	struct loop *l = arg;
	uint64_t n;

	if (read(l->wakefd, &n, sizeof(n)) < 0)
		return; /* somebody drained it before: the stop flag is what counts */
}

int
loop_init(struct loop *l)
{
	int r;

	atomic_init(&l->stop, false);
	l->resting = 0;
	for (int i = 0; i < LOOP_SOURCES_MAX; i++)
		l->source[i] = (struct loop_source){.fd = -1};
	l->wakefd = -1;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return -errno;
	l->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = l->wakefd < 0 ? -errno : loop_add(l, l->wakefd, EPOLLIN, drain_wake, l);
	if (r < 0)
		loop_fini(l);
	return r;
}

void
loop_fini(struct loop *l)
{
	if (l->wakefd >= 0)
		close(l->wakefd);
	if (l->epfd >= 0)
		close(l->epfd);
	l->wakefd = l->epfd = -1;
}

static void
dispatch(struct loop *l, const struct epoll_event *ev)
{
	const struct loop_source *s = &l->source[ev->data.u64 >> 32];

	/* An earlier callback of this batch may have removed the source. */
	if (s->fd >= 0 && s->fd == (int)(uint32_t)ev->data.u64)
		s->ready(s->arg, ev->events);
}

int
loop_run(struct loop *l)
{
	struct epoll_event ev[BATCH];

	while (!atomic_load(&l->stop)) { /* pairs with loop_stop() */
		int n = epoll_wait(l->epfd, ev, BATCH, wake_rested(l));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++)
			dispatch(l, &ev[i]);
	}
	return 0;
}

void
loop_stop(struct loop *l)
{
	uint64_t one = 1;

	atomic_store(&l->stop, true); /* pairs with loop_run() */
	if (write(l->wakefd, &one, sizeof(one)) < 0)
		return; /* full counter: it wakes all the same */
}
