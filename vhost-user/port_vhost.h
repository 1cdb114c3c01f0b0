/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports behind vhost-user connections, over our own rings. One copy: from the sender's memory, or
 * wherever a frame lies, into the receiver's.
 */
#ifndef CORELANE_VHOST_USER_PORT_VHOST_H
#define CORELANE_VHOST_USER_PORT_VHOST_H

#include "vhost-user/port_ops.h"
#include "vhost-user/ring.h"
#include "vhost-user/swport.h"

#define VHOST_RINGS (2 * PORT_QUEUES_MAX)

/* What ops work on: swport.backing. Changed only while ops are NULL and no lane holds them. */
struct vhost_rings {
	struct gpa_map mem;
	atomic_bool rude; /* as ring_setup; never served again */
	/* as vhost numbers them: the guest's receive queue 0, transmit queue 0, receive queue 1, ... */
	struct ring ring[VHOST_RINGS] __attribute__((aligned(64)));
};

/* The functions for what was negotiated. */
const struct port_ops *port_vhost_ops(uint64_t features);

#endif
