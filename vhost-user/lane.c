/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/lane.h"

#include <unistd.h>

#include "base/tsc.h"
#include "vhost-user/forward.h"
#include "vhost-user/idle.h"
#include "vhost-user/pairs.h"
#include "vhost-user/rcu.h"
#include "vhost-user/scatter.h"
#include "vhost-user/send.h"

/*
 * Ports up to here are polled in every round whatever they do: a visit to a silent one costs as much
 * as one frame. Beyond, those without frames get a share of the time: SILENT_SHARE of it.
 */
#define FEW_PORTS    4
#define SILENT_SHARE 24

static _Thread_local struct lane *self;

struct lane *
lane_self(void)
{
	return self;
}

void
lane_init(struct lane *lane)
{
	for (uint32_t i = 0; i < PKT_BURST; i++)
		lane->in.all[i] = &lane->in.pkt[i];
	lane->put = send_choose(lane->lanes);
	/* a place for each of the address table's: as many pairs as addresses find room */
	pairs_make(lane, (lane->fwd->mac.mask + 1) * MAC_WAYS);
	lane->now = tsc_now();
	lane->next_second = lane->now + lane->tsc_hz;
}

void
lane_fini(struct lane *lane)
{
	pairs_free(lane);
}

/* A new set of ports, all of them polled until they prove to be silent. */
static void
take_ports(struct lane *lane, const struct lane_ports *ports)
{
	lane->serial = ports->serial;
	lane->n_ports = lane->n_busy = ports->n;
	lane->next_silent = 0;
	for (uint32_t i = 0; i < ports->n; i++) {
		lane->poll[i] = ports->port[i];
		lane->poll[i]->last_frame = lane->now;
	}
	/* the lane that had them before may have gone to sleep, and asked to be woken */
	idle_quiet(lane);
}

static void
swap_ports(struct lane *lane, uint32_t a, uint32_t b)
{
	struct swport *p = lane->poll[a];

	lane->poll[a] = lane->poll[b];
	lane->poll[b] = p;
}

/* The stages that have something to do without a frame. */
static __attribute__((noinline)) void
run_rounds(struct lane *lane, struct swport *port, const struct chain *chain)
{
	if (lane->lanes > 1)
		send_lock(lane, &port->chain_lock, 0);
	for (uint32_t i = 0; i < chain->n; i++)
		if (chain->stage[i].feature->round)
			chain->stage[i].feature->round(lane, port, chain->stage[i].state);
	if (lane->lanes > 1)
		send_unlock(&port->chain_lock);
}

/* One burst from each of the port's queues. Returns how many frames came. */
static inline uint32_t
visit(struct lane *lane, struct swport *port)
{
	/* acquire: pairs with the release of a connection that is whole */
	const struct port_ops *ops = atomic_load_explicit(&port->ops, memory_order_acquire);
	uint32_t mask, total = 0;

	if (!ops)
		return 0;
	lane->current = port;
	mask = atomic_load_explicit(&port->rx_mask, memory_order_relaxed);
	for (; mask; mask &= mask - 1) {
		uint32_t queue = (uint32_t)__builtin_ctz(mask);
		uint32_t n = ops->peek(lane, port, queue, lane->in.pkt, PKT_BURST);

		if (n == 0)
			continue;
		lane->current = port;
		scatter_burst(lane, port, n);
		ops->done(lane, port, queue);
		lane->unfinished = false;
		total += n;
	}
	return total;
}

/* The ports that had frames lately. One that has had none for a while becomes a silent one. */
static uint32_t
visit_busy(struct lane *lane)
{
	const uint64_t silent_after = lane->tsc_hz / 1000000 * LANE_SILENT_US;
	uint32_t frames = 0;

	for (uint32_t i = 0; i < lane->n_busy; i++) {
		struct swport *port = lane->poll[i];
		uint64_t start = lane->now;
		uint32_t n = visit(lane, port);

		if (n) {
			frames += n;
			lane->now = tsc_now();
			port->last_frame = lane->now;
			counter_add(&port->busy, lane->now - start);
		} else if (__builtin_expect(lane->n_ports > FEW_PORTS &&
						    start - port->last_frame > silent_after,
					    0)) {
			swap_ports(lane, i--, --lane->n_busy);
		}
	}
	return frames;
}

/*
 * As many of the silent ports as the time for them allows, all of them when nothing else happens. So
 * among hundreds of silent ports a busy one keeps its rate, and a silent one waits for about
 * SILENT_SHARE times as long as a look at all of them takes: some 100 us for 256 ports.
 */
static uint32_t
visit_silent(struct lane *lane, bool busy, uint64_t spent)
{
	uint32_t left = lane->n_ports - lane->n_busy, frames = 0;

	if (left == 0)
		return 0;
	lane->silent_tsc += (int64_t)(spent / SILENT_SHARE);
	while (left-- && (!busy || lane->silent_tsc > 0)) {
		uint64_t start = lane->now;
		uint32_t at, n;

		if (lane->next_silent < lane->n_busy || lane->next_silent >= lane->n_ports)
			lane->next_silent = lane->n_busy;
		at = lane->next_silent++;
		n = visit(lane, lane->poll[at]);
		lane->now = tsc_now();
		if (n == 0) {
			lane->silent_tsc -= (int64_t)(lane->now - start);
			continue;
		}
		frames += n;
		lane->poll[at]->last_frame = lane->now;
		counter_add(&lane->poll[at]->busy, lane->now - start);
		swap_ports(lane, at, lane->n_busy++);
	}
	if (!busy && lane->silent_tsc < 0)
		lane->silent_tsc = 0;
	return frames;
}

/* What ports do without frames: shapers let go, devices send what was collected. */
static void
end_round(struct lane *lane)
{
	for (uint32_t i = 0; i < lane->n_rounds; i++) {
		struct swport *port = lane->rounds[i];
		const struct chain *chain =
			atomic_load_explicit(&port->chain[CHAIN_OUT], memory_order_acquire);

		if (chain && chain->rounds)
			run_rounds(lane, port, chain);
	}
	send_flush(lane);
}

static void
find_rounds(struct lane *lane, const struct lane_ports *ports)
{
	lane->n_rounds = 0;
	for (uint32_t i = 0; i < ports->n; i++) {
		const struct chain *chain = atomic_load_explicit(&ports->port[i]->chain[CHAIN_OUT],
								 memory_order_acquire);

		if (chain && chain->rounds)
			lane->rounds[lane->n_rounds++] = ports->port[i];
	}
}

static __attribute__((noinline)) void
tick(struct lane *lane)
{
	lane->next_second += lane->tsc_hz;
	if (lane->number == 0)
		fwd_tick(lane->fwd);
	for (uint32_t i = 0; i < lane->n_ports; i++) {
		struct swport *port = lane->poll[i];
		const struct port_ops *ops = atomic_load_explicit(&port->ops, memory_order_acquire);

		lane->current = port;
		if (ops && ops->second)
			ops->second(lane, port);
	}
}

/* The ports that it has now; those of another list may be gone when it was not online. */
static inline void
look_up_ports(struct lane *lane)
{
	/* acquire: pairs with the control thread's release of a whole list */
	const struct lane_ports *ports = atomic_load_explicit(&lane->ports, memory_order_acquire);

	if (__builtin_expect(lane->serial != ports->serial, 0)) {
		take_ports(lane, ports);
		find_rounds(lane, ports);
	}
}

uint32_t
lane_round(struct lane *lane)
{
	uint64_t start = lane->now;
	uint32_t n;

	look_up_ports(lane);
	lane->awake = false;
	n = visit_busy(lane);
	lane->now = tsc_now();
	n += visit_silent(lane, n != 0, lane->now - start);
	end_round(lane);
	lane->current = NULL;
	counter_add(&lane->count.rounds, 1);
	if (n) {
		counter_add(&lane->count.busy, 1);
		counter_add(&lane->count.frames, n);
		counter_add(&lane->count.busy_tsc, lane->now - start);
	} else {
		counter_add(&lane->count.idle_tsc, lane->now - start);
	}
	return n;
}

/* No frame for longer than it may spin: asks for wake-ups, looks once more, and sleeps. */
static __attribute__((noinline)) bool
rest(struct lane *lane)
{
	bool busy;

	atomic_store_explicit(&lane->resting, true, memory_order_release);
	idle_watch(lane);
	busy = lane_round(lane) != 0 || lane->awake;
	if (!busy)
		idle_wait(lane);
	atomic_store_explicit(&lane->resting, false, memory_order_relaxed);
	look_up_ports(lane);
	idle_quiet(lane);
	return busy;
}

int
lane_run(void *arg)
{
	struct lane *lane = arg;
	uint64_t last;

	self = lane;
	atomic_store_explicit(&lane->tid, gettid(), memory_order_relaxed);
	lane_init(lane);
	last = lane->now;
	rcu_online(lane->rcu, lane->number);
	while (!atomic_load_explicit(&lane->stop, memory_order_relaxed)) {
		if (lane_round(lane) || lane->awake) {
			last = lane->now;
		} else if (lane->idle_tsc && lane->now - last > lane->idle_tsc) {
			/* with a frame it spins again for that long, without one it sleeps again */
			if (rest(lane))
				last = lane->now;
		}
		if (__builtin_expect((int64_t)(lane->now - lane->next_second) >= 0, 0))
			tick(lane);
		if (lane->number == 0)
			fwd_age(lane);
		rcu_quiet(lane->rcu, lane->number);
	}
	rcu_offline(lane->rcu, lane->number);
	lane_fini(lane);
	atomic_store_explicit(&lane->tid, 0, memory_order_relaxed);
	self = NULL;
	return 0;
}

void
lane_empty(struct lane *lane)
{
	self = lane;
	atomic_store_explicit(&lane->tid, gettid(), memory_order_relaxed);
	atomic_store_explicit(&lane->tid, gettid(), memory_order_relaxed);
	rcu_online(lane->rcu, lane->number);
	lane->now = tsc_now();
	look_up_ports(lane);
	lane->emptied = true;
	end_round(lane);
	lane->emptied = false;
	rcu_offline(lane->rcu, lane->number);
	atomic_store_explicit(&lane->tid, 0, memory_order_relaxed);
	atomic_store_explicit(&lane->tid, 0, memory_order_relaxed);
	self = NULL;
}
