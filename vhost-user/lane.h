/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forwarding thread: it polls the ports that were given to it, decides, and puts frames into any
 * port. Nothing else happens on it: no allocation, log or system call of ours (but to sleep, and as
 * port_ops.h allows), and no lock but a receiver's when there are several lanes.
 *
 * No DPDK in here: what works on bursts is tested without it.
 */
#ifndef CORELANE_VHOST_USER_LANE_H
#define CORELANE_VHOST_USER_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vhost-user/feature.h"
#include "vhost-user/pkt.h"
#include "vhost-user/port_ops.h"
#include "vhost-user/swport.h"

#define LANES_MAX   16
#define LANE_LEVELS 4    /* a port over a port over a port: mirror, VXLAN, uplink */
#define LANE_SEGS   2048 /* parts of chained frames in one burst */

struct rcu;
struct rte_mempool;
struct fwd;
struct snoop;
struct trace;

/* Heads of a burst, deep and with headroom, and the frames that they belong to. */
struct lane_scratch {
	struct pkt pkt[PKT_BURST];
	struct pkt *all[PKT_BURST];
	uint8_t head[PKT_BURST][PKT_HEADROOM + PKT_DEEP];
};

struct lane_counters { /* as struct switch_lane */
	counter_t frames, rounds, busy, busy_tsc, idle_tsc, sleeps, slept_ns, handed_over;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct lane {
	/* constant while it runs */
	uint32_t number, lanes;
	int cpu, node;
	uint64_t tsc_hz;
	struct rcu *rcu;
	struct fwd *fwd;
	struct domains *domains;
	struct snoop *snoop; /* NULL: no snooping (snoop.h) */
	struct rte_mempool *pool; /* its node's; buffers of 2 KiB */
	bool shared; /* others use this CPU too: give it away when there is nothing to do */

	/* other threads */
	_Atomic bool stop __attribute__((aligned(64)));

	/* its own */
	uint64_t now __attribute__((aligned(64))); /* TSC when this visit began */
	struct swport *current; /* whose frames are being worked on: for logsink.c, sigbus.c */
	struct trace *trace;    /* not NULL while the frames in hand are traced */
	uint32_t level;         /* of out[], in use */
	struct lane_counters count;

	/* the burst in hand: peek()'s, pkt[0..n) with near[] or a head in in.head[] */
	struct lane_scratch in;
	struct pkt_seg seg[LANE_SEGS]; /* for peek(): pkt->more */
	/* copies for a port with CHAIN_OUT, one for each port inside a port */
	struct lane_scratch out[LANE_LEVELS];
};

/* The counters that @lane writes; the port's totals are the sum over all lanes. */
static inline struct swport_counters *
swport_count(struct swport *p, const struct lane *lane)
{
	return &p->count[lane->number];
}

static inline void
swport_drop(struct swport *p, const struct lane *lane, enum switch_drop cause, uint64_t n)
{
	counter_add(&p->count[lane->number].drops[cause], n);
}

/* The lane that this thread is; NULL on every other thread. Safe in a signal handler. */
struct lane *lane_self(void);

#endif
