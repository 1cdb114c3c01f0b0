/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/poll.h"

#include <sched.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_pause.h>
#include <rte_vhost.h>

#include "vhost-user/flow.h"

/* Virtqueue numbers of a pair, from the guest's side (virtio 1.2, 5.1.2). */
#define SLOT(port)     ((port)->ref & SWITCH_SLOT_MASK)
#define GUEST_RX(pair) ((uint16_t)((pair)*2))
#define GUEST_TX(pair) ((uint16_t)((pair)*2 + 1))

static int
connected_vid(const struct swport *p)
{
	/* acquire: pairs with the vhost thread's release once the device is ready */
	return atomic_load_explicit(&p->vid, memory_order_acquire);
}

static uint64_t
bytes_of(struct rte_mbuf *const *pkt, uint32_t n)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		bytes += pkt[i]->pkt_len;
	return bytes;
}

/* Puts frames, @bytes in all, into one queue of a guest; they stay the caller's. */
static void
send_queue(struct poller *p, struct swport *out, int vid, uint32_t pair, struct rte_mbuf **pkt,
	   uint32_t n, uint64_t bytes)
{
	uint32_t sent = rte_vhost_enqueue_burst(vid, GUEST_RX(pair), pkt, (uint16_t)n);

	if (unlikely(sent < n)) {
		counter_add(&swport_count(out, &p->lane)->drops[DROP_RING_FULL], n - sent);
		bytes = bytes_of(pkt, sent);
	}
	counter_add(&swport_count(out, &p->lane)->tx_packets, sent);
	counter_add(&swport_count(out, &p->lane)->tx_bytes, bytes);
}

/* Several queues: each flow keeps to one of them. */
static void
send_spread(struct poller *p, struct swport *out, int vid, uint32_t pairs, struct rte_mbuf **pkt,
	    uint32_t n)
{
	struct rte_mbuf *lane[PORT_QUEUES_MAX][SWITCH_BURST];
	uint32_t fill[PORT_QUEUES_MAX] = {0};
	uint64_t bytes[PORT_QUEUES_MAX] = {0};

	for (uint32_t i = 0; i < n; i++) {
		uint32_t q = flow_hash(rte_pktmbuf_mtod(pkt[i], const uint8_t *),
				       rte_pktmbuf_data_len(pkt[i])) %
			     pairs;

		lane[q][fill[q]++] = pkt[i];
		bytes[q] += pkt[i]->pkt_len;
	}
	for (uint32_t q = 0; q < pairs; q++)
		if (fill[q])
			send_queue(p, out, vid, q, lane[q], fill[q], bytes[q]);
}

/* At most SWITCH_BURST frames, @bytes in all, in order, to @out. */
static void
send_port(struct poller *p, struct swport *out, struct rte_mbuf **pkt, uint32_t n, uint64_t bytes)
{
	int vid = connected_vid(out);
	uint32_t pairs;

	if (unlikely(vid < 0)) {
		counter_add(&swport_count(out, &p->lane)->drops[DROP_LINK_DOWN], n);
		return;
	}
	/* the pairs in use are the first ones: virtio 1.2, 5.1.6.5.5 */
	pairs = (uint32_t)__builtin_ctz(~atomic_load_explicit(&out->tx_mask, memory_order_relaxed));
	if (likely(pairs == 1))
		send_queue(p, out, vid, 0, pkt, n, bytes);
	else if (pairs > 1)
		send_spread(p, out, vid, pairs, pkt, n);
	else
		counter_add(&swport_count(out, &p->lane)->drops[DROP_LINK_DOWN], n);
}

/* Adds a frame to what goes to @out at the end of this burst. */
static void
queue_frame(struct poller *p, struct swport *out, struct rte_mbuf *pkt)
{
	if (unlikely(!fwd_fits(out, rte_pktmbuf_mtod(pkt, const uint8_t *), pkt->pkt_len))) {
		counter_add(&swport_count(out, &p->lane)->drops[DROP_OVERSIZE], 1);
		return;
	}
	if (p->batch[SLOT(out)].n == 0)
		p->touched[p->n_touched++] = out;
	p->batch[SLOT(out)].frame[p->batch[SLOT(out)].n++] = pkt;
	p->batch[SLOT(out)].bytes += pkt->pkt_len;
}

static void
flood_frame(struct poller *p, const struct port_member *m, struct rte_mbuf *pkt)
{
	uint32_t copies = 0;

	for (uint32_t i = 0; i < m->n_peers; i++) {
		struct swport *out = m->peers[i];

		if (out == m->port || connected_vid(out) < 0)
			continue;
		queue_frame(p, out, pkt);
		copies++;
	}
	if (copies == 0)
		counter_add(&swport_count(m->port, &p->lane)->drops[DROP_NO_PORT], 1);
	else if (copies > 1)
		counter_add(&swport_count(m->port, &p->lane)->flooded, 1);
}

static void
act(struct poller *p, const struct port_member *m, uint32_t verdict, struct swport *out,
    struct rte_mbuf *pkt)
{
	if (verdict == FWD_TO)
		queue_frame(p, out, pkt);
	else if (verdict == FWD_FLOOD)
		flood_frame(p, m, pkt);
	else
		counter_add(&swport_count(m->port, &p->lane)->drops[verdict - FWD_DROP], 1);
}

static uint32_t
decide(struct poller *p, const struct port_member *m, struct rte_mbuf *pkt, struct swport **ret_out)
{
	/* the first segment is never shorter than the frame or a whole buffer, so it holds a header */
	return fwd_decide(&p->fwd, m->port, rte_pktmbuf_mtod(pkt, const uint8_t *), pkt->pkt_len,
			  ret_out);
}

/* The rest of a burst that does not all go to one place. */
static void
forward_mixed(struct poller *p, const struct port_member *m, struct rte_mbuf **pkt, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct swport *out = NULL;
		uint32_t verdict = decide(p, m, pkt[i], &out);

		act(p, m, verdict, out, pkt[i]);
	}
}

static void
flush(struct poller *p)
{
	for (uint32_t i = 0; i < p->n_touched; i++) {
		struct swport *out = p->touched[i];

		send_port(p, out, (struct rte_mbuf **)p->batch[SLOT(out)].frame,
			  p->batch[SLOT(out)].n, p->batch[SLOT(out)].bytes);
		p->batch[SLOT(out)].n = 0;
		p->batch[SLOT(out)].bytes = 0;
	}
	p->n_touched = 0;
}

/*
 * vhost copies into the guest, so one mbuf can go to many ports without a copy or a reference
 * count: it stays ours until the end of the burst and is freed once.
 */
static void
forward_burst(struct poller *p, const struct port_member *m, struct rte_mbuf **pkt, uint32_t n,
	      uint64_t bytes)
{
	struct swport *only = NULL;
	uint32_t same;

	for (same = 0; same < n; same++) {
		struct swport *out = NULL;
		uint32_t verdict = decide(p, m, pkt[same], &out);

		if (likely(verdict == FWD_TO && out && (out == only || same == 0) &&
			   pkt[same]->pkt_len <= out->max_len)) {
			only = out;
			continue;
		}
		for (uint32_t i = 0; i < same; i++)
			queue_frame(p, only, pkt[i]);
		act(p, m, verdict, out, pkt[same]);
		forward_mixed(p, m, pkt + same + 1, n - same - 1);
		flush(p);
		return;
	}
	send_port(p, only, pkt, n, bytes);
}

static void
handle_burst(struct poller *p, const struct port_member *m, struct rte_mbuf **pkt, uint32_t n)
{
	uint32_t chained = 0;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++) {
		bytes += pkt[i]->pkt_len;
		chained |= pkt[i]->nb_segs ^ 1u;
	}
	counter_add(&swport_count(m->port, &p->lane)->rx_packets, n);
	counter_add(&swport_count(m->port, &p->lane)->rx_bytes, bytes);
	forward_burst(p, m, pkt, n, bytes);
	/* in one go when every frame is one plain buffer, as most are */
	if (likely(chained == 0))
		rte_mempool_put_bulk(p->pool, (void *const *)pkt, n);
	else
		rte_pktmbuf_free_bulk(pkt, n);
}

/* One visit to a queue. Returns how many frames came. */
static uint32_t
poll_queue(struct poller *p, const struct port_member *m, int vid, uint32_t pair)
{
	struct rte_mbuf *pkt[SWITCH_BURST];
	uint32_t n, total = 0;

	for (uint32_t left = p->fwd.ports->bursts; left > 0; left--) {
		n = rte_vhost_dequeue_burst(vid, GUEST_TX(pair), p->pool, pkt, SWITCH_BURST);
		if (n == 0)
			break;
		total += n;
		handle_burst(p, m, pkt, n);
		if (n < SWITCH_BURST)
			break;
	}
	m->port->polled[pair] += total;
	return total;
}

/*
 * Tells the guest that it need not kick us, neither for frames nor for buffers. Here, because on the
 * thread that hears of new rings DPDK may hold the very locks that this takes.
 */
static void
hush(struct swport *in, int vid, uint32_t rx, uint32_t tx)
{
	for (uint32_t new = rx & ~in->hushed_rx; new; new &= new - 1)
		rte_vhost_enable_guest_notification(vid, GUEST_TX(__builtin_ctz(new)), 0);
	for (uint32_t new = tx & ~in->hushed_tx; new; new &= new - 1)
		rte_vhost_enable_guest_notification(vid, GUEST_RX(__builtin_ctz(new)), 0);
	in->hushed_rx = rx;
	in->hushed_tx = tx;
}

/* Returns how many frames the guest had sent. */
static uint32_t
poll_port(struct poller *p, const struct port_member *m)
{
	int vid = connected_vid(m->port);
	struct swport *in = m->port;
	uint32_t rx, tx, n = 0;

	if (vid < 0) {
		in->hushed_rx = in->hushed_tx = 0;
		return 0;
	}
	p->lane.current = in;
	rx = atomic_load_explicit(&in->rx_mask, memory_order_relaxed);
	tx = atomic_load_explicit(&in->tx_mask, memory_order_relaxed);
	if (unlikely(rx != in->hushed_rx || tx != in->hushed_tx))
		hush(in, vid, rx, tx);
	for (; rx; rx &= rx - 1)
		n += poll_queue(p, m, vid, (uint32_t)__builtin_ctz(rx));
	return n;
}

/*
 * A ring that offers frames of which none could be taken for a second is broken (DPDK stops at the
 * first descriptor that makes no sense): counted once each time it gets stuck. Split rings only:
 * DPDK cannot count what a packed ring offers, and only DPDK may look, under its locks, at memory
 * that a front end can take away at any moment.
 */
static void
check_stuck(struct poller *p, struct swport *in)
{
	int vid = connected_vid(in);

	if (vid < 0 || in->packed)
		return;
	for (uint32_t q = 0; q < PORT_QUEUES_MAX; q++) {
		uint32_t bit = 1u << q;
		bool moved = in->polled[q] != in->checked[q];

		in->checked[q] = in->polled[q];
		if (moved || !(in->hushed_rx & bit) ||
		    rte_vhost_rx_queue_count(vid, GUEST_TX(q)) == 0) {
			in->stuck &= ~bit;
		} else if (!(in->stuck & bit)) {
			in->stuck |= bit;
			counter_add(&swport_count(in, &p->lane)->bad_ring, 1);
		}
	}
}

static void
tick(struct poller *p, const struct port_table *t)
{
	p->next_tick += p->tsc_hz;
	fwd_tick(&p->fwd);
	for (uint32_t i = 0; i < t->n; i++)
		check_stuck(p, t->member[i].port);
}

/* One visit to every port. Returns how many frames came. */
static uint32_t
poll_round(struct poller *p, const struct port_table *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++)
		n += poll_port(p, &t->member[i]);
	p->lane.current = NULL;
	return n;
}

int
poller_run(void *poller)
{
	struct poller *p = poller;

	p->next_tick = rte_rdtsc() + p->tsc_hz;
	rcu_online(p->lane.rcu, 0);
	while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
		/* acquire: pairs with the control thread's release of a whole table */
		const struct port_table *t = atomic_load_explicit(&p->ports, memory_order_acquire);
		uint32_t n;

		fwd_round(&p->fwd, t);
		n = poll_round(p, t);
		if (unlikely((int64_t)(rte_rdtsc() - p->next_tick) >= 0))
			tick(p, t);
		fwd_age(&p->fwd);
		rcu_quiet(p->lane.rcu, 0);
		if (unlikely(n == 0 && p->shared))
			sched_yield();
	}
	rcu_offline(p->lane.rcu, 0);
	return 0;
}
