/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames on their way from a lane to a thread that has time for them: a ring of bytes with one
 * writer and one reader, neither of which ever waits. What finds no room is left out.
 */
#ifndef CORELANE_VHOST_USER_CAPTURE_RING_H
#define CORELANE_VHOST_USER_CAPTURE_RING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "vhost-user/pkt.h"

struct capture_record {
	uint64_t tag; /* what the lane says of it; of a capture: CLOCK_REALTIME, ns */
	uint32_t len; /* of the frame */
	uint32_t cap; /* bytes that follow, then up to 15 of padding */
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct capture_ring {
	uint8_t *bytes;
	uint64_t size;
	_Atomic uint64_t head __attribute__((aligned(64))); /* lane */
	_Atomic uint64_t tail __attribute__((aligned(64))); /* reader */
};

/* @bytes: a power of two, more than the longest record. Memory that is there when a lane writes. 0 or -errno. */
int capture_ring_init(struct capture_ring *r, uint64_t bytes);
void capture_ring_fini(struct capture_ring *r);

/* The lane: up to @snap bytes of the frame. false: no room. */
bool capture_ring_put(struct capture_ring *r, const struct pkt *pkt, uint32_t snap, uint64_t tag);

/* The reader: the oldest record, its bytes behind it, or NULL. Valid until capture_ring_next(). */
const struct capture_record *capture_ring_peek(struct capture_ring *r);
void capture_ring_next(struct capture_ring *r, const struct capture_record *rec);

#endif
