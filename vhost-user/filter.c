/* SPDX-License-Identifier: Apache-2.0 */
/* Rules as a stage of a chain: what they deny is dropped, everything else goes on. */
#include "vhost-user/filter_set.h"
#include "vhost-user/lane.h"
#include "vhost-user/trace.h"
#include "vhost-user/watch.h"

/* Frames in a row that met the same rule are counted together. */
struct tally {
	uint32_t rule;
	uint64_t packets, bytes;
};

static void
settle(struct filter_set *s, struct tally *t)
{
	if (t->packets)
		filter_set_count(s, t->rule, t->packets, t->bytes);
	t->packets = t->bytes = 0;
}

static void
tell(const struct burst *b, uint32_t i, const struct filter_set *s, uint32_t rule)
{
	if (rule == FILTER_NONE)
		trace_say(b->lane, b->port, b->pkt[i], "filter: no rule: allow");
	else
		trace_say(b->lane, b->port, b->pkt[i], "filter %s: %s", filter_set_name(s, rule),
			  filter_set_denies(s, rule) ? "deny" : "allow");
}

static inline bool
same_key(const union filter_key *a, const union filter_key *b)
{
	uint64_t differ = 0;

	for (uint32_t i = 0; i < FILTER_KEY_WORDS; i++)
		differ |= a->w[i] ^ b->w[i];
	return differ == 0;
}

static void
run(struct burst *b, void *state)
{
	struct filter_set *s = state;
	struct tally t = {.rule = FILTER_NONE};
	uint32_t rule = FILTER_NONE, at = 0, i;
	union filter_key key[2]; /* this frame's, and the one's before */
	bool any = false;

	burst_for_each(i, b)
	{
		const struct pkt *p = b->pkt[i];
		uint16_t vlan = domain_tag(b->lane->domains, p->domain) & 0xfff;

		if (!filter_key_make(p->head, p->head_len, p->len, vlan, &key[at]) &&
		    filter_set_needs_layer4(s)) {
			trace_say(b->lane, b->port, p, "filter: its headers are too long to see");
			burst_drop(b, i, DROP_FILTER);
			continue;
		}
		/* most bursts are of one flow */
		if (!any || !same_key(&key[0], &key[1]))
			rule = filter_set_find(s, &key[at]);
		at ^= 1;
		any = true;
		if (__builtin_expect(b->lane->trace != NULL, 0))
			tell(b, i, s, rule);
		if (rule == FILTER_NONE)
			continue;
		if (rule != t.rule)
			settle(s, &t);
		t.rule = rule;
		t.packets++;
		t.bytes += p->len;
		if (filter_set_denies(s, rule))
			burst_drop(b, i, DROP_FILTER);
	}
	settle(s, &t);
}

static bool
wanted(const struct swport *port, enum filter_direction d)
{
	return port->watch && port->watch->filter[d];
}

static bool
from_wanted(const struct swport *port)
{
	return wanted(port, FILTER_FROM);
}

static bool
to_wanted(const struct swport *port)
{
	return wanted(port, FILTER_TO);
}

static int
from_make(struct swport *port, void *old, void **ret_state, struct err *e)
{
	*ret_state = filter_set_ref(port->watch->filter[FILTER_FROM]);
	return 0;
}

static int
to_make(struct swport *port, void *old, void **ret_state, struct err *e)
{
	*ret_state = filter_set_ref(port->watch->filter[FILTER_TO]);
	return 0;
}

static void
destroy(void *state)
{
	filter_set_put(state);
}

const struct feature feat_filter_from = {
	.name = "filter from",
	.side = CHAIN_IN,
	.deep = true,
	.wanted = from_wanted,
	.make = from_make,
	.destroy = destroy,
	.run = run,
};

const struct feature feat_filter_to = {
	.name = "filter to",
	.side = CHAIN_OUT,
	.deep = true,
	.wanted = to_wanted,
	.make = to_make,
	.destroy = destroy,
	.run = run,
};
