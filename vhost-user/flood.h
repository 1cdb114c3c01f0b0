/* SPDX-License-Identifier: Apache-2.0 */
/* Frames for everybody in their broadcast domain. Forwarding threads only. */
#ifndef CORELANE_VHOST_USER_FLOOD_H
#define CORELANE_VHOST_USER_FLOOD_H

#include "vhost-user/lane.h"

/* At most PKT_BURST frames that came from @in, to every other port of each one's domain. */
void flood_burst(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n);

#endif
