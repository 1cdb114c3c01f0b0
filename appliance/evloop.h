/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one event loop of a run: epoll and timers, one thread. Sources and timers live inside the structs
 * that they serve. One event is taken at a time, so a callback may remove any source.
 */
#ifndef CORELANE_APPLIANCE_EVLOOP_H
#define CORELANE_APPLIANCE_EVLOOP_H

#include <stdbool.h>
#include <stdint.h>

struct evsource {
	int fd; /* borrowed; -1 when not in a loop */
	void (*ready)(void *arg, uint32_t events);
	void *arg;
};

struct evtimer {
	uint64_t at_ns; /* CLOCK_MONOTONIC; 0 when off */
	void (*fire)(void *arg);
	void *arg;
	struct evtimer *next; /* in the loop's list while on */
};

struct evloop {
	int epfd;
	bool stop;
	struct evtimer *timers;
};

/* 0 or -errno. */
int evloop_init(struct evloop *l);
void evloop_fini(struct evloop *l);

/* @s stays where it is until evloop_del(). 0 or -errno. */
int evloop_add(struct evloop *l, struct evsource *s, int fd, uint32_t events,
	       void (*ready)(void *, uint32_t), void *arg);
/* No-op for a source that is not in the loop. The fd is not closed. */
void evloop_del(struct evloop *l, struct evsource *s);

/* Once, @ms from now; replaces an earlier setting. */
void evloop_timer(struct evloop *l, struct evtimer *t, unsigned int ms, void (*fire)(void *),
		  void *arg);
void evloop_timer_off(struct evloop *l, struct evtimer *t);

/* Runs until evloop_stop(). 0 or -errno. */
int evloop_run(struct evloop *l);
void evloop_stop(struct evloop *l);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t evloop_now(void);

#endif
