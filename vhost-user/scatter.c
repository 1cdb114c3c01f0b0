/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/scatter.h"

#include "vhost-user/flood.h"
#include "vhost-user/forward.h"
#include "vhost-user/pairs.h"
#include "vhost-user/send.h"
#include "vhost-user/trace.h"

#define TWO_TAGS (2 * ETH_TAG_LEN) /* may be cut off without making a head shorter than PKT_HEAD */

/* In the port's words: what was decided about each frame. Only while they are traced. */
static __attribute__((noinline)) void
tell(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n, uint32_t verdict)
{
	for (uint32_t i = 0; i < n; i++) {
		if (verdict == FWD_FLOOD) {
			trace_say(lane, in, pkt[i], "flooded");
		} else if (verdict >= FWD_DROP) {
			trace_drop(lane, in, pkt[i], (enum switch_drop)(verdict - FWD_DROP));
		} else {
			const struct swport *out = lane->fwd->slot[verdict];

			trace_say(lane, in, pkt[i], "to %s", out ? out->cfg.name : "nobody");
		}
	}
}

/* Frames that all got the same verdict. */
static inline void
deliver(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n, uint32_t verdict)
{
	if (__builtin_expect(lane->trace != NULL, 0))
		tell(lane, in, pkt, n, verdict);
	if (__builtin_expect(verdict < SWITCH_PORTS_MAX, 1)) {
		/* acquire: pairs with the store of a whole port */
		struct swport *out =
			atomic_load_explicit(&lane->fwd->slot[verdict], memory_order_acquire);

		if (__builtin_expect(out != NULL, 1))
			send_port(lane, out, pkt, n);
		else /* it went away since the decision */
			swport_drop(in, lane, DROP_NO_PORT, n);
	} else if (verdict == FWD_FLOOD) {
		flood_burst(lane, in, pkt, n);
	} else {
		swport_drop(in, lane, (enum switch_drop)(verdict - FWD_DROP), n);
	}
}

/* One visit to every receiver, in the order of its first frame; its frames stay in order. */
static void
deliver_mixed(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n,
	      const uint16_t *verdict)
{
	uint32_t groups = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = verdict[i], at = lane->group_of[v];
		struct lane_group *g;

		if (at == 0) {
			lane->group[groups].n = 0;
			lane->group[groups].verdict = v;
			lane->group_of[v] = (uint8_t)(at = ++groups);
		}
		g = &lane->group[at - 1];
		g->pkt[g->n++] = pkt[i];
	}
	for (uint32_t i = 0; i < groups; i++) {
		struct lane_group *g = &lane->group[i];

		lane->group_of[g->verdict] = 0;
		deliver(lane, in, g->pkt, g->n, g->verdict);
	}
}

static bool
all_the_same(const uint16_t *verdict, uint32_t n)
{
	uint32_t other = 0;

	for (uint32_t i = 1; i < n; i++)
		other |= verdict[i] ^ verdict[0];
	return other == 0;
}

static inline void
forward(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n,
	uint64_t *ret_bytes)
{
	uint16_t each[PKT_BURST];
	uint32_t verdict;

	/* a look at the last frame first: it tells most mixed bursts from those of one kind */
	if (__builtin_expect(fwd_is_like_last(in, pkt[n - 1]) &&
				     fwd_remembered(lane, in, pkt, n, &verdict, ret_bytes),
			     1)) {
		deliver(lane, in, pkt, n, verdict);
		return;
	}
	pairs_decide(lane, in, pkt, n, each, ret_bytes);
	if (all_the_same(each, n))
		deliver(lane, in, pkt, n, each[0]);
	else
		deliver_mixed(lane, in, pkt, n, each);
}

static __attribute__((noinline)) void
through_chain(struct lane *lane, struct swport *in, const struct chain *chain, uint32_t n)
{
	struct burst b = {.lane = lane,
			  .port = in,
			  .pkt = lane->in.all,
			  .n = n,
			  .alive = UINT64_MAX >> (64 - n)};
	struct pkt *left[PKT_BURST];
	uint64_t bytes = 0;
	uint32_t alive = 0;

	for (uint32_t i = 0; i < n; i++) {
		bytes += lane->in.pkt[i].len;
		/* near[] is private already, and enough for those that look no further */
		if (chain->deep)
			send_deepen(&lane->in.pkt[i], lane->in.head[i] + PKT_HEADROOM,
				    PKT_DEEP + TWO_TAGS);
	}
	counter_add(&swport_count(in, lane)->rx_bytes, bytes);
	chain_run(chain, &b);
	for (uint64_t rest = b.alive; rest; rest &= rest - 1)
		left[alive++] = b.pkt[__builtin_ctzll(rest)];
	if (alive)
		forward(lane, in, left, alive, &bytes);
	trace_end(lane);
}

void
scatter_burst(struct lane *lane, struct swport *in, uint32_t n)
{
	/* acquire: pairs with the release of a chain that is whole */
	const struct chain *chain =
		atomic_load_explicit(&in->chain[CHAIN_IN], memory_order_acquire);
	struct swport_counters *c = swport_count(in, lane);
	uint64_t bytes;

	counter_add(&c->rx_packets, n);
	if (__builtin_expect(chain != NULL, 0)) {
		through_chain(lane, in, chain, n);
		return;
	}
	forward(lane, in, lane->in.all, n, &bytes);
	counter_add(&c->rx_bytes, bytes);
}
