/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/port_vxlan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <rte_branch_prediction.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "vhost-user/flow.h"
#include "vhost-user/lane.h"
#include "vhost-user/send.h"

#define UNITS 128 /* in the age of an address */

_Static_assert(PORT_PEERS_MAX <= VXLAN_PEERS, "each has a number in vxlan_macs");

static uint32_t
ipv4(const struct port_ip *ip)
{
	return (uint32_t)ip->addr[0] << 24 | (uint32_t)ip->addr[1] << 16 |
	       (uint32_t)ip->addr[2] << 8 | ip->addr[3];
}

static uint32_t
netmask(uint8_t prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

/* An address that a station can have. */
static bool
is_station(uint32_t ip)
{
	return ip >> 24 != 0 && ip >> 24 != 127 && ip >> 24 < 224;
}

static int
check_peers(const struct port_cfg *cfg, struct err *e)
{
	const struct port_vxlan *v = &cfg->vxlan;
	uint32_t local = ipv4(&v->local), mask = netmask(v->local.prefix);

	for (int i = 0; i < PORT_PEERS_MAX && v->peer[i].family; i++) {
		uint32_t ip = ipv4(&v->peer[i]);

		if (v->peer[i].family != 4 || !is_station(ip) || ip == local)
			return err_set(e, EINVAL,
				       "port %s: vxlan peer %d is no IPv4 address of another "
				       "station",
				       cfg->name, i + 1);
		if (((ip ^ local) & mask) && v->gateway.family == 0)
			return err_set(e, EINVAL,
				       "port %s: vxlan peer %d is outside of the local network "
				       "/%u; declare a gateway",
				       cfg->name, i + 1, v->local.prefix);
		for (int k = 0; k < i; k++)
			if (ipv4(&v->peer[k]) == ip)
				return err_set(e, EINVAL,
					       "port %s: vxlan peers %d and %d are the same",
					       cfg->name, k + 1, i + 1);
	}
	return 0;
}

int
vxlan_check(const struct port_cfg *cfg, struct err *e)
{
	const struct port_vxlan *v = &cfg->vxlan;
	uint32_t local = ipv4(&v->local);
	size_t over = strnlen(v->over, sizeof(v->over));

	if (v->vni == 0 || v->vni > VXLAN_VNI_MAX)
		return err_set(e, EINVAL, "port %s: vni %u is not 1..%u", cfg->name, v->vni,
			       VXLAN_VNI_MAX);
	if (v->udp_port == 0)
		return err_set(e, EINVAL, "port %s: vxlan port 0; the usual one is %d", cfg->name,
			       VXLAN_UDP_PORT);
	if (over == 0 || over == sizeof(v->over) || strcmp(v->over, cfg->name) == 0)
		return err_set(e, EINVAL, "port %s: vxlan is over no other port", cfg->name);
	if (v->local.family != 4 || v->local.prefix > 32 || !is_station(local))
		return err_set(e, EINVAL,
			       "port %s: vxlan needs a local IPv4 address, as in "
			       "10.0.0.1/24 (IPv6 is not supported)",
			       cfg->name);
	if (v->gateway.family && (v->gateway.family != 4 || ipv4(&v->gateway) == local ||
				  ((ipv4(&v->gateway) ^ local) & netmask(v->local.prefix))))
		return err_set(e, EINVAL, "port %s: vxlan gateway is not in the local network",
			       cfg->name);
	if (v->peer[0].family == 0)
		return err_set(e, EINVAL, "port %s: vxlan has no peers", cfg->name);
	return check_peers(cfg, e);
}

static uint32_t
add_hop(struct vxlan_port *vp, uint32_t ip)
{
	uint32_t i;

	for (i = 0; i < vp->n_hops; i++)
		if (vp->hop[i].ip == ip)
			return i;
	vp->hop[vp->n_hops++].ip = ip;
	return i;
}

struct vxlan_port *
vxlan_port_make(struct swport *port, uint32_t number, struct err *e)
{
	const struct port_vxlan *v = &port->cfg.vxlan;
	struct vxlan_port *vp = calloc(1, sizeof(*vp));
	char name[RTE_RING_NAMESIZE];

	if (!vp) {
		err_sys(e, ENOMEM, "port %s", port->cfg.name);
		return NULL;
	}
	vp->port = port;
	vp->made_of = port->cfg;
	vp->local = ipv4(&v->local);
	vp->vni = v->vni;
	vp->udp_port = v->udp_port;
	vp->unit_s = port->cfg.mac_age_s / UNITS + 1;
	if (getrandom(&vp->macs.seed, sizeof(vp->macs.seed), 0) < 0)
		vp->macs.seed = (uintptr_t)vp;
	for (; vp->n_peers < PORT_PEERS_MAX && v->peer[vp->n_peers].family; vp->n_peers++) {
		uint32_t ip = ipv4(&v->peer[vp->n_peers]);
		bool near = ((ip ^ vp->local) & netmask(v->local.prefix)) == 0;

		vp->peer[vp->n_peers].ip = ip;
		vp->peer[vp->n_peers].hop = add_hop(vp, near ? ip : ipv4(&v->gateway));
	}
	vp->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vp->wake_fd < 0) {
		err_sys(e, errno, "port %s: eventfd", port->cfg.name);
		free(vp);
		return NULL;
	}
	snprintf(name, sizeof(name), "vxlan-%x-%x", port->ref, number);
	vp->inbox = rte_ring_create(name, VXLAN_INBOX, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (!vp->inbox) {
		err_set(e, ENOMEM, "port %s: no memory for its frames: %s", port->cfg.name,
			rte_strerror(rte_errno));
		close(vp->wake_fd);
		free(vp);
		return NULL;
	}
	return vp;
}

static bool
same_tunnel(const struct port_vxlan *a, const struct port_vxlan *b)
{
	return a->vni == b->vni && a->udp_port == b->udp_port && strcmp(a->over, b->over) == 0 &&
	       memcmp(&a->local, &b->local, sizeof(a->local)) == 0 &&
	       memcmp(&a->gateway, &b->gateway, sizeof(a->gateway)) == 0 &&
	       memcmp(a->peer, b->peer, sizeof(a->peer)) == 0;
}

bool
vxlan_port_differs(const struct vxlan_port *vp)
{
	const struct port_cfg *is = &vp->port->cfg, *was = &vp->made_of;

	return is->mtu != was->mtu || is->mac_age_s != was->mac_age_s ||
	       !same_tunnel(&is->vxlan, &was->vxlan);
}

void
vxlan_port_inherit(struct vxlan_port *new, struct vxlan_port *old)
{
	struct rte_ring *inbox = new->inbox;
	uint8_t to[VXLAN_PEERS];

	for (uint32_t i = 0; i < new->n_hops; i++)
		for (uint32_t k = 0; k < old->n_hops; k++)
			if (new->hop[i].ip == old->hop[k].ip)
				atomic_store(&new->hop[i].mac, atomic_load(&old->hop[k].mac));
	if (new->vni != old->vni)
		return; /* another network, with stations of its own */
	memset(to, VXLAN_PEER_NONE, sizeof(to));
	for (uint32_t i = 0; i < old->n_peers; i++)
		for (uint32_t k = 0; k < new->n_peers; k++)
			if (old->peer[i].ip == new->peer[k].ip)
				to[i] = (uint8_t)k;
	vxlan_macs_inherit(&new->macs, &old->macs, to);
	new->inbox = old->inbox;
	old->inbox = inbox;
}

void
vxlan_port_free(struct vxlan_port *vp)
{
	struct rte_mbuf *m;

	if (!vp)
		return;
	while (rte_ring_dequeue(vp->inbox, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(vp->inbox);
	close(vp->wake_fd);
	free(vp);
}

static void
ask(struct eth_port *ep, const struct arp *a)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(ep->dev.pool);

	if (!m)
		return;
	arp_make(rte_pktmbuf_mtod(m, uint8_t *), a);
	m->data_len = ARP_FRAME;
	m->pkt_len = ARP_FRAME;
	m->port = ep->dev.id;
	eth_send_own(ep, m);
}

void
vxlan_port_tick(struct vxlan_port *vp, struct eth_port *ep)
{
	for (uint32_t i = 0; i < vp->n_hops; i++) {
		struct arp a = {.op = ARP_REQUEST,
				.sender_mac = vp->our_mac,
				.sender_ip = vp->local,
				.target_ip = vp->hop[i].ip};

		if (arp_hop_tick(&vp->hop[i], &a.target_mac))
			ask(ep, &a);
	}
	if (++vp->seconds < vp->unit_s)
		return;
	vp->seconds = 0;
	atomic_fetch_add_explicit(&vp->macs.now, 1, memory_order_relaxed);
	vxlan_expire(&vp->macs, vp->port->cfg.mac_age_s / vp->unit_s + 1);
}

/* Frames to one peer, through the port below. @pkt are our own copies: heads with room before them. */
static void
send_to(struct lane *lane, struct vxlan_port *vp, uint32_t peer, struct pkt *const *pkt, uint32_t n)
{
	const struct arp_hop *hop = &vp->hop[vp->peer[peer].hop];
	struct vxlan_path path = {
		.our_mac = vp->our_mac,
		.hop_mac = atomic_load_explicit(&hop->mac, memory_order_relaxed),
		.local = vp->local,
		.peer = vp->peer[peer].ip,
		.udp_port = vp->udp_port,
		.vni = vp->vni,
	};

	if (unlikely(!path.hop_mac)) {
		swport_drop(vp->port, lane, DROP_LINK_DOWN, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct pkt *p = pkt[i];
		uint32_t hash = flow_hash(p->head + VXLAN_OUTER, p->head_len - VXLAN_OUTER);

		vxlan_push(p->head, &path, p->len - VXLAN_OUTER, hash);
	}
	send_put(lane, vp->over, pkt, n);
}

/* Which peers a frame goes to: bit by index. */
static uint32_t
peers_of(const struct vxlan_port *vp, const struct pkt *pkt)
{
	int peer = vxlan_find(&vp->macs, mac_number(pkt->head));

	return peer >= 0 && (uint32_t)peer < vp->n_peers ? 1u << peer : (1u << vp->n_peers) - 1;
}

static uint32_t
vxlan_put(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *const *pkt,
	  uint32_t n)
{
	struct vxlan_port *vp = port->backing;
	struct lane_scratch *s = &lane->out[lane->level];
	struct pkt *some[PKT_BURST];
	uint8_t to[PKT_BURST];

	(void)queue;
	if (unlikely(lane->level == LANE_LEVELS))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct pkt *p = &s->pkt[i];

		*p = *pkt[i];
		if (unlikely(p->head_len > LANE_HEAD - PKT_HEADROOM)) {
			to[i] = 0; /* longer than anything here makes */
			swport_drop(port, lane, DROP_BUFFERS, 1);
			continue;
		}
		to[i] = (uint8_t)peers_of(vp, p);
		/* the head is the sender's, and it may go to more ports than this */
		send_deepen(p, s->head[i] + PKT_HEADROOM, MAX_OF(PKT_DEEP, p->head_len));
		p->head -= VXLAN_OUTER;
		p->head_len = (uint16_t)(p->head_len + VXLAN_OUTER);
		p->len += VXLAN_OUTER;
		p->mbuf = NULL;
	}
	lane->level++;
	for (uint32_t peer = 0; peer < vp->n_peers; peer++) {
		uint32_t k = 0;

		for (uint32_t i = 0; i < n; i++)
			if (to[i] & 1u << peer)
				some[k++] = &s->pkt[i];
		if (k)
			send_to(lane, vp, peer, some, k);
	}
	lane->level--;
	return n;
}

static uint32_t
vxlan_peek(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n)
{
	struct vxlan_port *vp = port->backing;

	(void)queue;
	n = rte_ring_dequeue_burst(vp->inbox, (void **)vp->held, n, NULL);
	vp->n_held = n ? eth_fill(lane, port, vp->held, pkt, n) : 0;
	return vp->n_held;
}

static int
vxlan_watch(struct lane *lane, struct swport *port, uint32_t queue)
{
	struct vxlan_port *vp = port->backing;

	(void)lane;
	(void)queue;
	/* seq_cst: before the caller looks into the inbox once more; pairs with vxlan_wake() */
	atomic_store_explicit(&vp->asleep, 1, memory_order_seq_cst);
	return vp->wake_fd;
}

static void
vxlan_quiet(struct lane *lane, struct swport *port, uint32_t queue)
{
	struct vxlan_port *vp = port->backing;
	uint64_t count;

	(void)lane;
	(void)queue;
	atomic_store_explicit(&vp->asleep, 0, memory_order_relaxed);
	/* does not block; nothing to read is as good */
	if (read(vp->wake_fd, &count, sizeof(count)) < 0)
		return;
}

void
vxlan_wake(struct vxlan_port *vp)
{
	const uint64_t one = 1;

	/*
	 * A read that writes: seq_cst, after the frames are in the inbox; pairs with vxlan_watch(). Once a
	 * burst.
	 */
	if (atomic_fetch_and_explicit(&vp->asleep, 0, memory_order_seq_cst) == 0)
		return;
	/* cannot be full: its lane reads what it was told */
	if (write(vp->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void
vxlan_done(struct lane *lane, struct swport *port, uint32_t queue)
{
	struct vxlan_port *vp = port->backing;

	(void)lane;
	(void)queue;
	rte_pktmbuf_free_bulk(vp->held, vp->n_held);
	vp->n_held = 0;
}

const struct port_ops vxlan_ops = {
	.name = "vxlan",
	.peek = vxlan_peek,
	.done = vxlan_done,
	.put = vxlan_put,
	.watch = vxlan_watch,
	.quiet = vxlan_quiet,
};
