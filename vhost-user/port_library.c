/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/port_library.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "vhost-user/lane.h"

/* Virtqueue numbers of a pair, from the guest's side (virtio 1.2, 5.1.2). */
#define GUEST_RX(pair) ((uint16_t)((pair)*2))
#define GUEST_TX(pair) ((uint16_t)((pair)*2 + 1))

struct library {
	int vid; /* constant while up */
	struct held {
		struct rte_mbuf *mbuf[PKT_BURST];
		uint32_t n;
	} held[PORT_QUEUES_MAX];
};

static void
done(struct lane *lane, struct swport *port, uint32_t queue)
{
	struct library *l = port->backing;
	struct held *h = &l->held[queue];

	(void)lane;
	rte_pktmbuf_free_bulk(h->mbuf, h->n);
	h->n = 0;
}

/* What lies in @m as a frame; *used pieces of the lane's are taken. false: there are not enough. */
static bool
fill(struct lane *lane, const struct rte_mbuf *m, struct pkt *p, uint32_t *used)
{
	const uint8_t *at = rte_pktmbuf_mtod(m, const uint8_t *);
	struct pkt_seg *seg = &lane->seg[*used];

	*p = (struct pkt){.head = p->near, .len = rte_pktmbuf_pkt_len(m), .more = seg};
	p->head_len = (uint16_t)RTE_MIN(rte_pktmbuf_data_len(m), (uint32_t)PKT_HEAD);
	memcpy(p->near, at, p->head_len);
	p->body = at + p->head_len;
	p->body_len = rte_pktmbuf_data_len(m) - p->head_len;
	for (m = m->next; m; m = m->next) {
		if (*used == LANE_SEGS)
			return false;
		(*used)++;
		seg[p->n_more++] = (struct pkt_seg){rte_pktmbuf_mtod(m, const uint8_t *),
						    rte_pktmbuf_data_len(m)};
	}
	return true;
}

static uint32_t
peek(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n)
{
	struct library *l = port->backing;
	struct held *h = &l->held[queue];
	uint32_t used = 0, shown = 0;

	h->n = rte_vhost_dequeue_burst(l->vid, GUEST_TX(queue), lane->pool, h->mbuf, (uint16_t)n);
	for (uint32_t i = 0; i < h->n; i++) {
		if (!fill(lane, h->mbuf[i], &pkt[shown], &used)) {
			swport_drop(port, lane, DROP_BUFFERS, 1);
			continue;
		}
		pkt[shown++].domain = atomic_load_explicit(&port->domain, memory_order_relaxed);
	}
	if (shown == 0)
		done(lane, port, queue); /* nobody will call it for nothing */
	return shown;
}

/* A copy in one chain of buffers, or NULL when there are none. */
static struct rte_mbuf *
copy_of(struct rte_mempool *pool, const struct pkt *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *last = m;
	struct pkt_seg part[2] = {{p->head, p->head_len}, {p->body, p->body_len}};

	for (uint32_t i = 0; m && i < 2u + p->n_more; i++) {
		struct pkt_seg s = i < 2 ? part[i] : p->more[i - 2];

		while (s.len > 0) {
			uint32_t n = RTE_MIN(s.len, (uint32_t)rte_pktmbuf_tailroom(last));

			if (n == 0) {
				last->next = rte_pktmbuf_alloc(pool);
				if (!last->next) {
					rte_pktmbuf_free(m);
					return NULL;
				}
				last = last->next;
				m->nb_segs++;
				continue;
			}
			memcpy(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), s.addr, n);
			last->data_len = (uint16_t)(last->data_len + n);
			m->pkt_len += n;
			s.addr += n;
			s.len -= n;
		}
	}
	return m;
}

static uint32_t
put(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *const *pkt, uint32_t n)
{
	const struct library *l = port->backing;
	uint32_t sent = 0;

	while (sent < n) {
		struct rte_mbuf *m[PKT_BURST];
		uint32_t made = 0, went;

		while (made < PKT_BURST && sent + made < n) {
			m[made] = copy_of(lane->pool, pkt[sent + made]);
			if (!m[made])
				break;
			made++;
		}
		went = made ? rte_vhost_enqueue_burst(l->vid, GUEST_RX(queue), m, (uint16_t)made)
			    : 0;
		rte_pktmbuf_free_bulk(m, made);
		sent += went;
		if (went == 0 || went < made)
			break;
	}
	return sent;
}

static int
watch(struct lane *lane, struct swport *port, uint32_t queue)
{
	(void)lane, (void)port, (void)queue;
	return -1; /* the library's positions are its own: looked at again after a short sleep */
}

static void
quiet(struct lane *lane, struct swport *port, uint32_t queue)
{
	(void)lane, (void)port, (void)queue;
}

static const struct port_ops ops = {
	.name = "library",
	.peek = peek,
	.done = done,
	.put = put,
	.watch = watch,
	.quiet = quiet,
};

int
library_init(struct swport *p)
{
	struct library *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->vid = -1;
	p->backing = l;
	return 0;
}

void
library_fini(struct swport *p)
{
	free(p->backing);
	p->backing = NULL;
}

/* So that a fault in guest memory can be told apart from one of ours (sigbus.h). */
static void
note_regions(struct swport *p, int vid)
{
	struct rte_vhost_memory *mem = NULL;

	p->n_regions = 0;
	if (rte_vhost_get_mem_table(vid, &mem) < 0)
		return;
	for (uint32_t i = 0; i < mem->nregions && i < SWITCH_REGIONS_MAX; i++)
		p->region[p->n_regions++] =
			(struct swport_region){.addr = mem->regions[i].host_user_addr,
					       .size = mem->regions[i].size};
	free(mem);
}

void
library_ready(struct swport *p, int vid)
{
	struct library *l = p->backing;

	uint64_t features = 0;

	note_regions(p, vid);
	p->packed = rte_vhost_get_negotiated_features(vid, &features) == 0 &&
		    (features & 1ull << VIRTIO_F_RING_PACKED);
	l->vid = vid;
	/* release: pairs with the lanes' acquire */
	atomic_store_explicit(&p->ops, &ops, memory_order_release);
}

void
library_gone(struct swport *p, struct rcu *rcu)
{
	atomic_store_explicit(&p->ops, NULL, memory_order_relaxed);
	rcu_wait(rcu);
}

void
library_ring(struct swport *p, uint16_t ring, bool enable)
{
	uint32_t bit = 1u << ring / 2;
	_Atomic uint32_t *mask = ring % 2 ? &p->rx_mask : &p->tx_mask;

	if (enable)
		atomic_fetch_or_explicit(mask, bit, memory_order_release);
	else
		atomic_fetch_and_explicit(mask, ~bit, memory_order_release);
}
