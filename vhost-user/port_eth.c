/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/port_eth.h"

#include <unistd.h>

#include <rte_branch_prediction.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/util.h"
#include "vhost-user/lane.h"
#include "vhost-user/port_vxlan.h"

#define FRAME_MIN   60 /* IEEE 802.3, without FCS; not every device pads */
#define ALIVE_TURNS 64 /* polls between two signs of life; LACP wants one in 100 ms */

/* The rest of a frame in several buffers. false: more of them than the lane has room for. */
static bool
fill_more(struct pkt *p, const struct rte_mbuf *m, struct lane *lane, uint32_t *used)
{
	struct pkt_seg *seg = lane->seg + *used;
	uint32_t n = 0;

	for (m = m->next; m; m = m->next) {
		if (*used + n == LANE_SEGS)
			return false;
		seg[n].addr = rte_pktmbuf_mtod(m, const uint8_t *);
		seg[n++].len = rte_pktmbuf_data_len(m);
	}
	*used += n;
	p->more = seg;
	p->n_more = (uint16_t)n;
	return true;
}

/* The device cut a tag off, or the head is not in one buffer: seldom, and put right in place. */
static bool
straighten(struct rte_mbuf **m)
{
	uint32_t want = MIN_OF(rte_pktmbuf_pkt_len(*m), PKT_DEEP);

	if (((*m)->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) && rte_vlan_insert(m) != 0)
		return false;
	(*m)->ol_flags &= ~RTE_MBUF_F_RX_VLAN_STRIPPED;
	return rte_pktmbuf_data_len(*m) >= want || rte_pktmbuf_linearize(*m) == 0;
}

static inline void
fill_one(struct pkt *p, struct rte_mbuf *m, uint16_t domain)
{
	uint32_t first = rte_pktmbuf_data_len(m);
	uint32_t head = MIN_OF(first, PKT_DEEP);

	p->head = rte_pktmbuf_mtod(m, uint8_t *);
	p->head_len = (uint16_t)head;
	p->body = p->head + head;
	p->body_len = first - head;
	p->len = rte_pktmbuf_pkt_len(m);
	p->n_more = 0;
	p->domain = domain;
	p->pcp = 0;
	p->flags = 0;
	p->mbuf = m;
}

uint32_t
eth_fill(struct lane *lane, struct swport *port, struct rte_mbuf **m, struct pkt *pkt, uint32_t n)
{
	uint16_t domain = atomic_load_explicit(&port->domain, memory_order_relaxed);
	uint32_t kept = 0, used = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = rte_pktmbuf_pkt_len(m[i]);
		bool plain = !(m[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) &&
			     rte_pktmbuf_data_len(m[i]) >= MIN_OF(len, PKT_DEEP);

		if (unlikely(!plain && !straighten(&m[i]))) {
			swport_drop(port, lane, DROP_BUFFERS, 1);
			rte_pktmbuf_free(m[i]);
			continue;
		}
		fill_one(&pkt[kept], m[i], domain);
		if (unlikely(m[i]->next && !fill_more(&pkt[kept], m[i], lane, &used))) {
			swport_drop(port, lane, DROP_BUFFERS, 1);
			rte_pktmbuf_free(m[i]);
			continue;
		}
		m[kept++] = m[i];
	}
	return kept;
}

static uint32_t
eth_peek(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n)
{
	struct eth_port *ep = port->backing;
	struct eth_queue *q = &ep->queue[queue];

	n = rte_eth_rx_burst(ep->dev.id, (uint16_t)queue, q->held, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(q->held[i], const void *));
	q->n_held = eth_fill(lane, port, q->held, pkt, n);
	return q->n_held;
}

static void
eth_done(struct lane *lane, struct swport *port, uint32_t queue)
{
	struct eth_port *ep = port->backing;
	struct eth_queue *q = &ep->queue[queue];

	(void)lane;
	rte_pktmbuf_free_bulk(q->held, q->n_held);
	q->n_held = 0;
}

/* Copies the frame into @m and, where it does not fit, buffers after it. false: no more buffers. */
static bool
copy_chained(struct rte_mempool *pool, struct rte_mbuf *m, const struct pkt *pkt)
{
	struct rte_mbuf *last = m;
	uint32_t room = rte_pktmbuf_tailroom(m);

	for (uint32_t i = 0; i < 2u + pkt->n_more; i++) {
		const struct pkt_seg *s = i < 2 ? NULL : &pkt->more[i - 2];
		const uint8_t *from = s ? s->addr : i ? pkt->body : pkt->head;
		uint32_t left = s ? s->len : i ? pkt->body_len : pkt->head_len;

		while (left) {
			uint32_t step;

			if (room == 0) {
				struct rte_mbuf *more = rte_pktmbuf_alloc(pool);

				if (!more)
					return false;
				last->next = more;
				last = more;
				m->nb_segs++;
				room = rte_pktmbuf_tailroom(more);
			}
			step = MIN_OF(left, room);
			memcpy(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), from,
			       step);
			last->data_len = (uint16_t)(last->data_len + step);
			m->pkt_len += step;
			from += step;
			left -= step;
			room -= step;
		}
	}
	return true;
}

static struct rte_mbuf *
copy(const struct eth_dev *dev, const struct pkt *pkt)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(dev->pool);
	uint32_t len = MAX_OF(pkt->len, FRAME_MIN);

	if (unlikely(!m))
		return NULL;
	if (likely(len <= dev->room)) {
		uint8_t *to = rte_pktmbuf_mtod(m, uint8_t *);

		pkt_copy(pkt, to);
		if (unlikely(pkt->len < FRAME_MIN))
			memset(to + pkt->len, 0, FRAME_MIN - pkt->len);
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
		return m;
	}
	if (dev->chains_out && copy_chained(dev->pool, m, pkt))
		return m;
	rte_pktmbuf_free(m);
	return NULL;
}

/*
 * The buffer that the frame came in, when nobody else holds it: whoever gets it after us copies. Its
 * head may have been moved by a tag that was cut off, or be somewhere else (copies for a chain).
 */
static struct rte_mbuf *
refer(const struct eth_dev *dev, const struct pkt *pkt)
{
	struct rte_mbuf *m = pkt->mbuf;
	uint8_t *buf;

	if (!m || rte_mbuf_refcnt_read(m) != 1 || !RTE_MBUF_DIRECT(m) || pkt->len < FRAME_MIN ||
	    (m->next && !dev->chains_out))
		return NULL;
	buf = m->buf_addr;
	if (pkt->head < buf || pkt->head > buf + m->buf_len ||
	    (pkt->body_len && pkt->head + pkt->head_len != pkt->body))
		return NULL;
	m->data_off = (uint16_t)(pkt->head - buf);
	m->data_len = (uint16_t)(pkt->head_len + pkt->body_len);
	m->pkt_len = pkt->len;
	m->ol_flags = 0;
	rte_mbuf_refcnt_set(m, 2);
	return m;
}

static uint32_t
eth_put(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *const *pkt, uint32_t n)
{
	struct eth_port *ep = port->backing;
	struct rte_mbuf *out[PKT_BURST];
	uint32_t made, sent;

	(void)lane;
	for (made = 0; made < n; made++) {
		out[made] = refer(&ep->dev, pkt[made]);
		if (!out[made])
			out[made] = copy(&ep->dev, pkt[made]);
		if (unlikely(!out[made]))
			break;
	}
	sent = rte_eth_tx_burst(ep->dev.id, (uint16_t)queue, out, (uint16_t)made);
	if (unlikely(sent < made))
		rte_pktmbuf_free_bulk(out + sent, made - sent);
	return sent;
}

bool
eth_send_own(struct eth_port *ep, struct rte_mbuf *m)
{
	if (rte_ring_enqueue(ep->own, m) == 0)
		return true;
	rte_pktmbuf_free(m);
	atomic_fetch_add_explicit(&ep->own_lost, 1, memory_order_relaxed);
	return false;
}

/* A bond's own frames go to one of its members each, so that every neighbour hears them. */
static void
send_each(struct eth_port *ep, struct rte_mbuf **m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (rte_eth_tx_burst(m[i]->port, 0, &m[i], 1) == 1)
			continue;
		rte_pktmbuf_free(m[i]);
		atomic_fetch_add_explicit(&ep->own_lost, 1, memory_order_relaxed);
	}
}

/* Sends what is our own; nothing at all, now and then, is LACP's chance to send. */
static void
send_own(struct lane *lane, struct eth_port *ep)
{
	struct swport_lock *lock = &ep->port->queue_lock[0];
	struct eth_queue *q = &ep->queue[0];
	struct rte_mbuf *out[PKT_BURST];
	uint32_t n;

	if (rte_ring_empty(ep->own) && !(ep->alive && q->turns++ % ALIVE_TURNS == 0))
		return;
	/* acquire: pairs with the release of whoever put frames into the queue before */
	if (lane->lanes > 1 && atomic_exchange_explicit(&lock->held, 1, memory_order_acquire)) {
		q->turns = 0;
		return; /* next time */
	}
	n = rte_ring_dequeue_burst(ep->own, (void **)out, PKT_BURST, NULL);
	send_each(ep, out, n);
	if (ep->alive)
		rte_eth_tx_burst(ep->dev.id, 0, NULL, 0);
	if (lane->lanes > 1)
		atomic_store_explicit(&lock->held, 0, memory_order_release);
}

static uint32_t
eth_full_peek(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n)
{
	struct eth_port *ep = port->backing;
	struct eth_queue *q = &ep->queue[queue];
	const struct eth_tunnels *t;

	if (queue == 0)
		send_own(lane, ep);
	n = rte_eth_rx_burst(ep->dev.id, (uint16_t)queue, q->held, (uint16_t)n);
	/* acquire: pairs with the release that publishes them */
	t = atomic_load_explicit(&ep->tunnels, memory_order_acquire);
	if (n && t)
		n = eth_tunnels_take(t, lane, ep, q->held, n);
	q->n_held = eth_fill(lane, port, q->held, pkt, n);
	return q->n_held;
}

static int
eth_watch(struct lane *lane, struct swport *port, uint32_t queue)
{
	struct eth_port *ep = port->backing;

	(void)lane;
	/* a tap's descriptor needs no asking, and its driver says that it cannot */
	if (ep->dev.wake_fd[queue] >= 0)
		rte_eth_dev_rx_intr_enable(ep->dev.id, (uint16_t)queue);
	return ep->dev.wake_fd[queue];
}

static void
eth_quiet(struct lane *lane, struct swport *port, uint32_t queue)
{
	struct eth_port *ep = port->backing;
	uint64_t count;

	(void)lane;
	if (ep->dev.wake_fd[queue] < 0)
		return;
	rte_eth_dev_rx_intr_disable(ep->dev.id, (uint16_t)queue);
	/* does not block; nothing to read is as good */
	if (ep->dev.wake_drain && read(ep->dev.wake_fd[queue], &count, sizeof(count)) < 0)
		return;
}

const struct port_ops eth_ops = {
	.name = "ethdev",
	.peek = eth_peek,
	.done = eth_done,
	.put = eth_put,
	.watch = eth_watch,
	.quiet = eth_quiet,
};

const struct port_ops eth_full_ops = {
	.name = "ethdev with frames of its own",
	.peek = eth_full_peek,
	.done = eth_done,
	.put = eth_put,
	.watch = eth_watch,
	.quiet = eth_quiet,
};
