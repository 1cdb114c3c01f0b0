/* SPDX-License-Identifier: Apache-2.0 */
/* A repeatable sequence (xorshift64*): the same seed, the same garbage. */
#ifndef CORELANE_PROBE_RAND_H
#define CORELANE_PROBE_RAND_H

#include <stdint.h>

struct rnd {
	uint64_t state;
};

static inline uint64_t
rnd_next(struct rnd *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dull;
}

static inline uint64_t
rnd_below(struct rnd *r, uint64_t n)
{
	return rnd_next(r) % n;
}

#endif
