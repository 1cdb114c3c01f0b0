/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of the VMM's main thread (epoll). Everything that is neither a vCPU nor a packet
 * happens here. Callbacks run with vm->lock not held; they take it when they touch devices.
 */
#ifndef CORELANE_VMM_LOOP_H
#define CORELANE_VMM_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOP_SOURCES_MAX 256

struct loop_source {
	int fd;                                    /* -1: free slot */
	void (*ready)(void *arg, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, ... */
	void *arg;
	uint32_t events;  /* while it rests: what it wants afterwards */
	uint64_t rest_ns; /* CLOCK_MONOTONIC; 0: it does not rest */
};

struct loop {
	int epfd;
	int wakefd; /* eventfd: loop_stop() from any thread */
	atomic_bool stop;
	struct loop_source source[LOOP_SOURCES_MAX];
	unsigned int resting; /* sources that do */
};

int loop_init(struct loop *l);
void loop_fini(struct loop *l);

/* The fd stays the caller's, who calls loop_del() before it closes it. -ENOSPC when full. */
int loop_add(struct loop *l, int fd, uint32_t events, void (*ready)(void *, uint32_t), void *arg);
int loop_change(struct loop *l, int fd, uint32_t events);
void loop_del(struct loop *l, int fd);
/* Not a word of @fd for @ms, then again of @events: for what fails and would fail again at once. */
void loop_rest(struct loop *l, int fd, uint32_t events, unsigned int ms);

/* Runs until loop_stop(); then 0, or -errno. */
int loop_run(struct loop *l);
/* Any thread; async-signal-safe. */
void loop_stop(struct loop *l);

#endif
