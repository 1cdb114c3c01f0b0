/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How other threads take something away from the polling thread without ever making it wait.
 *
 * A writer unpublishes the thing (a relaxed store is enough), then calls quiesce_wait(); when that
 * returns, the polling thread holds no reference that it loaded before. The polling thread calls
 * quiesce_point() between two rounds, while it holds nothing: one load, and a store when asked.
 */
#ifndef CORELANE_VHOST_USER_QUIESCE_H
#define CORELANE_VHOST_USER_QUIESCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct quiesce {
	_Atomic uint64_t asked;                             /* writers: fetch_add */
	_Atomic uint64_t seen __attribute__((aligned(64))); /* polling thread only */
	_Atomic bool online;                                /* polling thread only */
};

/*
 * Polling thread. The acquire load pairs with the release fetch_add in quiesce_wait(): what was
 * unpublished before that is seen as gone from here on. The release store pairs with the acquire
 * load there: what was done with the thing happened before the writer goes on.
 */
static inline void
quiesce_point(struct quiesce *q)
{
	uint64_t asked = atomic_load_explicit(&q->asked, memory_order_acquire);

	if (asked != atomic_load_explicit(&q->seen, memory_order_relaxed))
		atomic_store_explicit(&q->seen, asked, memory_order_release);
}

/* Polling thread, before its first round and after its last. */
static inline void
quiesce_online(struct quiesce *q, bool online)
{
	atomic_store_explicit(&q->online, online, memory_order_seq_cst);
}

/* Any other thread, several at once. Sleeps in steps of 20 us; a round takes a few. */
static inline void
quiesce_wait(struct quiesce *q)
{
	const struct timespec step = {.tv_nsec = 20000};
	/* seq_cst: also ordered against the load of online, whose store is seq_cst */
	uint64_t want = atomic_fetch_add_explicit(&q->asked, 1, memory_order_seq_cst) + 1;

	while (atomic_load_explicit(&q->online, memory_order_seq_cst) &&
	       atomic_load_explicit(&q->seen, memory_order_acquire) < want)
		nanosleep(&step, NULL);
}

#endif
