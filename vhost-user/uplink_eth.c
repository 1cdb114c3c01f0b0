/* SPDX-License-Identifier: Apache-2.0 */
/* Uplinks on DPDK's devices, alone or bonded. */
#define ALLOW_EXPERIMENTAL_API /* rte_dev_event_callback_register(), as it is since 18.05 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/log.h"
#include "base/util.h"
#include "vhost-user/bond.h"
#include "vhost-user/lldp.h"
#include "vhost-user/rcu.h"
#include "vhost-user/uplink_priv.h"

static int
on_port_gone(uint16_t id, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct uplink *l = arg;

	(void)id;
	(void)type;
	(void)ret;
	atomic_store(&l->gone, true);
	return 0;
}

static void
on_device_event(const char *name, enum rte_dev_event_type type, void *arg)
{
	struct uplink *l = arg;

	(void)name;
	if (type == RTE_DEV_EVENT_REMOVE)
		atomic_store(&l->gone, true);
}

static uint32_t
n_devices(const struct uplink *l)
{
	uint32_t n = 0;

	while (n < PORT_MEMBERS_MAX && l->port->cfg.device[n][0])
		n++;
	return l->port->cfg.kind == PORT_BOND ? n : 1;
}

/* DPDK's name of the @i-th device, for its events. */
static const char *
device_name(const struct uplink *l, uint32_t i, char buf[ETH_NAME_LEN])
{
	const char *text = l->port->cfg.device[i];

	snprintf(buf, ETH_NAME_LEN, "%.*s", (int)strcspn(text, ","), text);
	return buf;
}

static void
watch_devices(struct uplink *l, bool on)
{
	char name[ETH_NAME_LEN];

	for (uint32_t i = 0; i < n_devices(l); i++) {
		uint16_t id = l->eth->dev.members ? l->eth->dev.member[i] : l->eth->dev.id;

		device_name(l, i, name);
		if (on) {
			rte_dev_event_callback_register(name, on_device_event, l);
			rte_eth_dev_callback_register(id, RTE_ETH_EVENT_INTR_RMV, on_port_gone, l);
		} else {
			rte_dev_event_callback_unregister(name, on_device_event, l);
			rte_eth_dev_callback_unregister(id, RTE_ETH_EVENT_INTR_RMV, on_port_gone,
							l);
		}
	}
}

static int
take(struct uplinks *u, struct uplink *l, struct err *e)
{
	const struct port_cfg *cfg = &l->port->cfg;

	l->eth->dev.queues = cfg->queues;
	if (cfg->kind == PORT_BOND) {
		l->eth->alive = true;
		l->eth->dev.queues = 1; /* LACP's frames go through the first one */
		return bond_make(&l->eth->dev, cfg, u->made, e);
	}
	return eth_dev_probe(cfg->device[0], cfg->mtu, &l->eth->dev.id, e);
}

static void
give(struct uplink *l)
{
	if (l->port->cfg.kind == PORT_BOND)
		bond_free(&l->eth->dev);
	else
		eth_dev_remove(l->eth->dev.id);
}

static int
make_own_ring(struct uplinks *u, struct eth_port *ep, struct err *e)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "own-%u", u->made);
	ep->own = rte_ring_create(name, ETH_OWN_RING, SOCKET_ID_ANY, RING_F_SC_DEQ);
	return ep->own ? 0
		       : err_set(e, ENOMEM, "no memory for its frames: %s",
				 rte_strerror(rte_errno));
}

static void
free_own_ring(struct eth_port *ep)
{
	struct rte_mbuf *m;

	while (rte_ring_dequeue(ep->own, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ep->own);
}

/* @l->eth is whole: lanes may use it. */
static void
publish(struct uplink *l)
{
	struct swport *p = l->port;
	uint32_t mask = (1u << l->eth->dev.queues) - 1;
	bool full = l->eth->alive || l->lldp || l->tunnels;

	p->backing = l->eth;
	atomic_store_explicit(&p->rx_mask, mask, memory_order_relaxed);
	atomic_store_explicit(&p->tx_mask, l->link ? mask : 0, memory_order_relaxed);
	/* release: pairs with a lane's acquire; all of the above is seen with them */
	atomic_store_explicit(&p->ops, full ? &eth_full_ops : &eth_ops, memory_order_release);
}

/* Needs no memory: who takes a port away relies on it. */
void
uplink_tunnels(struct uplinks *u, struct uplink *l)
{
	struct vxlan_port *vp[TUNNELS_MAX] = {0};
	struct eth_tunnels *next = &l->table[l->tunnels == &l->table[0]];
	uint32_t n = 0;

	for (struct uplink *v = u->first; v; v = v->next)
		if (v->over == l && n < TUNNELS_MAX)
			vp[n++] = v->vxlan;
	eth_tunnels_set(next, vp, n);
	l->tunnels = n ? next : NULL;
	/* release: pairs with the lane's acquire in its poll */
	atomic_store_explicit(&l->eth->tunnels, l->tunnels, memory_order_release);
	publish(l);
	rcu_wait(u->rcu); /* the other one is free again */
}

/* What has changed since it was told last. */
static void
note_members(struct uplink *l, uint32_t active)
{
	const struct eth_dev *d = &l->eth->dev;

	if (active != l->active)
		log_info("port %s: %d of %u devices can carry its frames", l->port->cfg.name,
			 __builtin_popcount(active), d->members);
	if (l->port->cfg.bond_mode == BOND_ACTIVE_BACKUP && d->primary != l->primary)
		log_info("port %s: uses %s now", l->port->cfg.name,
			 l->port->cfg.device[d->primary]);
	l->active = active;
	l->primary = d->primary;
}

void
uplink_eth_link(struct uplink *l, bool first)
{
	bool link = eth_dev_link(l->eth->dev.id);

	/* a bond takes nothing before it has looked at its members itself */
	if (l->eth->dev.members) {
		note_members(l, bond_watch(&l->eth->dev));
		link = link && l->active;
	}
	if (link == l->link && !first)
		return;
	l->link = link;
	log_info("port %s: link %s", l->port->cfg.name, link ? "up" : "down");
	publish(l);
	l->lldp_s = link ? 0 : l->lldp_s;
}

/* Told by DPDK, or seen: a kernel's interface that a device was made of. */
bool
uplink_eth_gone(const struct uplink *l)
{
	if (atomic_load(&l->gone))
		return true;
	for (uint32_t i = 0; i < n_devices(l); i++)
		if (!eth_dev_present(l->port->cfg.device[i]))
			return true;
	return false;
}

int
uplink_eth_up(struct uplinks *u, struct uplink *l, struct err *e)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	struct eth_port *ep = aligned_alloc(64, align_up(sizeof(*ep), 64));
	int r;

	if (!ep)
		return err_sys(e, ENOMEM, "port %s", l->port->cfg.name);
	memset(ep, 0, sizeof(*ep));
	ep->port = l->port;
	l->eth = ep;
	l->mtu = l->port->cfg.mtu;
	l->lldp = l->port->cfg.lldp;
	u->made++;
	r = make_own_ring(u, ep, e);
	if (r < 0)
		goto free_port;
	r = take(u, l, e);
	if (r < 0)
		goto free_ring;
	snprintf(name, sizeof(name), "uplink-%u", u->made);
	r = eth_dev_start(&ep->dev, name, l->port->cfg.mtu, e);
	if (r < 0)
		goto give_back;
	atomic_store(&l->gone, false);
	watch_devices(l, true);
	if (mac_number(u->chassis) == 0)
		memcpy(u->chassis, ep->dev.mac, sizeof(u->chassis));
	atomic_fetch_add_explicit(&l->port->connects, 1, memory_order_relaxed);
	l->up = true;
	uplink_eth_link(l, true);
	return 0;

give_back:
	give(l);
free_ring:
	free_own_ring(ep);
free_port:
	free(ep);
	l->eth = NULL;
	return err_prefix(e, "port %s", l->port->cfg.name);
}

void
uplink_eth_down(struct uplinks *u, struct uplink *l)
{
	struct eth_port *ep = l->eth;

	if (!l->up)
		return;
	l->missed += eth_dev_missed(&ep->dev);
	atomic_store_explicit(&l->port->ops, NULL, memory_order_release);
	rcu_wait(u->rcu);
	watch_devices(l, false);
	eth_dev_stop(&ep->dev);
	give(l);
	free_own_ring(ep);
	eth_pools_retire(&u->pools, ep->dev.pool);
	l->tunnels = NULL;
	free(ep);
	l->eth = NULL;
	l->up = false;
	l->link = false;
}

static void
send_lldp(struct uplink *l, uint16_t id, const struct lldp *what)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(l->eth->dev.pool);
	struct rte_ether_addr mac = {0};
	struct lldp say = *what;
	size_t len;

	if (!m)
		return;
	rte_eth_macaddr_get(id, &mac);
	memcpy(say.source, mac.addr_bytes, sizeof(say.source));
	len = lldp_make(rte_pktmbuf_mtod(m, uint8_t *), &say);
	m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	m->port = id;
	eth_send_own(l->eth, m);
}

void
uplink_lldp(const struct uplinks *u, struct uplink *l, uint16_t ttl_s)
{
	const struct eth_dev *d = &l->eth->dev;
	struct lldp say = {.port = l->port->cfg.name,
			   .system = u->system,
			   .description = "Corelane " CORELANE_VERSION,
			   .ttl_s = ttl_s,
			   .mtu = l->port->cfg.mtu};

	memcpy(say.chassis, u->chassis, sizeof(say.chassis));
	if (d->members == 0)
		send_lldp(l, d->id, &say);
	for (int i = 0; i < d->members; i++) { /* each link has its own neighbour */
		char name[ETH_NAME_LEN];

		say.port = device_name(l, (uint32_t)i, name);
		send_lldp(l, d->member[i], &say);
	}
}

void
uplink_eth_tick(struct uplinks *u, struct uplink *l)
{
	uplink_eth_link(l, false);
	if (!l->lldp || !l->link)
		return;
	if (l->lldp_s == 0) {
		uplink_lldp(u, l, LLDP_TTL_S);
		l->lldp_s = LLDP_PERIOD_S;
	}
	l->lldp_s--;
}

void
uplink_eth_changed(struct uplinks *u, struct uplink *l)
{
	bool lldp = l->port->cfg.lldp;

	if (lldp == l->lldp)
		return;
	if (l->link && !lldp)
		uplink_lldp(u, l, 0);
	l->lldp = lldp;
	l->lldp_s = 0;
	/* with the frame that says goodbye still to be sent by the full operations */
	if (lldp)
		publish(l);
}
