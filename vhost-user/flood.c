/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/flood.h"

#include "vhost-user/feat_storm.h"
#include "vhost-user/forward.h"
#include "vhost-user/send.h"
#include "vhost-user/snoop.h"
#include "vhost-user/trace.h"

/* Frames of one domain. @only: of its ports these; NULL: all. */
static void
flood_domain(struct lane *lane, struct swport *in, uint16_t domain, struct pkt *const *pkt,
	     uint32_t n, const struct snoop_ports *only)
{
	/* acquire: pairs with the release of a whole list */
	struct flood_list *list =
		atomic_load_explicit(&lane->fwd->flood[domain], memory_order_acquire);
	uint16_t isolated = in->flags & SWPORT_ISOLATED;
	uint32_t copies = 0;

	for (uint32_t i = 0; list && i < list->n; i++) {
		struct swport *out = list->port[i];

		if (!out || out == in || !out->ops || (out->flags & isolated))
			continue;
		if (only && !snoop_has(only, out->ref))
			continue;
		send_port(lane, out, pkt, n);
		copies++;
	}
	if (copies == 0) {
		swport_drop(in, lane, DROP_NO_PORT, n);
		trace_drops(lane, in, pkt, n, DROP_NO_PORT);
	}
	if (copies > 1)
		counter_add(&swport_count(in, lane)->flooded, n);
}

/*
 * Frames for groups that somebody joined go to who did. Returns how many are left for everybody, in
 * @ret.
 */
static uint32_t
joined(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n, struct pkt **ret)
{
	uint32_t left = 0, run;

	for (uint32_t i = 0; i < n; i += run) {
		const struct snoop_ports *only = snoop_where(lane, pkt[i]);

		/* a group's frames come in rows */
		for (run = 1; only && i + run < n && pkt[i + run]->domain == pkt[i]->domain &&
			      snoop_where(lane, pkt[i + run]) == only;)
			run++;
		if (only)
			flood_domain(lane, in, pkt[i]->domain, pkt + i, run, only);
		else
			ret[left++] = pkt[i];
	}
	return left;
}

/* Those that storm control lets through. Returns how many. */
static uint32_t
calm(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n, struct pkt **ret)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < n; i++)
		if (storm_allows(lane, in, storm_kind(pkt[i]->head)))
			ret[left++] = pkt[i];
		else
			trace_drop(lane, in, pkt[i], DROP_STORM);
	if (left < n)
		swport_drop(in, lane, DROP_STORM, n - left);
	return left;
}

void
flood_burst(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n)
{
	struct pkt *calmed[PKT_BURST], *others[PKT_BURST], *one[PKT_BURST];
	uint32_t same = 0;

	if (in->flags & SWPORT_STORM) {
		n = calm(lane, in, pkt, n, calmed);
		pkt = calmed;
	}
	if (snoop_listens(lane)) {
		n = joined(lane, in, pkt, n, others);
		pkt = others;
	}
	while (same < n && pkt[same]->domain == pkt[0]->domain)
		same++;
	if (same == n) {
		if (n)
			flood_domain(lane, in, pkt[0]->domain, pkt, n, NULL);
		return;
	}
	/* a trunk's burst: each domain in turn, in the order in which they came */
	for (uint64_t left = UINT64_MAX >> (64 - n); left;) {
		uint16_t domain = pkt[__builtin_ctzll(left)]->domain;
		uint32_t found = 0;

		for (uint64_t rest = left; rest; rest &= rest - 1) {
			uint32_t i = (uint32_t)__builtin_ctzll(rest);

			if (pkt[i]->domain != domain)
				continue;
			one[found++] = pkt[i];
			left &= ~(UINT64_C(1) << i);
		}
		flood_domain(lane, in, domain, one, found, NULL);
	}
}
