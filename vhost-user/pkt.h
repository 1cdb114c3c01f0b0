/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame on its way through the switch: where its bytes lie, not the bytes. Its first bytes (the head)
 * were copied into private memory once and are what every decision looks at and what the receiver gets;
 * the rest (the body) stays in the sender's buffer until it is copied into the receiver's, and may
 * change under us at any moment, so nobody looks at it.
 */
#ifndef CORELANE_VHOST_USER_PKT_H
#define CORELANE_VHOST_USER_PKT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/virtio_net.h>

#define PKT_BURST    32
#define PKT_HEAD     16  /* what a plain port needs: addresses and EtherType */
#define PKT_DEEP     128 /* what filters, policers and snooping need: up to layer 4 */
#define PKT_HEADROOM 64  /* free bytes before a deep head: tags, a VXLAN header */

#define PKT_OFFLOAD 1u /* off says what is still to be done to it */
#define PKT_TAGGED  2u /* had a tag when it came, which gave vlan and pcp; it is cut off */
#define PKT_REPORT  8u /* IGMP or MLD, of a member: for routers only (snoop.h) */
#define PKT_MIRROR  4u /* a copy for a mirror's port (mirror.h) */

struct rte_mbuf;

struct pkt_seg {
	const uint8_t *addr;
	uint32_t len;
};

/*
 * The frame is head[0..head_len), then body[0..body_len), then more[0..n_more). head_len is never less
 * than min(len, PKT_HEAD): all that peek() has to give, in near[]. For a chain the lane itself copies
 * more of it, so that inside a deep chain it is never less than min(len, PKT_DEEP), tag cut off
 * or not. Valid until the source's done(). A source that cannot give a frame as this drops it, counts.
 */
struct pkt {
	uint8_t *head; /* near[], or a deep head with PKT_HEADROOM before it */
	const uint8_t *body;
	uint32_t body_len;
	uint32_t len; /* of the whole frame, without FCS */
	uint16_t head_len;
	uint16_t n_more;
	uint16_t
		domain; /* broadcast domain; 0: not to be forwarded. peek() takes it from the port */
	uint8_t pcp;    /* IEEE 802.1Q priority; 0 without a tag */
	uint8_t flags;
	const struct pkt_seg *more; /* the source's, or the burst's scratch */
	struct rte_mbuf *mbuf;      /* the frame as DPDK has it, when it came so; else NULL */
	uint8_t near[PKT_HEAD];
	struct virtio_net_hdr off; /* host order, checked against len; when PKT_OFFLOAD */
	uint16_t serial; /* of a traced burst: which of its frames this is, or is a copy of */
};

/* Copies the whole frame. @to has pkt->len bytes and belongs to nobody else while this runs, or to a
 * guest that may spoil what only it gets. */
static inline void
pkt_copy(const struct pkt *pkt, uint8_t *to)
{
	memcpy(to, pkt->head, pkt->head_len);
	to += pkt->head_len;
	memcpy(to, pkt->body, pkt->body_len);
	to += pkt->body_len;
	for (uint32_t i = 0; i < pkt->n_more; i++) {
		memcpy(to, pkt->more[i].addr, pkt->more[i].len);
		to += pkt->more[i].len;
	}
}

#endif
