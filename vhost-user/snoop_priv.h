/* SPDX-License-Identifier: Apache-2.0 */
/* What the thread of snoop.c and the lanes' part, feat_snoop.c, share. */
#ifndef CORELANE_VHOST_USER_SNOOP_PRIV_H
#define CORELANE_VHOST_USER_SNOOP_PRIV_H

#include <pthread.h>

#include "vhost-user/capture_ring.h"
#include "vhost-user/snoop.h"

struct snoop {
	struct rcu *rcu;
	uint32_t lanes;
	bool enabled; /* control thread */
	pthread_t thread;
	pthread_mutex_t lock; /* groups */
	struct snoop_groups *groups;
	bool changed; /* under lock: another table is due */
	_Atomic bool stop;
	_Atomic(const struct snoop_table *) table; /* NULL: everything is flooded */
	counter_t heard, refused;                  /* the thread */
	_Atomic uint64_t missed;                   /* lanes */
	struct capture_ring *ring;                 /* by lane */
};

#endif
