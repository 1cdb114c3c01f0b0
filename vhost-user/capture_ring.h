/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames on their way from a lane to the thread that writes them into a file: a ring of bytes with one
 * writer and one reader, neither of which ever waits. What finds no room is not captured.
 */
#ifndef CORELANE_VHOST_USER_CAPTURE_RING_H
#define CORELANE_VHOST_USER_CAPTURE_RING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "vhost-user/pkt.h"

#define CAPTURE_RING_BYTES (2u << 20) /* a power of two; some ms of 10 Gbit/s */

struct capture_record {
	uint64_t ns;  /* CLOCK_REALTIME */
	uint32_t len; /* of the frame */
	uint32_t cap; /* bytes that follow, then up to 15 of padding */
};

struct capture_ring {
	uint8_t *bytes;                                     /* CAPTURE_RING_BYTES */
	_Atomic uint64_t head __attribute__((aligned(64))); /* lane */
	_Atomic uint64_t tail __attribute__((aligned(64))); /* reader */
};

/* Memory that is there when a lane writes to it. 0 or -errno. */
int capture_ring_init(struct capture_ring *r);
void capture_ring_fini(struct capture_ring *r);

/* The lane: up to @snap bytes of the frame. false: no room. */
bool capture_ring_put(struct capture_ring *r, const struct pkt *pkt, uint32_t snap, uint64_t ns);

/* The reader: the oldest record, its bytes behind it, or NULL. Valid until capture_ring_next(). */
const struct capture_record *capture_ring_peek(struct capture_ring *r);
void capture_ring_next(struct capture_ring *r, const struct capture_record *rec);

#endif
