/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/send.h"

#include <assert.h>
#include <sched.h>

#include "base/util.h"
#include "vhost-user/flow.h"
#include "vhost-user/forward.h"
#include "vhost-user/trace.h"
#include "vhost-user/send_offload.h"

#define FLOW_BYTES 64   /* flow_hash() looks no further in frames as most are */
#define PATIENCE   2000 /* tries for a lock before the CPU is given away, where it is shared */

static bool
lock_try(struct swport_lock *l)
{
	/* acquire: pairs with lock_release(): what the last holder wrote is seen */
	return atomic_load_explicit(&l->held, memory_order_relaxed) == 0 &&
	       atomic_exchange_explicit(&l->held, 1, memory_order_acquire) == 0;
}

void
send_lock(struct lane *lane, struct swport_lock *l, uint32_t frames)
{
	if (lock_try(l))
		return;
	counter_add(&lane->count.handed_over, frames);
	for (uint32_t i = 1; !lock_try(l); i++) {
		__builtin_ia32_pause();
		if (lane->shared && i % PATIENCE == 0)
			sched_yield(); /* whoever holds it may be waiting for this CPU */
	}
}

void
send_unlock(struct swport_lock *l)
{
	atomic_store_explicit(&l->held, 0, memory_order_release);
}

/* With one lane nobody else puts. */
static uint32_t
put_alone(struct lane *lane, const struct port_ops *ops, struct swport *out, uint32_t queue,
	  struct pkt *const *pkt, uint32_t n)
{
	return ops->put(lane, out, queue, pkt, n);
}

static uint32_t
put_locked(struct lane *lane, const struct port_ops *ops, struct swport *out, uint32_t queue,
	   struct pkt *const *pkt, uint32_t n)
{
	uint32_t sent;

	send_lock(lane, &out->queue_lock[queue], n);
	sent = ops->put(lane, out, queue, pkt, n);
	send_unlock(&out->queue_lock[queue]);
	return sent;
}

lane_put_fn *
send_choose(uint32_t lanes)
{
	return lanes > 1 ? put_locked : put_alone;
}

static uint64_t
bytes_of(struct pkt *const *pkt, uint32_t n)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		bytes += pkt[i]->len;
	return bytes;
}

/* The receiver collects frames: it is told when this round ends. */
static __attribute__((noinline)) void
flush_later(struct lane *lane, struct swport *out)
{
	for (uint32_t i = 0; i < lane->n_flush; i++)
		if (lane->flush[i] == out)
			return;
	lane->flush[lane->n_flush++] = out;
}

void
send_flush(struct lane *lane)
{
	for (uint32_t i = 0; i < lane->n_flush; i++) {
		struct swport *out = lane->flush[i];
		const struct port_ops *ops = atomic_load_explicit(&out->ops, memory_order_acquire);

		if (!ops || !ops->flush)
			continue;
		if (lane->lanes > 1)
			send_lock(lane, &out->queue_lock[0], 0);
		ops->flush(lane, out);
		if (lane->lanes > 1)
			send_unlock(&out->queue_lock[0]);
	}
	lane->n_flush = 0;
}

/* Only while they are traced. */
static __attribute__((noinline)) void
tell_put(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t sent, uint32_t n)
{
	for (uint32_t i = 0; i < sent; i++)
		trace_say(lane, out, pkt[i], "put");
	trace_drops(lane, out, pkt + sent, n - sent, DROP_RING_FULL);
}

static uint32_t
put_queue(struct lane *lane, const struct port_ops *ops, struct swport *out, uint32_t queue,
	  struct pkt *const *pkt, uint32_t n)
{
	struct swport_counters *c = swport_count(out, lane);
	uint32_t sent = lane->put(lane, ops, out, queue, pkt, n);

	if (__builtin_expect(ops->flush != NULL, 0))
		flush_later(lane, out);
	if (__builtin_expect(sent < n, 0))
		counter_add(&c->drops[DROP_RING_FULL], n - sent);
	if (__builtin_expect(lane->trace != NULL, 0))
		tell_put(lane, out, pkt, sent, n);
	counter_add(&c->tx_packets, sent);
	counter_add(&c->tx_bytes, bytes_of(pkt, sent));
	return sent;
}

/* The same for every frame of a flow, wherever its bytes lie. */
static uint32_t
flow_of(const struct pkt *p)
{
	uint8_t first[FLOW_BYTES];
	uint32_t n = MIN_OF(p->head_len, sizeof(first)), more;

	if (p->head_len >= sizeof(first) || p->head_len == p->len)
		return flow_hash(p->head, p->head_len);
	/* what lies in the sender's memory may change: then its frames take another queue */
	memcpy(first, p->head, n);
	more = MIN_OF(p->body_len, sizeof(first) - n);
	memcpy(first + n, p->body, more);
	return flow_hash(first, n + more);
}

/* Several queues: each flow keeps to one of them. */
static uint32_t
put_spread(struct lane *lane, const struct port_ops *ops, struct swport *out, uint32_t pairs,
	   struct pkt *const *pkt, uint32_t n)
{
	struct pkt *queue[PORT_QUEUES_MAX][PKT_BURST];
	uint32_t fill[PORT_QUEUES_MAX] = {0}, sent = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t q = flow_of(pkt[i]) % pairs;

		queue[q][fill[q]++] = pkt[i];
	}
	for (uint32_t q = 0; q < pairs; q++)
		if (fill[q])
			sent += put_queue(lane, ops, out, q, queue[q], fill[q]);
	return sent;
}

uint32_t
send_put(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t n)
{
	/* acquire: pairs with the release of a connection that is whole */
	const struct port_ops *ops = atomic_load_explicit(&out->ops, memory_order_acquire);
	uint32_t mask = atomic_load_explicit(&out->tx_mask, memory_order_relaxed);

	/* the pairs in use are the first ones: virtio 1.2, 5.1.6.5.5 */
	if (__builtin_expect(ops && (mask & 3) == 1, 1))
		return put_queue(lane, ops, out, 0, pkt, n);
	if (ops && (mask & 1))
		return put_spread(lane, ops, out,
				  MIN_OF((uint32_t)__builtin_ctz(~mask), PORT_QUEUES_MAX), pkt, n);
	swport_drop(out, lane, DROP_LINK_DOWN, n);
	trace_drops(lane, out, pkt, n, DROP_LINK_DOWN);
	return 0;
}

void
send_deepen(struct pkt *pkt, uint8_t *to, uint32_t want)
{
	uint32_t have = pkt->head_len;

	assert(have <= want);
	memcpy(to, pkt->head, have);
	while (have < want && have < pkt->len) {
		uint32_t n = MIN_OF(want - have, pkt->body_len);

		memcpy(to + have, pkt->body, n);
		have += n;
		pkt->body += n;
		pkt->body_len -= n;
		if (pkt->body_len || !pkt->n_more)
			break;
		pkt->body = pkt->more->addr;
		pkt->body_len = pkt->more->len;
		pkt->more++;
		pkt->n_more--;
	}
	pkt->head = to;
	pkt->head_len = (uint16_t)have;
}

/*
 * A stage may change what it sees, and the next receiver must not: so each gets its own. Returns how
 * many could be copied, all of them but for heads longer than anything here makes.
 */
static uint32_t
copy_burst(struct lane_scratch *s, struct pkt *const *pkt, uint32_t n, bool deep)
{
	const uint32_t want = deep ? PKT_DEEP : PKT_HEAD;
	uint32_t copied = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct pkt *to = &s->pkt[copied];

		if (pkt[i]->head_len > LANE_HEAD - PKT_HEADROOM)
			continue;
		*to = *pkt[i];
		send_deepen(to, s->head[copied] + PKT_HEADROOM, MAX_OF(want, to->head_len));
		s->all[copied++] = to;
	}
	return copied;
}

static void
send_chain(struct lane *lane, struct swport *out, const struct chain *chain, struct pkt *const *pkt,
	   uint32_t n)
{
	struct lane_scratch *s = &lane->out[lane->level];
	struct burst b = {.lane = lane, .port = out, .pkt = s->all};
	uint32_t left = 0;

	if (lane->level == LANE_LEVELS) {
		swport_drop(out, lane, DROP_BUFFERS, n);
		return;
	}
	b.n = copy_burst(s, pkt, n, chain->deep);
	if (b.n < n)
		swport_drop(out, lane, DROP_BUFFERS, n - b.n);
	b.alive = b.n ? UINT64_MAX >> (64 - b.n) : 0;
	lane->level++;
	if (lane->lanes > 1)
		send_lock(lane, &out->chain_lock, b.n);
	chain_run(chain, &b);
	for (uint64_t rest = b.alive; rest; rest &= rest - 1)
		s->all[left++] = s->all[__builtin_ctzll(rest)];
	if (left)
		send_put(lane, out, s->all, left);
	/* only now: what another lane sends comes behind, tag by tag and queue by queue */
	if (lane->lanes > 1)
		send_unlock(&out->chain_lock);
	lane->level--;
}

/* Some frame is longer than @out's MTU, a tag aside: what fits goes on. */
static __attribute__((noinline)) uint32_t
fitting(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t n, struct pkt **ret)
{
	uint32_t max = out->max_len, left = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct pkt *p = pkt[i];
		uint32_t len = offload_len(p);
		uint16_t type;

		memcpy(&type, p->head + 12, sizeof(type));
		if (len <= max || (len <= max + ETH_TAG_LEN && type == TPID_C_LE))
			ret[left++] = pkt[i];
		else
			trace_drop(lane, out, pkt[i], DROP_OVERSIZE);
	}
	if (left < n)
		swport_drop(out, lane, DROP_OVERSIZE, n - left);
	return left;
}

static void
send_whole(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t n)
{
	/* acquire: pairs with the release of a chain that is whole */
	const struct chain *chain =
		atomic_load_explicit(&out->chain[CHAIN_OUT], memory_order_acquire);
	uint32_t max = out->max_len, over = 0;
	struct pkt *fit[PKT_BURST];

	for (uint32_t i = 0; i < n; i++)
		over |= max - pkt[i]->len;
	if (__builtin_expect((int32_t)over < 0, 0)) {
		n = fitting(lane, out, pkt, n, fit);
		pkt = fit;
	}
	if (n == 0)
		return;
	if (__builtin_expect(!chain, 1))
		send_put(lane, out, pkt, n);
	else
		send_chain(lane, out, chain, pkt, n);
}

void
send_port(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t n)
{
	uint32_t takes;

	if (__builtin_expect(!lane->unfinished, 1)) {
		send_whole(lane, out, pkt, n);
		return;
	}
	/* stages of a chain want frames as they are on a wire */
	takes = atomic_load_explicit(&out->chain[CHAIN_OUT], memory_order_relaxed) ? 0 : out->takes;
	send_finished(lane, out, pkt, n, takes, send_whole);
}
