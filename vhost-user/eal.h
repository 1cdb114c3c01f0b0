/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK's environment: cores, hugepages, the packet pool. The operator never sees an EAL argument.
 */
#ifndef CORELANE_VHOST_USER_EAL_H
#define CORELANE_VHOST_USER_EAL_H

#include <stdbool.h>

#include "base/cpuset.h"
#include "base/err.h"
#include "base/sysroot.h"

struct rte_mempool;

#define EAL_MEMORY_MIN 32 /* MiB; the pool is 10, vhost wants some a port */
#define EAL_MEMORY_MAX 65536

struct eal_opts {
	int cpu;                    /* of the polling thread */
	struct cpuset housekeeping; /* of all the others; not empty */
	unsigned int memory_mib;    /* in hugepages */
	int node;                   /* NUMA node of that memory, or -1 */
	int priority;               /* SCHED_FIFO of the polling thread, or 0 */
};

/*
 * -ENOMEM with the arithmetic when the node has too few free hugepages; *@ret untouched then.
 * Once a process.
 */
int eal_start(const struct eal_opts *o, const struct sysroot *root, struct rte_mempool **ret,
	      struct err *e);

/*
 * Runs @fn on the polling lcore. 0, or -EPERM or another errno when the priority cannot be had.
 */
int eal_launch(const struct eal_opts *o, int (*fn)(void *), void *arg, struct err *e);
/* Waits until it has returned. */
void eal_join(void);
void eal_stop(struct rte_mempool *pool);

/* Whether the caller is the polling thread. Any thread. */
bool eal_on_poll_lcore(void);

#endif
