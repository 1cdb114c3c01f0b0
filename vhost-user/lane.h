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
#include "vhost-user/offload.h"
#include "vhost-user/pkt.h"
#include "vhost-user/port_ops.h"
#include "vhost-user/swport.h"

#define LANES_MAX   16
#define LANE_LEVELS 4    /* a port over a port over a port: mirror, VXLAN, uplink */
#define LANE_SEGS   2048 /* parts of chained frames in one burst */
#define LANE_HEAD   (PKT_HEADROOM + PKT_DEEP + PKT_HEADROOM)

/* No frame for so long: a port among many is silent. Visited again as the time for it allows. */
#define LANE_SILENT_US 1000

struct pair_set;
struct pollfd;
struct rcu;
struct rte_mempool;
struct fwd;
struct snoop;
struct trace;

/* Heads of a burst, deep and with headroom, and the frames that they belong to. */
struct lane_scratch {
	struct pkt pkt[PKT_BURST];
	struct pkt *all[PKT_BURST];
	uint8_t head[PKT_BURST][LANE_HEAD];
};

/* Which ports a lane serves. Immutable once published; replaced as a whole. */
struct lane_ports {
	uint64_t serial; /* an address may be used again, a serial is not */
	uint32_t n;
	struct swport *port[];
};

/* The frames of a burst that go one way. */
struct lane_group {
	uint32_t n;
	uint32_t verdict;
	struct pkt *pkt[PKT_BURST];
};

typedef uint32_t lane_put_fn(struct lane *lane, const struct port_ops *ops, struct swport *out,
			     uint32_t queue, struct pkt *const *pkt, uint32_t n);

struct lane_counters { /* as struct switch_lane */
	counter_t frames, rounds, busy, busy_tsc, idle_tsc, sleeps, slept_tsc, handed_over;
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
	struct snoop *snoop;      /* NULL: no snooping (snoop.h) */
	struct rte_mempool *pool; /* its node's; buffers of 2 KiB */
	bool shared; /* others use this CPU too: give it away when there is nothing to do */

	lane_put_fn *put;  /* send.h: with a lock when there are several lanes */
	uint64_t idle_tsc; /* spins for so long before it sleeps; 0: never sleeps */
	int wake_fd;       /* an eventfd: written to by whoever wants it awake; -1: none */

	/* other threads */
	_Atomic(const struct lane_ports *) ports __attribute__((aligned(64)));
	_Atomic bool stop;
	_Atomic int tid;      /* of the thread that it is; 0: none. For overdue.c */
	_Atomic bool resting; /* asleep, or about to be; whoever clears it wakes it: idle.h */

	/* its own */
	uint64_t now __attribute__((aligned(64))); /* TSC when this visit began */
	bool unfinished;        /* among the frames in hand: PKT_OFFLOAD; set by peek() */
	struct swport *current; /* whose frames are being worked on: for logsink.c, sigbus.c */
	struct trace *trace;    /* not NULL while the frames in hand are traced */
	uint32_t level;         /* of out[], in use */
	bool awake;   /* in this round a stage keeps frames, or some were dropped unshown */
	bool emptied; /* stages keep nothing now: what waits in them goes, due or not */
	struct lane_counters count;

	/* idle.c */
	struct pollfd *want; /* IDLE_FDS; NULL: never sleeps */
	uint32_t n_want;
	bool blind; /* a port cannot tell of its frames */

	/* its ports: those that had frames lately come first, n_busy of them */
	uint64_t serial;
	uint32_t n_ports, n_busy, next_silent;
	int64_t silent_tsc; /* ticks that may be spent on silent ones now */
	uint64_t next_second;
	struct swport *poll[SWITCH_PORTS_MAX];

	uint32_t n_rounds, n_flush;
	struct swport *rounds[SWITCH_PORTS_MAX]; /* with a stage that has round() */
	struct swport *flush[SWITCH_PORTS_MAX];  /* that have frames collected by put() */

	/* pairs.c; NULL: without */
	struct pair_set *pairs;
	uint64_t pairs_seed[2];
	uint32_t pairs_shift;

	/* scatter.c */
	uint8_t group_of[SWITCH_PORTS_MAX + 1 + DROP_CAUSES]; /* by verdict: 1 + index; 0: none */
	struct lane_group group[PKT_BURST];

	struct offload_scratch offload;

	/* the burst in hand: peek()'s, pkt[0..n) with near[] or a head in in.head[] */
	struct lane_scratch in;
	struct pkt_seg seg[LANE_SEGS]; /* for peek(): pkt->more */
	/* copies for a port with CHAIN_OUT, one for each port inside a port */
	struct lane_scratch out[LANE_LEVELS];
};

/* Another one of the same switch: they are elements of one array, in order. */
static inline struct lane *
lane_other(struct lane *lane, uint32_t number)
{
	return lane - lane->number + number;
}

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

/*
 * Makes what lane_run() needs of a lane whose constant part is filled in, and frees it. On the lane's
 * own thread, so that its memory is near.
 */
void lane_init(struct lane *lane);
void lane_fini(struct lane *lane);

/* One visit to each of its ports; lane->ports is not NULL. Returns how many frames came. */
uint32_t lane_round(struct lane *lane);

/* Runs until lane->stop; on a thread of its own. */
int lane_run(void *lane);

/*
 * What its ports' stages keep goes out, due or not. For a lane that has stopped: the thread that calls this
 * stands in for its own. All lanes of a switch have stopped, and are emptied one by one.
 */
void lane_empty(struct lane *lane);

/* The lane that this thread is; NULL on every other thread. Safe in a signal handler. */
struct lane *lane_self(void);

#endif
