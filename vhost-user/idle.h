/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a lane without frames sleeps: it asks every port for a wake-up, looks once more, and waits. What
 * that costs is one wake-up of a thread, and only for the first frame after a while without any.
 */
#ifndef CORELANE_VHOST_USER_IDLE_H
#define CORELANE_VHOST_USER_IDLE_H

#include <unistd.h>

#include "vhost-user/lane.h"

#define IDLE_FDS 1024 /* queues that a lane can wait for; with more it only naps */

/* Its lane's, between two rounds: asks all ports for a wake-up. One more round must follow. */
void idle_watch(struct lane *lane);

/*
 * Waits until a frame may have come or something was published (idle_wake()), for at most 10 ms; 200 us
 * when a port cannot tell of its frames.
 */
void idle_wait(struct lane *lane);

/* Tells all ports that nobody needs waking. */
void idle_quiet(struct lane *lane);

/* Ends the lane's sleep. Any thread. */
static inline void
idle_wake(const struct lane *lane)
{
	const uint64_t one = 1;

	/* full already: it will wake */
	if (lane->wake_fd >= 0 && write(lane->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/*
 * Another lane left something for @lane: a system call if it sleeps, and only the first time. What was
 * left was written under a lock that @lane takes in the round between idle_watch() and idle_wait(), so
 * either it is seen there, or resting is seen here.
 */
static inline void
idle_disturb(struct lane *lane)
{
	if (atomic_load_explicit(&lane->resting, memory_order_acquire) &&
	    atomic_exchange_explicit(&lane->resting, false, memory_order_acq_rel))
		idle_wake(lane);
}

#endif
