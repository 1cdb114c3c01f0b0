/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/port_vhost.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "vhost-user/lane.h"
#include "vhost-user/shared_event.h"

_Static_assert(LANE_SEGS >= RING_SEGS, "a burst's pieces");

static inline struct ring *
rx_ring(const struct swport *port, uint32_t queue)
{
	return &((struct vhost_rings *)port->backing)->ring[2ul * queue];
}

static inline struct ring *
tx_ring(const struct swport *port, uint32_t queue)
{
	return &((struct vhost_rings *)port->backing)->ring[2ul * queue + 1];
}

/* The seldom part of a call: frames left out, a ring found broken. */
static void __attribute__((noinline))
account(struct lane *lane, struct swport *port, const struct ring_scratch *s, bool broke)
{
	if (s->oversize)
		swport_drop(port, lane, DROP_OVERSIZE, s->oversize);
	if (s->unfinished)
		swport_drop(port, lane, DROP_OFFLOAD, s->unfinished);
	if (broke)
		counter_add(&swport_count(port, lane)->bad_ring, 1);
}

typedef uint32_t peek_fn(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n);
typedef uint32_t put_fn(struct ring *r, struct ring_scratch *s, struct pkt *const *pkt, uint32_t n);

static inline __attribute__((always_inline)) uint32_t
peek(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n,
     peek_fn *ring_peek)
{
	struct ring_scratch s = {.seg = lane->seg,
				 .domain =
					 atomic_load_explicit(&port->domain, memory_order_relaxed)};
	struct ring *r = tx_ring(port, queue);
	bool broken = r->broken;

	n = ring_peek(r, &s, pkt, n);
	if (__builtin_expect(s.oversize || s.unfinished || r->broken != broken, 0)) {
		account(lane, port, &s, r->broken != broken);
		/* it was asked for a kick after these frames: not yet, others may wait behind them */
		lane->awake = true;
	}
	return n;
}

static inline __attribute__((always_inline)) uint32_t
put(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *const *pkt, uint32_t n,
    put_fn *ring_put)
{
	struct ring_scratch s = {0};
	struct ring *r = rx_ring(port, queue);
	bool broken = r->broken;

	n = ring_put(r, &s, pkt, n);
	if (__builtin_expect(s.oversize || r->broken != broken, 0)) {
		struct swport_counters *c = swport_count(port, lane);

		account(lane, port, &s, r->broken != broken);
		/* the caller counts them as sent, which they are not */
		counter_add(&c->tx_packets, 0 - (uint64_t)s.oversize);
		counter_add(&c->tx_bytes, 0 - s.oversize_bytes);
	}
	return n;
}

static uint32_t
split_peek(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n)
{
	return peek(lane, port, queue, pkt, n, ring_split_peek);
}

/* Notes whether any of them is to be finished by somebody. */
static inline uint32_t
unfinished(struct lane *lane, const struct pkt *pkt, uint32_t n)
{
	uint32_t flags = 0;

	for (uint32_t i = 0; i < n; i++)
		flags |= pkt[i].flags;
	lane->unfinished = flags & PKT_OFFLOAD;
	return n;
}

static uint32_t
split_peek_off(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n)
{
	n = peek(lane, port, queue, pkt, n, ring_split_peek_off);
	return unfinished(lane, pkt, n);
}

static uint32_t
packed_peek(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n)
{
	return peek(lane, port, queue, pkt, n, ring_packed_peek);
}

static uint32_t
packed_peek_off(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n)
{
	n = peek(lane, port, queue, pkt, n, ring_packed_peek_off);
	return unfinished(lane, pkt, n);
}

typedef void done_fn(struct ring *r);

static inline __attribute__((always_inline)) void
done(struct lane *lane, struct swport *port, uint32_t queue, done_fn *ring_done)
{
	struct ring *r = tx_ring(port, queue);
	bool broken = r->broken;

	ring_done(r);
	if (__builtin_expect(r->broken != broken, 0))
		counter_add(&swport_count(port, lane)->bad_ring, 1);
}

static void
split_done(struct lane *lane, struct swport *port, uint32_t queue)
{
	done(lane, port, queue, ring_split_done);
}

static void
packed_done(struct lane *lane, struct swport *port, uint32_t queue)
{
	done(lane, port, queue, ring_packed_done);
}

static uint32_t
split_put(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *const *pkt,
	  uint32_t n)
{
	return put(lane, port, queue, pkt, n, ring_split_put);
}

static uint32_t
packed_put(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *const *pkt,
	   uint32_t n)
{
	return put(lane, port, queue, pkt, n, ring_packed_put);
}

static int
watch(struct lane *lane, struct swport *port, uint32_t queue)
{
	struct ring *r = tx_ring(port, queue);

	(void)lane;
	/* kicks of before; none is the usual case */
	if (r->kick_fd >= 0 && shared_event_drain(r->kick_fd))
		r->kicked++;
	if (!r->broken)
		ring_listen(r);
	return r->kick_fd;
}

static void
quiet(struct lane *lane, struct swport *port, uint32_t queue)
{
	(void)lane;
	ring_quiet(tx_ring(port, queue));
}

static const struct port_ops split_ops = {
	.name = "split",
	.peek = split_peek,
	.done = split_done,
	.put = split_put,
	.watch = watch,
	.quiet = quiet,
};

static const struct port_ops split_off_ops = {
	.name = "split, offloads",
	.peek = split_peek_off,
	.done = split_done,
	.put = split_put,
	.watch = watch,
	.quiet = quiet,
};

static const struct port_ops packed_ops = {
	.name = "packed",
	.peek = packed_peek,
	.done = packed_done,
	.put = packed_put,
	.watch = watch,
	.quiet = quiet,
};

static const struct port_ops packed_off_ops = {
	.name = "packed, offloads",
	.peek = packed_peek_off,
	.done = packed_done,
	.put = packed_put,
	.watch = watch,
	.quiet = quiet,
};

const struct port_ops *
port_vhost_ops(uint64_t features)
{
	bool off = features >> VIRTIO_NET_F_CSUM & 1;

	if (features >> VIRTIO_F_RING_PACKED & 1)
		return off ? &packed_off_ops : &packed_ops;
	return off ? &split_off_ops : &split_ops;
}
