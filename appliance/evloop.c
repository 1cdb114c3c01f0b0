/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/evloop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

uint64_t
evloop_now(void)
{
	return clock_now_ns();
}

int
evloop_init(struct evloop *l)
{
	*l = (struct evloop){.epfd = epoll_create1(EPOLL_CLOEXEC)};
	return l->epfd < 0 ? -errno : 0;
}

void
evloop_fini(struct evloop *l)
{
	if (l->epfd >= 0)
		close(l->epfd);
	l->epfd = -1;
	l->timers = NULL;
}

int
evloop_add(struct evloop *l, struct evsource *s, int fd, uint32_t events,
	   void (*ready)(void *, uint32_t), void *arg)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	*s = (struct evsource){.fd = fd, .ready = ready, .arg = arg};
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		s->fd = -1;
		return -errno;
	}
	return 0;
}

void
evloop_del(struct evloop *l, struct evsource *s)
{
	if (s->ready && s->fd >= 0)
		epoll_ctl(l->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	*s = (struct evsource){.fd = -1};
}

void
evloop_timer_off(struct evloop *l, struct evtimer *t)
{
	for (struct evtimer **p = &l->timers; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			break;
		}
	t->at_ns = 0;
	t->next = NULL;
}

void
evloop_timer(struct evloop *l, struct evtimer *t, unsigned int ms, void (*fire)(void *), void *arg)
{
	evloop_timer_off(l, t);
	*t = (struct evtimer){.at_ns = evloop_now() + ms * 1000000ull,
			      .fire = fire,
			      .arg = arg,
			      .next = l->timers};
	l->timers = t;
}

/* Fires one timer that is due and returns 0, or returns the milliseconds until the next (-1: none). */
static int
run_timers(struct evloop *l)
{
	uint64_t now = evloop_now(), first = UINT64_MAX;

	for (struct evtimer *t = l->timers; t; t = t->next) {
		if (t->at_ns <= now) {
			evloop_timer_off(l, t);
			t->fire(t->arg);
			return 0;
		}
		if (t->at_ns < first)
			first = t->at_ns;
	}
	if (first == UINT64_MAX)
		return -1;
	first = (first - now + 999999) / 1000000;
	return first > INT_MAX ? INT_MAX : (int)first;
}

int
evloop_run(struct evloop *l)
{
	l->stop = false;
	while (!l->stop) {
		struct epoll_event ev;
		int timeout = run_timers(l);
		int n;

		if (l->stop)
			break;
		n = epoll_wait(l->epfd, &ev, 1, timeout);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 1) {
			struct evsource *s = ev.data.ptr;

			s->ready(s->arg, ev.events);
		}
	}
	return 0;
}

void
evloop_stop(struct evloop *l)
{
	l->stop = true;
}
