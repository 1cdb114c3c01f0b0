/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/feat_shape.h"

#include <errno.h>
#include <stdlib.h>

#include "base/util.h"
#include "vhost-user/feat_bucket.h"
#include "vhost-user/feat_queue.h"
#include "vhost-user/feat_vlan.h"
#include "vhost-user/idle.h"
#include "vhost-user/lane.h"
#include "vhost-user/send.h"
#include "vhost-user/trace.h"

#define LIMIT_MIN (64u << 10)
#define LIMIT_MAX (512u << 10) /* unless told */

/* What waits; it outlives the chains that use it. */
struct shape_store {
	_Atomic uint32_t users; /* chains; control thread */
	uint32_t n;             /* of queue[] */
	uint32_t limit;
	uint32_t waiting; /* bit: this queue is not empty */
	struct bucket bucket;
	struct frame_queue queue[SHAPE_QUEUES];
};

/* Of one chain. */
struct shape_state {
	struct swport *port;
	uint64_t rate, burst;
	struct shape_store *store;
	struct shape_store
		*from; /* of the chain before, of another shape; may get frames a while */
	bool took_over;
};

static uint32_t
class_of(const struct shape_store *store, const struct pkt *pkt)
{
	return store->n == 1 ? 0 : pkt_priority(pkt) & (SHAPE_QUEUES - 1);
}

static bool
push(struct shape_store *store, const struct pkt *pkt)
{
	uint32_t c = class_of(store, pkt);

	if (!frame_queue_push(&store->queue[c], pkt))
		return false;
	store->waiting |= 1u << c;
	return true;
}

/* @store has one that waits. */
static uint32_t
first_class(const struct shape_store *store)
{
	return 31u - (uint32_t)__builtin_clz(store->waiting);
}

static void
pop(struct shape_store *store, uint32_t class, struct pkt *ret)
{
	frame_queue_pop(&store->queue[class], ret);
	if (store->queue[class].frames == 0)
		store->waiting &= ~(1u << class);
}

/* What waited in the old shape waits in the new one. */
static void
take_over(struct lane *lane, struct shape_state *s)
{
	struct pkt pkt;

	if (!s->took_over)
		s->store->bucket = s->from->bucket;
	s->took_over = true;
	/* who still has the chain before gets nothing twice */
	s->from->bucket = (struct bucket){.last = lane->now};
	while (s->from->waiting) {
		pop(s->from, first_class(s->from), &pkt);
		if (!push(s->store, &pkt))
			swport_drop(s->port, lane, DROP_SHAPED, 1);
	}
}

static struct bucket_rate
prepare(struct lane *lane, struct shape_state *s)
{
	const struct bucket_rate r = {s->rate, s->burst, lane->tsc_hz};

	if (__builtin_expect(s->from && (!s->took_over || s->from->waiting), 0))
		take_over(lane, s);
	bucket_fill(&s->store->bucket, &r, lane->now);
	return r;
}

/* It is the port's lane that lets go. */
static void
tell_owner(struct lane *lane, const struct swport *port)
{
	uint32_t owner = port->lane;

	if (owner != lane->number && owner < lane->lanes)
		idle_disturb(lane_other(lane, owner));
}

/* Whether so much may go now; if so, it is taken out of the bucket. */
static bool
may_go(const struct lane *lane, struct shape_store *store, const struct bucket_rate *r,
       uint32_t bytes)
{
	return lane->emptied || bucket_take(&store->bucket, r, bytes);
}

static void
run(struct burst *b, void *state)
{
	struct shape_state *s = state;
	const struct bucket_rate r = prepare(b->lane, s);
	uint32_t i;

	burst_for_each(i, b)
	{
		if (!s->store->waiting && may_go(b->lane, s->store, &r, b->pkt[i]->len))
			continue;
		if (!push(s->store, b->pkt[i])) {
			burst_drop(b, i, DROP_SHAPED);
			continue;
		}
		b->alive &= ~(UINT64_C(1) << i); /* not dropped: it comes later */
		trace_say(b->lane, b->port, b->pkt[i], "waits in the shaper");
	}
	if (s->store->waiting && b->lane->lanes > 1)
		tell_owner(b->lane, b->port);
}

/* One burst of what is due. Returns how many frames. */
static uint32_t
let_go(struct lane *lane, struct swport *port, struct shape_store *store,
       const struct bucket_rate *r)
{
	struct pkt pkt[PKT_BURST], *all[PKT_BURST];
	uint32_t n = 0;

	while (n < PKT_BURST && store->waiting) {
		uint32_t class = first_class(store);

		if (!may_go(lane, store, r, frame_queue_next(&store->queue[class])))
			break;
		all[n] = &pkt[n];
		pop(store, class, &pkt[n++]);
	}
	if (n)
		send_put(lane, port, all, n);
	return n;
}

static void
round_(struct lane *lane, struct swport *port, void *state)
{
	struct shape_state *s = state;
	const struct bucket_rate r = prepare(lane, s);

	while (let_go(lane, port, s->store, &r) == PKT_BURST)
		;
	lane->awake |= s->store->waiting != 0;
}

static void
put_store(struct swport *port, struct shape_store *store)
{
	uint64_t lost = 0;

	if (!store || atomic_fetch_sub(&store->users, 1) > 1)
		return;
	for (uint32_t i = 0; i < store->n; i++) {
		lost += store->queue[i].frames;
		frame_queue_fini(&store->queue[i]);
	}
	if (lost)
		atomic_fetch_add(&port->shaped_away, lost);
	free(store);
}

static void
destroy(void *state)
{
	struct shape_state *s = state;

	put_store(s->port, s->store);
	put_store(s->port, s->from);
	free(s);
}

static struct shape_store *
make_store(uint32_t n, uint32_t limit)
{
	struct shape_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->limit = limit;
	for (; store->n < n; store->n++)
		if (frame_queue_init(&store->queue[store->n], limit) < 0)
			goto fail;
	return store;

fail:
	while (store->n--)
		frame_queue_fini(&store->queue[store->n]);
	free(store);
	return NULL;
}

static uint32_t
limit_of(const struct port_policer *c)
{
	if (c->excess)
		return (uint32_t)MIN_OF(c->excess, SHAPE_LIMIT_MAX);
	return (uint32_t)MIN_OF(MAX_OF(c->rate / 50, LIMIT_MIN), LIMIT_MAX);
}

/* A changed rate keeps the queue; a queue of another size or kind takes over what waits. */
static int
make(struct swport *port, void *old, void **ret_state, struct err *e)
{
	const struct port_policer *c = &port->cfg.shape_out;
	struct shape_store *was = old ? ((struct shape_state *)old)->store : NULL;
	uint32_t n = port->cfg.strict ? SHAPE_QUEUES : 1, limit = limit_of(c);
	bool same = was && was->n == n && was->limit == limit;
	struct shape_state *s = calloc(1, sizeof(*s));

	if (s)
		s->store = same ? was : make_store(n, limit);
	if (!s || !s->store) {
		free(s);
		return err_sys(e, ENOMEM, "port %s: %u queues of %u bytes for its shaper",
			       port->cfg.name, n, limit);
	}
	s->port = port;
	s->rate = c->rate;
	s->burst = c->burst;
	atomic_fetch_add(&s->store->users, 1);
	if (was && !same) {
		atomic_fetch_add(&was->users, 1);
		s->from = was;
	}
	*ret_state = s;
	return 0;
}

static bool
wanted(const struct swport *port)
{
	return port->cfg.shape_out.rate != 0;
}

const struct feature feat_shape = {
	.name = "shaper",
	.side = CHAIN_OUT,
	.wanted = wanted,
	.make = make,
	.destroy = destroy,
	.run = run,
	.round = round_,
};
