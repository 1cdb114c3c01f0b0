/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames to and from one of DPDK's devices. A frame that came stays in its buffer, its head too; one
 * that goes is copied into a fresh buffer, or goes on in the buffer of the device that it came from.
 *
 * Two sets of operations: a device that only forwards pays nothing for frames of our own (LLDP, LACP,
 * VXLAN's outer ones), which have a ring and are sent by whoever polls the device.
 */
#ifndef CORELANE_VHOST_USER_PORT_ETH_H
#define CORELANE_VHOST_USER_PORT_ETH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vhost-user/eth_dev.h"
#include "vhost-user/pkt.h"
#include "vhost-user/port_ops.h"
#include "vhost-user/swport.h"

struct rte_ring;
struct eth_tunnels; /* vxlan ports that our underlay frames belong to: port_vxlan.h */

#define ETH_OWN_RING 1024 /* frames of our own that wait to be sent */

struct eth_queue { /* of who polls it */
	struct rte_mbuf *held[PKT_BURST];
	uint32_t n_held;
	uint32_t turns; /* of an alive device */
} __attribute__((aligned(64)));

struct eth_port {
	struct eth_dev dev;
	struct swport *port;
	struct rte_ring *own; /* mbufs; any thread puts, who polls queue 0 takes */
	bool alive;           /* a bond: sending, be it nothing, keeps LACP going */
	/* control thread stores, frees after rcu_wait(); NULL: none */
	_Atomic(const struct eth_tunnels *) tunnels;
	_Atomic uint64_t own_lost; /* own frames that found no room */
	struct eth_queue queue[PORT_QUEUES_MAX];
};

extern const struct port_ops eth_ops;      /* forwards */
extern const struct port_ops eth_full_ops; /* and has frames of our own or tunnels */

/* Takes @m over: it is sent when the device is polled next. Any thread. false: dropped. */
bool eth_send_own(struct eth_port *ep, struct rte_mbuf *m);

/*
 * What lies in @m[0..n) as frames of @port, in @pkt; buffers that cannot be one are freed, counted and
 * taken out of @m. Returns how many are left.
 */
uint32_t eth_fill(struct lane *lane, struct swport *port, struct rte_mbuf **m, struct pkt *pkt,
		  uint32_t n);

#endif
