/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames on their way into a port: its MTU and link, its CHAIN_OUT, the choice of a queue, put(), and
 * the counting of what became of them. Forwarding threads only.
 */
#ifndef CORELANE_VHOST_USER_SEND_H
#define CORELANE_VHOST_USER_SEND_H

#include "vhost-user/lane.h"

/* At most PKT_BURST frames, in order, to @out; they stay the caller's and are not changed. */
void send_port(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t n);

/*
 * As send_port(), behind the chain: for frames that a stage of CHAIN_OUT kept and now lets go.
 * Returns how many were put; the others are counted as drops.
 */
uint32_t send_put(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t n);

/* A round ends: what put() collected is sent. */
void send_flush(struct lane *lane);

/* Holds what one lane at a time may touch; @frames are counted as having waited, if they do. */
void send_lock(struct lane *lane, struct swport_lock *l, uint32_t frames);
void send_unlock(struct swport_lock *l);

/* What lane->put is to be, among so many lanes. */
lane_put_fn *send_choose(uint32_t lanes);

/*
 * Makes the head of @pkt @want bytes long (or as long as the frame is), in @to, which has PKT_HEADROOM
 * free bytes before it and @want from it on; @want is no less than head_len. What was in the head
 * before is kept as it was.
 */
void send_deepen(struct pkt *pkt, uint8_t *to, uint32_t want);

#endif
