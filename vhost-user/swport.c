/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/swport.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define PORTS_A_BURST 16
#define BURSTS_MAX    4

struct swport *
swport_make(const struct port_cfg *cfg, uint32_t ref, uint16_t domain)
{
	struct swport *p = aligned_alloc(64, align_up(sizeof(*p), 64));

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	p->ref = ref;
	p->domain = domain;
	p->max_len = cfg->mtu + ETH_HEADER_LEN;
	atomic_store(&p->vid, -1);
	return p;
}

struct port_table *
port_table_make(struct swport *const slot[SWITCH_PORTS_MAX], uint64_t serial)
{
	struct port_table *t = calloc(1, sizeof(*t));
	uint32_t filled = 0;

	if (!t)
		return NULL;
	t->serial = serial;
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		t->slot[i] = slot[i];
		if (slot[i])
			t->member[t->n++].port = slot[i];
	}
	t->bursts = MIN_OF(1 + t->n / PORTS_A_BURST, BURSTS_MAX);
	/* sorted[] holds the domains one after another; a domain's first member starts its run */
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t first = filled;

		if (t->member[i].peers)
			continue;
		for (uint32_t k = i; k < t->n; k++)
			if (t->member[k].port->domain == t->member[i].port->domain)
				t->sorted[filled++] = t->member[k].port;
		for (uint32_t k = i; k < t->n; k++) {
			if (t->member[k].port->domain != t->member[i].port->domain || k == i)
				continue;
			t->member[k].peers = &t->sorted[first];
			t->member[k].n_peers = filled - first;
		}
		t->member[i].peers = &t->sorted[first];
		t->member[i].n_peers = filled - first;
	}
	return t;
}

void
swport_stats(const struct swport *p, struct port_stats *ret)
{
	const struct swport_counters *c = &p->count;

	memset(ret, 0, sizeof(*ret));
	ret->rx_packets = counter_get(&c->rx_packets);
	ret->rx_bytes = counter_get(&c->rx_bytes);
	ret->tx_packets = counter_get(&c->tx_packets);
	ret->tx_bytes = counter_get(&c->tx_bytes);
	ret->flooded = counter_get(&c->flooded);
	ret->learned = counter_get(&c->learned);
	ret->moved = counter_get(&c->moved);
	ret->aged = counter_get(&c->aged);
	ret->not_learned = counter_get(&c->not_learned);
	for (int i = 0; i < DROP_CAUSES; i++)
		ret->drops[i] = counter_get(&c->drops[i]);
	ret->macs = (uint32_t)counter_get(&c->macs);
	ret->connected = atomic_load_explicit(&p->vid, memory_order_relaxed) >= 0;
	ret->connects = atomic_load_explicit(&p->connects, memory_order_relaxed);
	ret->bad_guest = atomic_load_explicit(&p->bad_messages, memory_order_relaxed) +
			 counter_get(&c->bad_ring);
}
