/* SPDX-License-Identifier: Apache-2.0 */
/* Mirrors as stages of chains: one more put for each burst, into another port. */
#include "vhost-user/forward.h"
#include "vhost-user/mirror.h"
#include "vhost-user/send.h"
#include "vhost-user/trace.h"
#include "vhost-user/watch.h"

/* The target as long as it is the one that was found; it may be gone, and its slot another's. */
static struct swport *
port_of(const struct lane *l, uint32_t ref)
{
	/* acquire: pairs with the store of a whole port */
	struct swport *p =
		atomic_load_explicit(&l->fwd->slot[ref & SWITCH_SLOT_MASK], memory_order_acquire);

	return ref && p && p->ref == ref ? p : NULL;
}

/* What the decision and other ports see of these frames stays as it was. */
static void
run(struct burst *b, void *state)
{
	struct mirror *m = state;
	uint32_t ref = atomic_load_explicit(&m->target, memory_order_relaxed), n = 0, i;
	struct swport *to = port_of(b->lane, ref);
	struct pkt *pkt[PKT_BURST] = {NULL};

	if (!to)
		return;
	burst_for_each(i, b)
	{
		trace_say(b->lane, b->port, b->pkt[i], "mirrored to %s", to->cfg.name);
		b->pkt[i]->flags |= PKT_MIRROR;
		pkt[n++] = b->pkt[i];
	}
	send_port(b->lane, to, pkt, n);
	for (i = 0; i < n; i++)
		pkt[i]->flags &= (uint8_t)~PKT_MIRROR;
}

/* In a port that others are mirrored to: nothing but mirrored frames. */
static void
run_only(struct burst *b, void *state)
{
	uint32_t i;

	burst_for_each(i, b) if (!(b->pkt[i]->flags & PKT_MIRROR)) burst_drop(b, i, DROP_ISOLATED);
}

static bool
in_wanted(const struct swport *port)
{
	return port->watch && port->watch->mirror && port->cfg.mirror_in;
}

static bool
out_wanted(const struct swport *port)
{
	return port->watch && port->watch->mirror && port->cfg.mirror_out;
}

static bool
only_wanted(const struct swport *port)
{
	return port->watch && port->watch->mirrored_to && !port->cfg.mirror_also;
}

static int
make(struct swport *port, void *old, void **ret_state, struct err *e)
{
	*ret_state = mirror_ref(port->watch->mirror);
	return 0;
}

static void
destroy(void *state)
{
	mirror_put(state);
}

const struct feature feat_mirror_in = {
	.name = "mirror in",
	.side = CHAIN_IN,
	.wanted = in_wanted,
	.make = make,
	.destroy = destroy,
	.run = run,
};

const struct feature feat_mirror_out = {
	.name = "mirror out",
	.side = CHAIN_OUT,
	.wanted = out_wanted,
	.make = make,
	.destroy = destroy,
	.run = run,
};

const struct feature feat_mirror_only = {
	.name = "mirror only",
	.side = CHAIN_OUT,
	.wanted = only_wanted,
	.run = run_only,
};
