/* SPDX-License-Identifier: Apache-2.0 */
/* The switch's own code, put together as switch.c does it, but for vhost, threads and control. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "base/util.h"
#include "tests/bench/path/path.h"
#include "vhost-user/domain.h"
#include "vhost-user/feature.h"
#include "vhost-user/forward.h"
#include "vhost-user/lane.h"
#include "vhost-user/port_vhost.h"
#include "vhost-user/filter_set.h"
#include "vhost-user/rcu.h"
#include "vhost-user/watch.h"

#define MAC_ENTRIES 262144
#define VLAN        200
#define TICK        100 /* of the clock below, at each look at it */
#define HZ          1000000000

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct subject {
	unsigned int n;
	struct lane lane;
	struct fwd fwd;
	struct domains domains;
	struct lane_ports *ports;
	struct vhost_rings rings[PATH_PORTS_MAX];
};

/*
 * What the lane takes for the time (CMakeLists.txt): silent ports and ageing depend on it, and a real
 * one would go on under callgrind while nothing is done.
 */
uint64_t path_clock(void);

uint64_t
path_clock(void)
{
	static uint64_t now;

	now += TICK;
	return now;
}

static void
configure(struct port_cfg *c, const struct path_case *want, unsigned int i)
{
	const struct port_policer fast = {.rate = 100000000000, .burst = 100000000};

	snprintf(c->name, sizeof(c->name), "net/p%u", i);
	snprintf(c->network, sizeof(c->network), "net");
	c->mac[0] = 0x06;
	c->mac[5] = (uint8_t)(i + 1);
	c->mtu = 1500;
	c->queues = 1;
	c->any_mac = 1;
	c->mac_age_s = 300;
	c->vlan = want->vlan ? VLAN : VLAN_NONE;
	if (i < 2 && want->native) {
		c->vlan_mode = PORT_TRUNK;
		c->native_vlan = VLAN;
		c->trunk[VLAN / 64] = UINT64_C(1) << VLAN % 64;
	}
	if (i < 2 && want->policed)
		c->police_in = c->police_out = fast;
	if (!want->features || i < 2)
		return;
	c->vlan_mode = PORT_TRUNK;
	c->trunk[VLAN / 64] = UINT64_C(1) << VLAN % 64;
	c->isolated = 1;
	c->mac_limit = 64;
	c->storm[0] = c->storm[1] = c->storm[2] = 1000000;
	c->police_in = c->police_out = fast;
	c->ip[0] = (struct port_ip){.family = 4, .prefix = 8, .addr = {10}};
}

static int
attach_rings(struct vhost_rings *r, const struct guest *g, uint64_t features)
{
	struct guest_memory m;

	guest_memory(g, &m);
	if (!gpa_add(&r->mem, m.gpa, m.size, m.hva))
		return -EINVAL;
	for (unsigned int i = 0; i < 2; i++) {
		struct ring_setup s = {.features = features,
				       .call_fd = -1,
				       .kick_fd = -1,
				       .transmit = i == 1};
		struct guest_ring gr;
		int e;

		guest_ring(g, s.transmit, &gr);
		s.desc = gr.desc;
		s.avail = gr.driver;
		s.used = gr.device;
		s.size = gr.size;
		s.base = features >> VIRTIO_F_RING_PACKED & 1 ? 0x8000 : 0;
		e = ring_attach(&r->ring[i], &r->mem, &s);
		if (e < 0)
			return e;
	}
	return 0;
}

/* Rules about TCP from hosts that send nothing. */
static int
add_rules(struct swport *p, uint32_t n, struct err *e)
{
	struct filter_rule *rules = calloc(n, sizeof(*rules));
	struct watch *w = watch_of(p);
	int r = rules && w ? 0 : err_set(e, ENOMEM, "no memory for rules");

	for (uint32_t i = 0; r == 0 && i < n; i++)
		rules[i] = (struct filter_rule){.action = FILTER_DENY,
						.family = 4,
						.has_protocol = 1,
						.protocol = 6,
						.source = {192, 168, (uint8_t)(i >> 8), (uint8_t)i},
						.source_prefix = 32};
	for (int way = 0; r == 0 && way < FILTER_DIRECTIONS; way++)
		r = filter_set_make(rules, n, NULL, &w->filter[way], e);
	free(rules);
	return r;
}

static int
add_chains(struct swport *p, struct err *e)
{
	for (int side = 0; side < CHAIN_SIDES; side++) {
		const struct chain *chain = NULL;
		int r = chain_make(p, (enum chain_side)side, NULL, &chain, e);

		if (r < 0)
			return r;
		p->chain[side] = chain;
	}
	return 0;
}

static int
add_port(struct subject *s, const struct path_case *c, unsigned int i, const struct guest *g,
	 struct err *e)
{
	uint64_t features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF |
			    (c->packed ? 1ull << VIRTIO_F_RING_PACKED : 0);
	struct port_cfg cfg = {0};
	struct swport *p;
	int r;

	configure(&cfg, c, i);
	p = swport_make(&cfg, 1u << SWITCH_SLOT_BITS | i, 1);
	if (!p)
		return err_set(e, ENOMEM, "no memory");
	s->ports->port[i] = p;
	s->ports->n = s->n = i + 1;
	r = domain_join(&s->domains, &p->cfg, NULL, &p->member, e);
	if (r == 0)
		swport_refresh(p);
	if (r == 0 && c->rules && i < 2)
		r = add_rules(p, c->rules, e);
	if (r == 0)
		r = add_chains(p, e);
	if (r == 0)
		r = fwd_add(&s->fwd, p, e);
	if (r < 0)
		return r;
	if (attach_rings(&s->rings[i], g, features) < 0)
		return err_set(e, EINVAL, "port %u: its rings do not fit", i);
	p->backing = &s->rings[i];
	p->rx_mask = p->tx_mask = 1;
	p->ops = port_vhost_ops(features);
	return 0;
}

struct subject *
subject_make(const struct path_case *c, struct guest *const *guest, struct err *e)
{
	struct subject *s = aligned_alloc(64, align_up(sizeof(*s), 64));
	int r;

	if (!s) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	memset(s, 0, sizeof(*s));
	s->lane = (struct lane){.lanes = 1, .tsc_hz = HZ, .wake_fd = -1};
	s->lane.fwd = &s->fwd;
	s->lane.domains = &s->domains;
	s->lane.rcu = rcu_make(1);
	s->ports = calloc(1, sizeof(*s->ports) + PATH_PORTS_MAX * sizeof(s->ports->port[0]));
	r = s->lane.rcu && s->ports ? 0 : err_set(e, ENOMEM, "no memory");
	if (r == 0 && mac_table_init(&s->fwd.mac, MAC_ENTRIES, 1, 2) < 0)
		r = err_set(e, ENOMEM, "no memory for addresses");
	for (unsigned int i = 0; r == 0 && i < c->ports; i++)
		r = add_port(s, c, i, guest[i], e);
	if (r < 0) {
		subject_free(s);
		return NULL;
	}
	s->ports->serial = 1;
	s->lane.ports = s->ports;
	lane_init(&s->lane);
	rcu_online(s->lane.rcu, 0);
	return s;
}

static void
free_port(struct subject *s, struct swport *p)
{
	fwd_remove(&s->fwd, p);
	for (int side = 0; side < CHAIN_SIDES; side++)
		chain_free(p->chain[side]);
	watch_free(p);
	domain_leave(&s->domains, &p->member);
	free(p);
}

void
subject_free(struct subject *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n; i++)
		free_port(s, s->ports->port[i]);
	fwd_collect(&s->fwd);
	domains_fini(&s->domains);
	mac_table_fini(&s->fwd.mac);
	lane_fini(&s->lane);
	rcu_free(s->lane.rcu);
	free(s->ports);
	free(s);
}

/* As lane_run() goes round. */
__attribute__((noinline)) void
subject_round(struct subject *s)
{
	lane_round(&s->lane);
	fwd_age(&s->lane);
	rcu_quiet(s->lane.rcu, 0);
}
