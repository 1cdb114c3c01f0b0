/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a lane without frames sleeps: it asks every port for a wake-up, looks once more, and waits. What
 * that costs is one wake-up of a thread, and only for the first frame after a while without any.
 */
#ifndef CORELANE_VHOST_USER_IDLE_H
#define CORELANE_VHOST_USER_IDLE_H

#include "vhost-user/lane.h"

#define IDLE_FDS 1024 /* queues that a lane can wait for; with more it only naps */

/* Its lane's, between two rounds: asks all ports for a wake-up. One more round must follow. */
void idle_watch(struct lane *lane);

/*
 * Waits until a frame may have come or something was published (idle_wake()), for at most 10 ms; 50 us
 * when a port cannot tell of its frames.
 */
void idle_wait(struct lane *lane);

/* Tells all ports that nobody needs waking. */
void idle_quiet(struct lane *lane);

/* Ends the lane's sleep. Any thread. */
void idle_wake(const struct lane *lane);

#endif
