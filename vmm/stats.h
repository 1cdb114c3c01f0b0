/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of struct vmm_stats: where they live, and how they are counted up. */
#ifndef CORELANE_VMM_STATS_H
#define CORELANE_VMM_STATS_H

#include <stdint.h>

#include "base/err.h"
#include "base/vmm_msg.h"

/* One writer: a plain add that a reader in another process never sees torn. */
static inline void
stats_inc(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* Several writers. Relaxed: a counter orders nothing. */
static inline void
stats_add_shared(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/*
 * Maps @fd (a memfd of at least sizeof(struct vmm_stats), closed here) or, for -1, private memory,
 * and fills in the head and the first two times. stats_close() unmaps. 0 or -errno with words.
 */
int stats_open(int fd, const struct vmm_start *start, uint64_t main_tsc, struct vmm_stats **ret,
	       struct err *e);
void stats_close(struct vmm_stats *s);

/* A copy that is good enough to show: every counter by itself is one that was true. */
void stats_copy(const struct vmm_stats *from, struct vmm_stats *to);

#endif
