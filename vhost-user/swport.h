/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port inside the switch. Who writes what: the control thread makes a port whole before it publishes
 * it, and later changes only what is marked so; whoever brings it up (vhost's thread, a device's
 * owner) writes what is marked "attach"; the forwarding thread that serves it (its lane) writes the
 * rest. Everybody may read the atomics.
 */
#ifndef CORELANE_VHOST_USER_SWPORT_H
#define CORELANE_VHOST_USER_SWPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/port.h"
#include "base/switch_msg.h"
#include "vhost-user/domain.h"
#include "vhost-user/feat_bucket.h"

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
	counter_t flooded, learned, moved, aged, not_learned, yellow;
	counter_t drops[DROP_CAUSES];
	counter_t bad_ring; /* forwarding threads' part of bad_guest */
} __attribute__((aligned(64)));

/* The last decision for this port's frames: most bursts have one source and one destination. */
struct swport_cache {
	uint64_t head;    /* frame bytes 0..7 */
	uint64_t tail;    /* frame bytes 8..13 */
	uint64_t version; /* of the address table */
	uint32_t domain;
	uint32_t verdict; /* forward.h */
};

struct lane;
struct chain;
struct port_ops;
struct watch;

/* Guest memory as mapped here. */
struct swport_region {
	uint64_t addr, size;
};

/* Held for one put(), and only when there are several lanes: send.h. */
struct swport_lock {
	_Atomic uint32_t held;
} __attribute__((aligned(64)));

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct swport {
	/* attach; ops are released last, and taken away first, before rcu_wait() */
	_Atomic(const struct port_ops *) ops; /* NULL: down */
	void *backing;                        /* what ops work on; constant while up */
	_Atomic uint32_t rx_mask;             /* queue pairs that we may take from */
	_Atomic uint32_t tx_mask;             /* queue pairs that we may put into */
	_Atomic uint32_t takes; /* of frames left unfinished: offload.h; constant while up */

	/*
	 * Control thread: changed while frames flow (SWITCH_OP_SET), so lanes look at single atomics
	 * only. chain[] and domain_of are freed after rcu_wait().
	 */
	_Atomic(const struct chain *) chain[2]; /* by enum chain_side; NULL: no feature */
	_Atomic uint32_t max_len;               /* of an untagged frame, without FCS */
	_Atomic uint16_t domain;                /* of untagged frames; 0: they are dropped */
	_Atomic uint16_t flags;                 /* SWPORT_ below */

	/* constant while published */
	uint32_t ref;   /* slot | generation << SWITCH_SLOT_BITS; never 0 */
	uint32_t lanes; /* elements of count[] */

	/* control thread, as above, but seldom asked for */
	_Atomic(const uint16_t *)
		domain_of;              /* PORT_TRUNK: domain of each VLAN, 0: none; else NULL */
	_Atomic uint32_t mac_age_s;     /* as port_cfg */
	_Atomic uint32_t mac_limit;     /* as port_cfg; 0: none */
	_Atomic uint32_t storm_rate[3]; /* as port_cfg */
	_Atomic uint32_t lane;          /* number of the lane that serves it */
	_Atomic uint64_t
		own[PORT_MACS_MAX + 1]; /* declared addresses, as in mac_key(); 0 ends them */

	/* attach */
	_Atomic int vid;                                 /* vhost's device number; -1: none */
	struct swport_region region[SWITCH_REGIONS_MAX]; /* constant while up */
	uint32_t n_regions;
	_Atomic int node; /* of its memory; -1: unknown */
	bool packed;      /* its rings are; constant while up */
	_Atomic uint64_t connects;
	_Atomic uint64_t bad_messages;
	uint64_t log_since; /* port_log.c */
	uint32_t log_lines, log_missed;
	_Atomic bool lost; /* some of its memory was not there; until it connects anew (sigbus.h) */

	/* under the address table's lock */
	_Atomic uint32_t macs;     /* learnt addresses behind it */
	_Atomic uint32_t declared; /* addresses that the table holds as declared for it */

	/* its lane; another one only after rcu_wait() */
	struct swport_cache cache __attribute__((aligned(64)));
	uint32_t pairs_rest;              /* bursts for which pairs.c is not asked */
	uint64_t last_frame;              /* TSC */
	counter_t busy;                   /* TSC ticks spent on its frames */
	uint32_t hushed_rx, hushed_tx;    /* queues whose guest was told not to kick */
	uint32_t stuck;                   /* receive queues found stuck, counted once */
	uint64_t polled[PORT_QUEUES_MAX]; /* frames taken a queue, for the stuck check */
	uint64_t checked[PORT_QUEUES_MAX];
	struct bucket storm[3]; /* feat_storm.h */

	/* whoever holds it */
	struct swport_lock queue_lock[PORT_QUEUES_MAX]; /* put() into that queue */
	struct swport_lock chain_lock;                  /* CHAIN_OUT's state */

	/* control thread; name, network, socket, kind and queues never change */
	struct port_cfg cfg __attribute__((aligned(64)));
	struct membership member;     /* its domains */
	bool pinned;                  /* to its lane, by hand */
	_Atomic uint64_t shaped_away; /* waited in a shaper that was taken away */
	struct watch *watch; /* filters, mirror, capture, trace (watch.h); NULL: none of them */

	struct swport_counters count[]; /* by lane */
};

/* What a decision asks; a change of any counts as a change of the address table. */
#define SWPORT_ANY_MAC  1u /* addresses are learnt; else all are declared ones */
#define SWPORT_ISOLATED 2u /* as port_cfg */
#define SWPORT_CLASSIFY 4u /* CHAIN_IN says which domain; a tag that is left is payload */
#define SWPORT_STORM    8u /* flooding is limited: feat_storm.h */

/* A port from a checked @cfg, for @lanes lanes, not connected; NULL without memory. free() it. */
struct swport *swport_make(const struct port_cfg *cfg, uint32_t ref, uint32_t lanes);

/* Takes over what lanes need to know of @p->cfg and @p->member. Control thread. */
void swport_refresh(struct swport *p);

/* A consistent enough copy of the counters, all lanes together. Any thread. */
void swport_stats(const struct swport *p, struct port_stats *ret);

/* Counts on from what another switch counted for this port. Before a lane serves it. */
void swport_count_on(struct swport *p, const struct port_stats *before);

#endif
