/* SPDX-License-Identifier: Apache-2.0 */
/* One burst from one port: chain, decision, and each frame on its way. Forwarding threads only. */
#ifndef CORELANE_VHOST_USER_SCATTER_H
#define CORELANE_VHOST_USER_SCATTER_H

#include "vhost-user/lane.h"

/* @n frames in lane->in.pkt, as peek() gave them. */
void scatter_burst(struct lane *lane, struct swport *in, uint32_t n);

#endif
