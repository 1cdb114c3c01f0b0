/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/swport.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static uint64_t
mac_bytes(const uint8_t mac[6])
{
	uint64_t v = 0;

	memcpy(&v, mac, 6);
	return v;
}

/* In place: an address that stays is never missing, even while others change. */
static void
refresh_own(struct swport *p)
{
	uint64_t own[PORT_MACS_MAX + 1] = {0};
	uint32_t n = 0;

	if (mac_bytes(p->cfg.mac))
		own[n++] = mac_bytes(p->cfg.mac);
	for (uint32_t i = 0; i < PORT_MACS_MAX && mac_bytes(p->cfg.static_mac[i]); i++)
		own[n++] = mac_bytes(p->cfg.static_mac[i]);
	for (uint32_t i = 0; i < ARRAY_SIZE(own); i++)
		p->own[i] = own[i];
}

void
swport_refresh(struct swport *p)
{
	const struct port_cfg *c = &p->cfg;
	uint16_t flags = 0;

	/* only a guest has one address of its own; behind an uplink there is a whole network */
	if (c->any_mac || c->kind != PORT_VHOST)
		flags |= SWPORT_ANY_MAC;
	if (c->isolated)
		flags |= SWPORT_ISOLATED;
	if (c->vlan_mode != PORT_ACCESS)
		flags |= SWPORT_CLASSIFY;
	if (c->storm[0] || c->storm[1] || c->storm[2])
		flags |= SWPORT_STORM;
	p->flags = flags;
	p->max_len = c->mtu + ETH_HEADER_LEN;
	p->mac_age_s = c->mac_age_s;
	p->mac_limit = c->mac_limit;
	for (int i = 0; i < 3; i++)
		p->storm_rate[i] = c->storm[i];
	refresh_own(p);
	p->domain = p->member.untagged;
	p->domain_of = p->member.of;
}

struct swport *
swport_make(const struct port_cfg *cfg, uint32_t ref, uint32_t lanes)
{
	size_t bytes = sizeof(struct swport) + lanes * sizeof(struct swport_counters);
	struct swport *p = aligned_alloc(64, align_up(bytes, 64));

	if (!p)
		return NULL;
	memset(p, 0, bytes);
	p->cfg = *cfg;
	p->ref = ref;
	p->lanes = lanes;
	p->vid = -1;
	p->node = -1;
	swport_refresh(p);
	return p;
}

static void
add_counters(struct port_stats *s, const struct swport_counters *c)
{
	s->rx_packets += counter_get(&c->rx_packets);
	s->rx_bytes += counter_get(&c->rx_bytes);
	s->tx_packets += counter_get(&c->tx_packets);
	s->tx_bytes += counter_get(&c->tx_bytes);
	s->flooded += counter_get(&c->flooded);
	s->learned += counter_get(&c->learned);
	s->moved += counter_get(&c->moved);
	s->aged += counter_get(&c->aged);
	s->not_learned += counter_get(&c->not_learned);
	s->yellow += counter_get(&c->yellow);
	for (int i = 0; i < DROP_CAUSES; i++)
		s->drops[i] += counter_get(&c->drops[i]);
	s->bad_guest += counter_get(&c->bad_ring);
}

void
swport_stats(const struct swport *p, struct port_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < p->lanes; i++)
		add_counters(ret, &p->count[i]);
	ret->drops[DROP_SHAPED] += atomic_load_explicit(&p->shaped_away, memory_order_relaxed);
	ret->macs = atomic_load_explicit(&p->macs, memory_order_relaxed) +
		    atomic_load_explicit(&p->declared, memory_order_relaxed);
	ret->connected = atomic_load_explicit(&p->ops, memory_order_relaxed) != NULL ||
			 atomic_load_explicit(&p->vid, memory_order_relaxed) >= 0;
	ret->connects = atomic_load_explicit(&p->connects, memory_order_relaxed);
	ret->bad_guest += atomic_load_explicit(&p->bad_messages, memory_order_relaxed);
}

void
swport_count_on(struct swport *p, const struct port_stats *before)
{
	struct swport_counters *c = &p->count[0];

	counter_add(&c->rx_packets, before->rx_packets);
	counter_add(&c->rx_bytes, before->rx_bytes);
	counter_add(&c->tx_packets, before->tx_packets);
	counter_add(&c->tx_bytes, before->tx_bytes);
	counter_add(&c->flooded, before->flooded);
	counter_add(&c->learned, before->learned);
	counter_add(&c->moved, before->moved);
	counter_add(&c->aged, before->aged);
	counter_add(&c->not_learned, before->not_learned);
	counter_add(&c->yellow, before->yellow);
	for (int i = 0; i < DROP_CAUSES; i++)
		counter_add(&c->drops[i], before->drops[i]);
	counter_add(&c->bad_ring, before->bad_guest);
	/* a hand-over is no interruption: this connection is the one that was there */
	if (before->connects)
		atomic_fetch_add_explicit(&p->connects, before->connects - 1, memory_order_relaxed);
}
