/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frees a forwarding thread that is held in a system call. There is one that can hold it: a signal to a
 * guest, whose front end filled the eventfd and made it a blocking one (shared_event.h). A thread that
 * makes no round for a while gets a signal, by which such a call ends; on any other it does nothing.
 */
#ifndef CORELANE_VHOST_USER_OVERDUE_H
#define CORELANE_VHOST_USER_OVERDUE_H

#include <pthread.h>
#include <semaphore.h>

#include "vhost-user/lane.h"

#define OVERDUE_MS 50

struct overdue {
	struct lane *lane;
	uint32_t n;
	uint64_t rounds[LANES_MAX]; /* as seen last */
	sem_t stop;
	pthread_t thread;
};

/* Looks after @n lanes, before or while they run, until overdue_stop(). 0 or -errno. */
int overdue_start(struct overdue *o, struct lane *lane, uint32_t n);
void overdue_stop(struct overdue *o);

#endif
