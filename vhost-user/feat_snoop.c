/* SPDX-License-Identifier: Apache-2.0 */
/* Snooping as lanes do it: copies of messages for the thread, and a look where groups go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-user/snoop_priv.h"
#include "vhost-user/trace.h"
#include "vhost-user/watch.h"

#define MESSAGE_MAX 1600 /* bytes of a frame that are looked at */
#define A_SECOND    200  /* messages of a port */

/* How many messages a port has had in this second. Its lane. */
struct budget {
	uint64_t since; /* TSC */
	uint32_t spent;
};

bool
snoop_knows(const struct snoop *s)
{
	return atomic_load_explicit(&s->table, memory_order_relaxed) != NULL;
}

bool
snoop_has(const struct snoop_ports *p, uint32_t ref)
{
	uint32_t from = 0, to = p->n;

	while (from < to) {
		uint32_t at = (from + to) / 2;

		if (p->ref[at] == ref)
			return true;
		if (p->ref[at] < ref)
			from = at + 1;
		else
			to = at;
	}
	return false;
}

const struct snoop_ports *
snoop_find(const struct snoop *s, const struct pkt *pkt)
{
	static const uint8_t routers[6], all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct snoop_table *t = atomic_load_explicit(&s->table, memory_order_acquire);

	if (!t || !(pkt->head[0] & 1) || memcmp(pkt->head, all, 6) == 0)
		return NULL;
	return snoop_table_find(t, pkt->domain, pkt->flags & PKT_REPORT ? routers : pkt->head);
}

static bool
may_tell(struct budget *b, const struct lane *l)
{
	if (l->now - b->since > l->tsc_hz) {
		b->since = l->now;
		b->spent = 0;
	}
	return b->spent++ < A_SECOND;
}

static void
run(struct burst *b, void *state)
{
	struct lane *l = b->lane;
	struct snoop *s = l->snoop;
	uint32_t i;

	burst_for_each(i, b)
	{
		struct pkt *p = b->pkt[i];
		uint64_t tag = (uint64_t)b->port->ref << 32 | p->domain;

		p->flags &= (uint8_t)~PKT_REPORT;
		if (!(p->head[0] & 1) || p->len < ETH_HEADER_LEN ||
		    !snoop_may_be(p->head, p->head_len))
			continue;
		if (snoop_is_report(p->head, p->head_len))
			p->flags |= PKT_REPORT;
		trace_say(l, b->port, p, "group membership: %s",
			  p->flags & PKT_REPORT ? "for routers" : "looked at");
		if (!may_tell(state, l) ||
		    !capture_ring_put(&s->ring[l->number], p, MESSAGE_MAX, tag))
			atomic_fetch_add_explicit(&s->missed, 1, memory_order_relaxed);
	}
}

static bool
wanted(const struct swport *port)
{
	return port->cfg.snoop;
}

static int
make(struct swport *port, void *old, void **ret_state, struct err *e)
{
	*ret_state = calloc(1, sizeof(struct budget));
	return *ret_state ? 0 : err_sys(e, ENOMEM, "port %s: snooping", port->cfg.name);
}

const struct feature feat_snoop = {
	.name = "snooping",
	.side = CHAIN_IN,
	.deep = true,
	.wanted = wanted,
	.make = make,
	.destroy = free,
	.run = run,
};
