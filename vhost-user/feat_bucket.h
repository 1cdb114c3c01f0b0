/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket that is exact: credit is counted in units times ticks a second, so that nothing is
 * ever rounded. In any time t no more than rate * t + burst goes through, but for the end of a unit
 * that is larger than the burst itself: it waits for a full bucket and leaves a debt.
 */
#ifndef CORELANE_VHOST_USER_FEAT_BUCKET_H
#define CORELANE_VHOST_USER_FEAT_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_BURST_MAX (UINT64_C(1) << 28) /* so that burst times a clock below 2^34 Hz fits */

/* All zero: full at its first use. */
struct bucket {
	int64_t credit;
	uint64_t last; /* ticks */
};

/* Of one use: @rate units a second, @burst <= BUCKET_BURST_MAX, @hz ticks a second. */
struct bucket_rate {
	uint64_t rate, burst, hz;
};

static inline void
bucket_fill(struct bucket *b, const struct bucket_rate *r, uint64_t now)
{
	int64_t full = (int64_t)(r->burst * r->hz), passed = (int64_t)(now - b->last);
	__uint128_t got;

	/* the clock of another CPU may be a little behind */
	if (passed <= 0)
		return;
	b->last = now;
	got = (__uint128_t)(uint64_t)passed * r->rate;
	if (b->credit >= full || got >= (uint64_t)(full - b->credit))
		b->credit = full;
	else
		b->credit += (int64_t)got;
}

static inline bool
bucket_take(struct bucket *b, const struct bucket_rate *r, uint64_t units)
{
	uint64_t need = units < r->burst ? units : r->burst;

	if (b->credit < (int64_t)(need * r->hz))
		return false;
	b->credit -= (int64_t)(units * r->hz);
	return true;
}

#endif
