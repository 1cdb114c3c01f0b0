/* SPDX-License-Identifier: Apache-2.0 */
/* What comes to a device for the VXLAN ports over it: their packets, and ARP. */

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/util.h"
#include "vhost-user/lane.h"
#include "vhost-user/port_vxlan.h"

#define ETHERTYPE_ARP 0x0806

static uint32_t
slot_of(uint32_t vni)
{
	return vni * UINT32_C(0x9e3779b1) >> 24;
}

void
eth_tunnels_set(struct eth_tunnels *t, struct vxlan_port *const *vp, uint32_t n)
{
	*t = (struct eth_tunnels){0};
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = slot_of(vp[i]->vni);

		while (t->slot[at])
			at = (at + 1) % TUNNEL_SLOTS;
		t->port[t->n++] = vp[i];
		t->slot[at] = (uint8_t)t->n;
	}
}

/* Its index, or -1. */
static int
tunnel_of(const struct eth_tunnels *t, const struct vxlan_seen *seen)
{
	for (uint32_t at = slot_of(seen->vni); t->slot[at]; at = (at + 1) % TUNNEL_SLOTS) {
		const struct vxlan_port *vp = t->port[t->slot[at] - 1];

		if (vp->vni == seen->vni && vp->local == seen->target &&
		    vp->udp_port == seen->udp_port)
			return t->slot[at] - 1;
	}
	return -1;
}

static int
peer_of(const struct vxlan_port *vp, uint32_t ip)
{
	for (uint32_t i = 0; i < vp->n_peers; i++)
		if (vp->peer[i].ip == ip)
			return (int)i;
	return -1;
}

/* Leaves the inner frame in @m. false: its buffers are not as its headers say. */
static bool
unwrap(struct rte_mbuf *m, const struct vxlan_seen *seen)
{
	uint32_t behind = rte_pktmbuf_pkt_len(m) - seen->at - seen->len;

	if (behind && rte_pktmbuf_trim(m, (uint16_t)behind) != 0)
		return false;
	return rte_pktmbuf_adj(m, (uint16_t)seen->at) != NULL;
}

static enum vxlan_kind
parse(const struct eth_tunnels *t, const struct rte_mbuf *m, struct vxlan_seen *seen)
{
	enum vxlan_kind kind = VXLAN_NONE;
	uint16_t tried = 0;

	/* nearly always one port for all of them */
	for (uint32_t i = 0; i < t->n && kind == VXLAN_NONE; i++) {
		uint16_t udp_port = t->port[i]->udp_port;

		if (udp_port == tried)
			continue;
		tried = udp_port;
		kind = vxlan_parse(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m),
				   rte_pktmbuf_pkt_len(m), udp_port, seen);
	}
	return kind;
}

/*
 * A frame to the device's own address: nobody's but a tunnel's. It is taken over; returns the bit of the
 * tunnel that got it.
 */
static uint64_t
take_packet(const struct eth_tunnels *t, struct lane *lane, struct eth_port *ep, struct rte_mbuf *m)
{
	struct vxlan_port *vp = NULL;
	struct vxlan_seen seen;
	int index = -1, peer = -1;

	if (parse(t, m, &seen) == VXLAN_FRAME)
		index = tunnel_of(t, &seen);
	if (index >= 0) {
		vp = t->port[index];
		peer = peer_of(vp, seen.source);
	}
	if (peer < 0 || !unwrap(m, &seen)) {
		swport_drop(ep->port, lane, DROP_TUNNEL, 1);
		rte_pktmbuf_free(m);
		return 0;
	}
	vxlan_learn(&vp->macs, mac_number(rte_pktmbuf_mtod_offset(m, const uint8_t *, 6)),
		    (uint32_t)peer);
	if (rte_ring_enqueue(vp->inbox, m) != 0) {
		swport_drop(ep->port, lane, DROP_BUFFERS, 1);
		rte_pktmbuf_free(m);
		return 0;
	}
	return UINT64_C(1) << index;
}

static void
answer(struct eth_port *ep, const struct arp *question)
{
	struct arp a = {.op = ARP_REPLY,
			.sender_mac = mac_number(ep->dev.mac),
			.sender_ip = question->target_ip,
			.target_mac = question->sender_mac,
			.target_ip = question->sender_ip};
	struct rte_mbuf *m = rte_pktmbuf_alloc(ep->dev.pool);

	if (!m)
		return;
	arp_make(rte_pktmbuf_mtod(m, uint8_t *), &a);
	m->data_len = ARP_FRAME;
	m->pkt_len = ARP_FRAME;
	m->port = ep->dev.id;
	eth_send_own(ep, m);
}

/* true: it was for us and is done with. */
static bool
hear_arp(const struct eth_tunnels *t, struct eth_port *ep, const struct rte_mbuf *m)
{
	bool for_us = false;
	struct arp a;

	if (!arp_parse(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m), &a))
		return false;
	for (uint32_t i = 0; i < t->n; i++) {
		struct vxlan_port *vp = t->port[i];

		/* who claims our own address is not believed, and has its answer */
		for_us |= vp->local == a.target_ip;
		for (uint32_t k = 0; k < vp->n_hops; k++)
			if (vp->hop[k].ip == a.sender_ip)
				arp_hop_hear(&vp->hop[k], &a, vp->local);
	}
	if (for_us && a.op == ARP_REQUEST)
		answer(ep, &a);
	return for_us;
}

uint32_t
eth_tunnels_take(const struct eth_tunnels *t, struct lane *lane, struct eth_port *ep,
		 struct rte_mbuf **m, uint32_t n)
{
	uint64_t ours = mac_number(ep->dev.mac), got = 0;
	uint32_t left = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *head = rte_pktmbuf_mtod(m[i], const uint8_t *);
		bool arp, to_us;

		if (unlikely(rte_pktmbuf_data_len(m[i]) < ETH_HEADER_LEN)) {
			m[left++] = m[i];
			continue;
		}
		arp = head[12] == ETHERTYPE_ARP >> 8 && head[13] == (ETHERTYPE_ARP & 0xff);
		to_us = mac_number(head) == ours;
		if (arp && hear_arp(t, ep, m[i]))
			rte_pktmbuf_free(m[i]);
		else if (to_us && !arp)
			got |= take_packet(t, lane, ep, m[i]);
		else
			m[left++] = m[i];
	}
	for (; got; got &= got - 1)
		vxlan_wake(t->port[__builtin_ctzll(got)]);
	return left;
}
