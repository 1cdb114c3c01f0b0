/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/stats_sum.h"

#include <stddef.h>
#include <string.h>

/* The counters between two offsets; all of them have 64 bits. */
static void
add_words(struct port_stats *sum, const struct port_stats *s, size_t from, size_t to)
{
	for (; from < to; from += sizeof(uint64_t)) {
		uint64_t a, b;

		memcpy(&a, (const uint8_t *)sum + from, sizeof(a));
		memcpy(&b, (const uint8_t *)s + from, sizeof(b));
		a += b;
		memcpy((uint8_t *)sum + from, &a, sizeof(a));
	}
}

static void
add_stats(struct port_stats *sum, const struct port_stats *s)
{
	add_words(sum, s, 0, offsetof(struct port_stats, macs));
	sum->macs += s->macs;
	sum->connected += s->connected;
	add_words(sum, s, offsetof(struct port_stats, connects), sizeof(*s));
}

bool
stats_sum_network(const struct fwd *f, uint32_t at, struct stats_sum *ret)
{
	const struct swport *first = f->slot[at];

	if (!first)
		return false;
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		const struct swport *p = f->slot[i];
		struct port_stats s;

		if (!p || strcmp(p->cfg.network, first->cfg.network) != 0)
			continue;
		if (i < at)
			return false;
		swport_stats(p, &s);
		add_stats(&ret->stats, &s);
		ret->ports++;
	}
	memcpy(ret->network, first->cfg.network, sizeof(ret->network));
	return true;
}
