/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/feat_vlan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/domain.h"
#include "vhost-user/lane.h"
#include "vhost-user/trace.h"

#define TAG_LEN    4
#define HEADER_LEN 14
#define ADDRESSES  12
#define VID_MASK   0xfff
#define VLAN_IDS   4096
#define PCP_SHIFT  5 /* in the first byte of a TCI */
#define NEEDS_CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM

/* A copy, so that it stands and falls with its chain. */
struct vlan_state {
	uint16_t untagged; /* domain; 0: none */
	bool trunk;
	uint16_t of[]; /* by VLAN, of a trunk; 0: not carried */
};

bool
pkt_has_tag(const struct pkt *pkt)
{
	uint16_t type;

	if (pkt->head_len < PKT_HEAD)
		return false;
	type = pkt_ether_type(pkt);
	return type == TPID_CUSTOMER || type == TPID_SERVICE;
}

uint8_t
pkt_priority(const struct pkt *pkt)
{
	if (pkt->flags & PKT_TAGGED)
		return pkt->pcp;
	return pkt_has_tag(pkt) ? pkt->head[VLAN_TCI_AT] >> PCP_SHIFT : 0;
}

static uint16_t
tci_of(const struct pkt *pkt)
{
	return (uint16_t)(pkt->head[VLAN_TCI_AT] << 8 | pkt->head[VLAN_TCI_AT + 1]);
}

/*
 * What the offloads say is counted from the frame's first byte. False: there is a checksum inside the
 * tag. How long the headers are is a hint (virtio 1.2, 5.1.6.2) and may be anything.
 */
static bool
shift_offload(struct pkt *pkt, int by)
{
	struct virtio_net_hdr *h = &pkt->off;
	int start = h->csum_start + by, headers = h->hdr_len + by;

	if (!(pkt->flags & PKT_OFFLOAD))
		return true;
	if ((h->flags & NEEDS_CSUM) && start < HEADER_LEN)
		return false;
	h->csum_start = (uint16_t)MAX_OF(start, 0);
	h->hdr_len = (uint16_t)MIN_OF(MAX_OF(headers, 0), UINT16_MAX);
	return true;
}

static void
cut_tag(struct pkt *pkt, uint16_t tci)
{
	memmove(pkt->head + TAG_LEN, pkt->head, ADDRESSES);
	pkt->head += TAG_LEN;
	pkt->head_len -= TAG_LEN;
	pkt->len -= TAG_LEN;
	pkt->pcp = (uint8_t)(tci >> 13);
	pkt->flags |= PKT_TAGGED;
	pkt->mbuf = NULL; /* holds another frame now */
}

/* 0: it goes on. Else 1 + the cause. */
static uint32_t
classify(const struct vlan_state *s, const struct domains *ds, struct pkt *pkt)
{
	uint16_t type = pkt_ether_type(pkt), tci, id;

	if (type != TPID_CUSTOMER && type != TPID_SERVICE) {
		pkt->domain = s->untagged;
		return s->untagged ? 0 : 1 + DROP_VLAN;
	}
	if (pkt->len < HEADER_LEN + TAG_LEN)
		return 1 + DROP_RUNT;
	tci = tci_of(pkt);
	/* a priority tag names no VLAN and stays on, as on an access port: IEEE 802.1Q-2018, 9.6 */
	if ((tci & VID_MASK) == 0 && type == TPID_CUSTOMER) {
		pkt->domain = s->untagged;
		return s->untagged ? 0 : 1 + DROP_VLAN;
	}
	id = s->of[tci & VID_MASK];
	if (id == 0 || domain_tag(ds, id) >> 16 != type)
		return 1 + DROP_VLAN;
	if (!shift_offload(pkt, -TAG_LEN))
		return 1 + DROP_OFFLOAD;
	cut_tag(pkt, tci);
	pkt->domain = id;
	return 0;
}

static void
run_in(struct burst *b, void *state)
{
	const struct domains *ds = b->lane->domains;
	const struct vlan_state *s = state;
	uint32_t i, why;

	burst_for_each(i, b)
	{
		struct pkt *pkt = b->pkt[i];

		if (pkt->len < HEADER_LEN)
			why = 1 + DROP_RUNT;
		else if (s->trunk)
			why = classify(s, ds, pkt);
		else {
			pkt->domain = s->untagged;
			why = 0;
		}
		if (why)
			burst_drop(b, i, (enum switch_drop)(why - 1));
		else
			trace_say(b->lane, b->port, pkt, "vlan %u",
				  domain_tag(ds, pkt->domain) & VID_MASK);
	}
}

static void
put_tci(struct pkt *pkt, uint32_t tag, uint8_t pcp)
{
	uint8_t *at = pkt->head + ADDRESSES;

	at[0] = (uint8_t)(tag >> 24);
	at[1] = (uint8_t)(tag >> 16);
	at[2] = (uint8_t)(pcp << PCP_SHIFT | (tag >> 8 & 0xf));
	at[3] = (uint8_t)tag;
}

static void
push_tag(struct pkt *pkt, uint32_t tag)
{
	uint8_t pcp = pkt_priority(pkt);

	pkt->mbuf = NULL;
	/* a priority tag becomes the VLAN's tag; whatever a customer sends in a service VLAN stays */
	if (pkt_has_tag(pkt) && pkt_ether_type(pkt) == TPID_CUSTOMER &&
	    tag >> 16 == TPID_CUSTOMER && (tci_of(pkt) & VID_MASK) == 0) {
		put_tci(pkt, tag, pcp);
		return;
	}
	memmove(pkt->head - TAG_LEN, pkt->head, ADDRESSES);
	pkt->head -= TAG_LEN;
	pkt->head_len += TAG_LEN;
	pkt->len += TAG_LEN;
	put_tci(pkt, tag, pcp);
	shift_offload(pkt, TAG_LEN);
}

/*
 * An untagged frame of the native VLAN whose payload begins with a tag would be of that tag's VLAN to
 * whoever gets it next: dropped.
 */
static bool
hops(const struct pkt *pkt)
{
	return pkt_has_tag(pkt) &&
	       (pkt_ether_type(pkt) == TPID_SERVICE || (tci_of(pkt) & VID_MASK) != 0);
}

static void
run_out(struct burst *b, void *state)
{
	const struct domains *ds = b->lane->domains;
	const struct vlan_state *s = state;
	uint32_t i;

	burst_for_each(i, b)
	{
		struct pkt *pkt = b->pkt[i];
		uint32_t tag = domain_tag(ds, pkt->domain);

		if (pkt->domain == s->untagged && pkt->domain) {
			if (hops(pkt))
				burst_drop(b, i, DROP_VLAN);
		} else if (s->of[tag & VID_MASK] != pkt->domain || !(tag & VID_MASK)) {
			burst_drop(b, i, DROP_VLAN); /* decided before the trunk changed */
		} else {
			push_tag(pkt, tag);
			trace_say(b->lane, b->port, pkt, "tagged, vlan %u", tag & VID_MASK);
		}
	}
}

static bool
wanted_in(const struct swport *port)
{
	return port->cfg.vlan_mode != PORT_ACCESS;
}

/* A QinQ port gets what its peers sent, or what is left when a trunk has cut off the S-tag. */
static bool
wanted_out(const struct swport *port)
{
	return port->cfg.vlan_mode == PORT_TRUNK;
}

static int
make(struct swport *port, void *old, void **ret_state, struct err *e)
{
	const struct membership *m = &port->member;
	size_t table = m->of ? VLAN_IDS * sizeof(uint16_t) : 0;
	struct vlan_state *s = calloc(1, sizeof(*s) + table);

	(void)old;
	if (!s)
		return err_sys(e, ENOMEM, "port %s: its VLANs", port->cfg.name);
	s->untagged = m->untagged;
	s->trunk = m->of != NULL;
	if (m->of)
		memcpy(s->of, m->of, table);
	*ret_state = s;
	return 0;
}

/* deep: the head is still one of PKT_HEAD bytes when the tag is off */
const struct feature feat_vlan_in = {
	.name = "vlan",
	.side = CHAIN_IN,
	.deep = true,
	.wanted = wanted_in,
	.make = make,
	.destroy = free,
	.run = run_in,
};

const struct feature feat_vlan_out = {
	.name = "tag",
	.side = CHAIN_OUT,
	.wanted = wanted_out,
	.make = make,
	.destroy = free,
	.run = run_out,
};
