/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port inside the switch, and the table of ports that the polling thread reads.
 *
 * Who writes what: the control thread makes a port whole before it publishes it; DPDK's vhost thread
 * writes what is marked "vhost"; the polling thread writes the rest. Everybody may read the atomics.
 */
#ifndef CORELANE_VHOST_USER_SWPORT_H
#define CORELANE_VHOST_USER_SWPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/port.h"
#include "base/switch_msg.h"

#define SWITCH_SLOT_BITS 9
#define SWITCH_PORTS_MAX (1u << SWITCH_SLOT_BITS)
#define SWITCH_SLOT_MASK (SWITCH_PORTS_MAX - 1)
#define SWITCH_BURST     32 /* what DPDK's vhost takes at once */

#define SWITCH_REGIONS_MAX 8 /* of a guest's memory: DPDK's VHOST_MEMORY_MAX_NREGIONS */

#define ETH_HEADER_LEN 14
#define ETH_TAG_LEN    4

/* One writer, so an add is a plain load and store; relaxed, since each number stands for itself. */
typedef _Atomic uint64_t counter_t;

static inline void
counter_add(counter_t *c, uint64_t n)
{
	uint64_t v = atomic_load_explicit(c, memory_order_relaxed);

	atomic_store_explicit(c, v + n, memory_order_relaxed);
}

static inline uint64_t
counter_get(const counter_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

struct swport_counters { /* as struct port_stats */
	counter_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	counter_t flooded, learned, moved, aged, not_learned;
	counter_t drops[DROP_CAUSES];
	counter_t macs;
	counter_t bad_ring; /* polling thread's part of bad_guest */
};

/* The last decision for this port's frames: most bursts have one source and one destination. */
struct swport_cache {
	uint64_t head;    /* frame bytes 0..7 */
	uint32_t rest;    /* frame bytes 8..11 */
	uint32_t verdict; /* enum fwd_verdict */
	uint64_t version; /* of the address table */
	struct swport *out;
};

struct lane;
struct chain;
struct port_ops;

/* Guest memory as mapped here. */
struct swport_region {
	uint64_t addr, size;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct swport {
	/* constant while published */
	struct port_cfg cfg;
	uint32_t ref;     /* slot | generation << SWITCH_SLOT_BITS; never 0 */
	uint32_t max_len; /* of an untagged frame, without FCS */
	uint16_t domain;
	/*
	 * PORT_TRUNK: the broadcast domain of each VLAN, 0 where it has none; NULL else. Its own.
	 * Which tag a domain's frames carry on this port is vlan_of[], per domain.
	 */
	const uint16_t *domain_of;

	/* control thread; read by forwarding threads, replaced by rcu (feature.h) */
	_Atomic(const struct chain *) chain[2]; /* by enum chain_side; NULL: no feature */

	/* vhost thread, or whoever brings the port up */
	_Atomic(const struct port_ops *) ops; /* NULL: down */
	void *backing;                        /* what ops work on: rings, an ethdev; theirs */

	/* vhost thread; vid is released last and taken away first (see quiesce.h) */
	_Atomic int vid __attribute__((aligned(64)));    /* -1: nobody connected */
	_Atomic uint32_t rx_mask;                        /* queue pairs that we may receive from */
	_Atomic uint32_t tx_mask;                        /* queue pairs that we may send to */
	struct swport_region region[SWITCH_REGIONS_MAX]; /* constant while vid is not -1 */
	uint32_t n_regions;
	bool packed; /* its rings are; constant while vid is not -1 */
	_Atomic uint64_t connects;
	_Atomic uint64_t bad_messages;

	/* polling thread */
	struct swport_cache cache __attribute__((aligned(64)));
	uint32_t hushed_rx, hushed_tx;    /* queues whose guest was told not to kick */
	uint32_t stuck;                   /* receive queues found stuck, counted once */
	uint64_t polled[PORT_QUEUES_MAX]; /* frames taken a queue, for the stuck check */
	uint64_t checked[PORT_QUEUES_MAX];
	struct swport_counters count;
	uint64_t batch_bytes;
	uint16_t n_batch;
	void *batch[SWITCH_BURST]; /* frames waiting for the end of the burst; not owned */
};

/* One port as the polling thread meets it. */
struct port_member {
	struct swport *port;
	struct swport *const *peers; /* every port of the domain, itself included */
	uint32_t n_peers;
};

/* Immutable once published; replaced as a whole. */
struct port_table {
	uint64_t serial;
	uint32_t n;
	/*
	 * Bursts that a busy queue may have in one visit: with many ports most are idle, and a round
	 * over them costs more than the frames of one burst.
	 */
	uint32_t bursts;
	struct port_member member[SWITCH_PORTS_MAX];
	struct swport *slot[SWITCH_PORTS_MAX]; /* by ref & SWITCH_SLOT_MASK */
	struct swport *sorted[SWITCH_PORTS_MAX];
};

/* The counters that @lane writes; the port's totals are the sum over all lanes. */
static inline struct swport_counters *
swport_count(struct swport *p, const struct lane *lane)
{
	(void)lane; /* one thread so far */
	return &p->count;
}

/* A new table of all the ports in @slot (NULL: free), or NULL without memory. free() it. */
struct port_table *port_table_make(struct swport *const slot[SWITCH_PORTS_MAX], uint64_t serial);

/* A port from a checked @cfg, not connected; NULL without memory. free() it. */
struct swport *swport_make(const struct port_cfg *cfg, uint32_t ref, uint16_t domain);

/* A consistent enough copy of the counters. Any thread. */
void swport_stats(const struct swport *p, struct port_stats *ret);

#endif
