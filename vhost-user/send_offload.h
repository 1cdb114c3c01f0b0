/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that their guest left unfinished, on their way into a port that may not take them so. */
#ifndef CORELANE_VHOST_USER_SEND_OFFLOAD_H
#define CORELANE_VHOST_USER_SEND_OFFLOAD_H

#include "vhost-user/lane.h"

typedef void send_fn(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t n);

/*
 * Hands all frames to @send, in order, at most PKT_BURST at a time: those that @takes (offload.h) covers
 * as they are, the others finished or cut into segments. What cannot be done is dropped and counted.
 */
void send_finished(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t n,
		   uint32_t takes, send_fn *send);

#endif
