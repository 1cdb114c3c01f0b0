/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane's memory of decisions by source and destination, so that a burst of many pairs costs little
 * more than one of a single pair: one cache line a frame, asked for before it is needed, instead of two
 * look-ups. It answers only for exactly the frame that was decided, from the same port, in the same
 * domain, while no table has changed; what it does not know is decided as ever. Where pairs are too
 * many to be remembered (a mesh of a thousand stations by a thousand) it gets out of the way.
 */
#ifndef CORELANE_VHOST_USER_PAIRS_H
#define CORELANE_VHOST_USER_PAIRS_H

#include "vhost-user/lane.h"

struct pair {
	uint64_t head; /* frame bytes 0..7 */
	uint64_t tail; /* frame bytes 8..13; above them the verdict */
	uint64_t tag;  /* version of the address table << 25 | slot << 16 | domain */
	uint64_t unused;
};

struct pair_set {
	struct pair way[2];
} __attribute__((aligned(64)));

/* Room for about @n pairs, a power of two, on the calling lane. Without memory it does without. */
void pairs_make(struct lane *lane, uint32_t n);
void pairs_free(struct lane *lane);

/*
 * The verdicts on all @n frames, from memory or by fwd_decide(); *ret_bytes: of all frames. As
 * fwd_decide() else, but that what a frame teaches is known to the next burst, not always to this one.
 */
void pairs_decide(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n,
		  uint16_t verdict[PKT_BURST], uint64_t *ret_bytes);

#endif
