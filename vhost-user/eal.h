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
	struct cpuset cpus;         /* of the forwarding threads, one each; not empty */
	struct cpuset housekeeping; /* of all the others; not empty */
	unsigned int memory_mib;    /* in hugepages */
	int node;                   /* NUMA node of that memory, or -1 */
	int priority;               /* SCHED_FIFO of the forwarding threads, or 0 */
	const char *telemetry; /* DPDK's socket is DIR/dpdk/corelane/dpdk_telemetry.v2; or NULL */
};

/*
 * -ENOMEM with the arithmetic when the node has too few free hugepages; *@ret untouched then.
 * Once a process.
 */
int eal_start(const struct eal_opts *o, const struct sysroot *root, struct rte_mempool **ret,
	      struct err *e);

/*
 * Runs @fn on forwarding thread @number (from 0, in the order of their CPUs). 0, or -EPERM or another
 * errno when the priority cannot be had.
 */
int eal_launch(const struct eal_opts *o, unsigned int number, int (*fn)(void *), void *arg,
	       struct err *e);
/* Waits until all of them have returned. */
void eal_join(void);
void eal_stop(struct rte_mempool *pool);

/* NUMA node of the forwarding thread's CPU; -1: unknown. After eal_start(). */
int eal_node(unsigned int number);

#endif
