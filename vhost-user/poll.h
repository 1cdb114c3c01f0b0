/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The polling thread: takes frames from the guests' rings, asks fwd_decide(), puts them into other
 * guests' rings. Nothing else happens on it: no allocation, lock, log or system call of ours. (DPDK
 * writes a guest's call eventfd when, and only when, that guest asked to be interrupted; and on a CPU
 * that is shared, sched_yield() when there is nothing to do.)
 */
#ifndef CORELANE_VHOST_USER_POLL_H
#define CORELANE_VHOST_USER_POLL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "vhost-user/forward.h"
#include "vhost-user/rcu.h"

struct rte_mempool;

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct poller {
	/* set before start, then constant */
	struct rte_mempool *pool;
	uint64_t tsc_hz;
	bool shared; /* others use this CPU too: give it away when there is nothing to do */

	/* other threads */
	_Atomic(const struct port_table *) ports; /* released by the control thread */
	_Atomic bool stop;

	/* polling thread */
	struct fwd fwd __attribute__((aligned(64)));
	uint64_t next_tick;
	struct lane lane;
	uint32_t n_touched;
	struct {
		uint32_t n;
		uint64_t bytes;
		void *frame[SWITCH_BURST]; /* waiting for the end of the burst; not owned */
	} batch[SWITCH_PORTS_MAX];
	struct swport *touched[SWITCH_PORTS_MAX]; /* with frames waiting for the end of the burst */
};

/* Runs until p->stop; an lcore function. */
int poller_run(void *poller);

#endif
