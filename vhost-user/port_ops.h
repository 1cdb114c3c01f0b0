/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the forwarding threads reach whatever is behind a port. Chosen once, when a connection or a
 * device comes up (split or packed rings, DPDK's bursts, an ethdev, VXLAN), so that no frame pays for
 * what its port is not.
 *
 * A queue of a port is taken from by one thread only. Frames are put into it by any thread; with more
 * than one thread the caller holds the queue's lock (swport.h).
 */
#ifndef CORELANE_VHOST_USER_PORT_OPS_H
#define CORELANE_VHOST_USER_PORT_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-user/pkt.h"

struct swport;
struct lane; /* a forwarding thread and its scratch memory: lane.h */

struct port_ops {
	const char *name;
	/*
	 * Up to @n (<= PKT_BURST) frames that wait in @queue, oldest first. They stay the sender's:
	 * their memory is valid until done(). Each head is near[] (PKT_HEAD bytes of the frame,
	 * or all of it); pkt->domain is @port->domain, pcp and flags are 0 unless known. Returns
	 * how many.
	 */
	uint32_t (*peek)(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt,
			 uint32_t n);
	/* All the frames of the last peek() are finished with, and their buffers the sender's again. */
	void (*done)(struct lane *lane, struct swport *port, uint32_t queue);
	/*
	 * Copies frames, in order, into @queue of the receiver, until it has no room. Returns how
	 * many. The frames fit (mtu, offloads) and are not changed. Bytes are counted by the caller.
	 */
	uint32_t (*put)(struct lane *lane, struct swport *port, uint32_t queue,
			struct pkt *const *pkt, uint32_t n);
	/*
	 * Called when a round ends in which this lane put something, with queue 0's lock: sends what
	 * put() collected. NULL: nothing is ever collected.
	 */
	void (*flush)(struct lane *lane, struct swport *port);
	/*
	 * Before a thread sleeps: asks for a wake-up when a frame comes and returns an fd to poll, or
	 * -1 when it has none (the thread then sleeps for a short while only). Frames may have come
	 * meanwhile: the caller looks once more. quiet() ends it.
	 */
	int (*watch)(struct lane *lane, struct swport *port, uint32_t queue);
	void (*quiet)(struct lane *lane, struct swport *port, uint32_t queue);
	/* Called once a second by the port's lane, frames or not. NULL: never. */
	void (*second)(struct lane *lane, struct swport *port);
};

#endif
