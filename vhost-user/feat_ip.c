/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/feat_ip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "vhost-user/feat_vlan.h"
#include "vhost-user/lane.h"

#define TAGS_MAX                                                                                   \
	2 /* in front of what is looked at: a priority tag; a customer's in a service VLAN */

#define TYPE_IPV4 0x0800
#define TYPE_ARP  0x0806
#define TYPE_RARP 0x8035
#define TYPE_IPV6 0x86dd

#define IPV4_LEN 20
#define IPV6_LEN 40
#define ARP_LEN  28 /* RFC 826, for Ethernet and IPv4 */

#define PROTO_HOP_BY_HOP 0
#define PROTO_IGMP       2
#define PROTO_UDP        17
#define PROTO_ROUTING    43
#define PROTO_FRAGMENT   44
#define PROTO_ICMPV6     58
#define PROTO_OPTIONS    60

/* RFC 2710, RFC 3810, RFC 4861 */
#define MLD_REPORT       131
#define MLD_DONE         132
#define ND_ROUTER_ASK    133
#define ND_NEIGHBOUR_ASK 135
#define ND_NEIGHBOUR_SAY 136
#define MLD2_REPORT      143
#define ND_TARGET_AT     8 /* in the ICMPv6 message */

#define DHCP_CLIENT 68
#define DHCP_SERVER 67

struct ip4 {
	uint32_t addr, mask; /* as they stand in the frame */
};

struct ip6 {
	uint8_t addr[16], mask[16];
};

struct ip_state {
	uint32_t n4, n6;
	bool link_local; /* some are declared */
	struct ip4 v4[PORT_IPS_MAX];
	struct ip6 v6[PORT_IPS_MAX];
};

/* What is left of a frame, as far as its head goes. */
struct rest {
	const uint8_t *at;
	uint32_t len;
	const uint8_t *mac; /* the frame's source */
};

static bool
skip(struct rest *r, uint32_t n)
{
	if (r->len < n)
		return false;
	r->at += n;
	r->len -= n;
	return true;
}

static bool
declared4(const struct ip_state *s, const uint8_t *addr)
{
	uint32_t a;

	memcpy(&a, addr, sizeof(a));
	for (uint32_t i = 0; i < s->n4; i++)
		if ((a & s->v4[i].mask) == s->v4[i].addr)
			return true;
	return false;
}

static bool
declared6(const struct ip_state *s, const uint8_t *addr)
{
	for (uint32_t i = 0; i < s->n6; i++) {
		uint8_t wrong = 0;

		for (int k = 0; k < 16; k++)
			wrong |= (addr[k] & s->v6[i].mask[k]) ^ s->v6[i].addr[k];
		if (!wrong)
			return true;
	}
	return false;
}

/* RFC 4291, appendix A: fe80::/64 and the modified EUI-64 of the MAC. */
static bool
made_from_mac(const uint8_t *addr, const uint8_t *mac)
{
	const uint8_t want[16] = {
		0xfe,        0x80,        [8] = mac[0] ^ 2, [9] = mac[1],  [10] = mac[2],
		[11] = 0xff, [12] = 0xfe, [13] = mac[3],    [14] = mac[4], [15] = mac[5]};

	return memcmp(addr, want, sizeof(want)) == 0;
}

static bool
is_link_local(const uint8_t *addr)
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

static bool
may_use6(const struct ip_state *s, const struct rest *r, const uint8_t *addr)
{
	if (declared6(s, addr))
		return true;
	return is_link_local(addr) && (!s->link_local || made_from_mac(addr, r->mac));
}

/* 0.0.0.0: DHCP (RFC 2131, 4.1) and IGMP (RFC 3376, 4.2.13), whole or first fragments. */
static bool
may_be_nobody4(const struct rest *r)
{
	const uint8_t *ip = r->at;
	uint32_t header = (ip[0] & 0xfu) * 4;

	if ((be_get16(ip + 6) & 0x1fff) != 0)
		return false;
	if (ip[9] == PROTO_IGMP)
		return true;
	return ip[9] == PROTO_UDP && r->len >= header + 4 && be_get16(ip + header) == DHCP_CLIENT &&
	       be_get16(ip + header + 2) == DHCP_SERVER;
}

static bool
check4(const struct ip_state *s, const struct rest *r)
{
	static const uint8_t nobody[4];

	if (r->len < IPV4_LEN || r->at[0] >> 4 != 4 || (r->at[0] & 0xf) < IPV4_LEN / 4)
		return false;
	if (memcmp(r->at + 12, nobody, sizeof(nobody)) == 0)
		return may_be_nobody4(r);
	return declared4(s, r->at + 12);
}

/* A probe has no sender address yet: RFC 5227, 2.1.1. */
static bool
check_arp(const struct ip_state *s, const struct rest *r)
{
	static const uint8_t kind[6] = {0, 1, 8, 0, 6, 4}; /* Ethernet, IPv4, their lengths */
	static const uint8_t nobody[4];

	if (r->len < ARP_LEN || memcmp(r->at, kind, sizeof(kind)) != 0)
		return false;
	if (memcmp(r->at + 8, r->mac, 6) != 0)
		return false;
	return memcmp(r->at + 14, nobody, sizeof(nobody)) == 0 || declared4(s, r->at + 14);
}

enum icmp6 {
	ICMP6_HERE,  /* r->at is the message */
	ICMP6_OTHER, /* it is none, or a part of one that nobody takes: RFC 6980 */
	ICMP6_HIDDEN /* the headers before it are longer than what we look at */
};

static enum icmp6
find_icmp6(struct rest *r)
{
	uint8_t next = r->at[6];

	if (!skip(r, IPV6_LEN))
		return ICMP6_HIDDEN;
	for (;;) {
		uint32_t len;

		if (next == PROTO_ICMPV6)
			return r->len >= 1 ? ICMP6_HERE : ICMP6_HIDDEN;
		if (next == PROTO_FRAGMENT)
			return ICMP6_OTHER;
		if (next != PROTO_HOP_BY_HOP && next != PROTO_ROUTING && next != PROTO_OPTIONS)
			return ICMP6_OTHER;
		if (r->len < 2)
			return ICMP6_HIDDEN;
		next = r->at[0];
		len = (r->at[1] + 1u) * 8;
		if (!skip(r, len))
			return ICMP6_HIDDEN;
	}
}

/* ::, before an address is known to be unique: RFC 4862, 5.4.2; RFC 4861, 4.1; RFC 3590. */
static bool
may_be_nobody6(uint8_t type)
{
	return type == ND_NEIGHBOUR_ASK || type == ND_ROUTER_ASK || type == MLD_REPORT ||
	       type == MLD_DONE || type == MLD2_REPORT;
}

static bool
check6(const struct ip_state *s, struct rest *r)
{
	static const uint8_t nobody[16];
	const uint8_t *source = r->at + 8;
	enum icmp6 found;
	bool is_nobody;

	if (r->len < IPV6_LEN || r->at[0] >> 4 != 6)
		return false;
	is_nobody = memcmp(source, nobody, sizeof(nobody)) == 0;
	if (!is_nobody && !may_use6(s, r, source))
		return false;
	found = find_icmp6(r);
	if (found != ICMP6_HERE)
		return found == ICMP6_OTHER && !is_nobody;
	if (is_nobody)
		return may_be_nobody6(r->at[0]);
	if (r->at[0] != ND_NEIGHBOUR_SAY)
		return true;
	return r->len >= ND_TARGET_AT + 16 && may_use6(s, r, r->at + ND_TARGET_AT);
}

static bool
check_frame(const struct ip_state *s, const struct pkt *pkt)
{
	struct rest r = {.at = pkt->head + ETH_HEADER_LEN - 2,
			 .len = pkt->head_len - (ETH_HEADER_LEN - 2u),
			 .mac = pkt->head + 6};
	uint16_t type;

	for (int tags = 0;; tags++) {
		if (r.len < 2)
			return false;
		type = be_get16(r.at);
		if (type != TPID_CUSTOMER && type != TPID_SERVICE)
			break;
		if (tags == TAGS_MAX || !skip(&r, ETH_TAG_LEN))
			return false;
	}
	skip(&r, 2);
	switch (type) {
	case TYPE_IPV4:
		return check4(s, &r);
	case TYPE_IPV6:
		return check6(s, &r);
	case TYPE_ARP:
	case TYPE_RARP:
		return check_arp(s, &r);
	default:
		return true;
	}
}

static void
run(struct burst *b, void *state)
{
	uint32_t i;

	burst_for_each(i, b)
	{
		if (b->pkt[i]->head_len < ETH_HEADER_LEN)
			burst_drop(b, i, DROP_RUNT);
		else if (!check_frame(state, b->pkt[i]))
			burst_drop(b, i, DROP_SPOOFED);
	}
}

static bool
wanted(const struct swport *port)
{
	return port->cfg.ip[0].family && !port->cfg.any_ip;
}

static void
make_mask(uint8_t *mask, uint32_t bytes, uint32_t prefix)
{
	for (uint32_t i = 0; i < bytes; i++) {
		uint32_t bits = prefix > i * 8 ? prefix - i * 8 : 0;

		mask[i] = (uint8_t)(bits >= 8 ? 0xff : 0xff00u >> bits);
	}
}

static void
add(struct ip_state *s, const struct port_ip *ip)
{
	uint8_t mask[16], addr[16];

	make_mask(mask, sizeof(mask), ip->prefix);
	for (int i = 0; i < 16; i++)
		addr[i] = ip->addr[i] & mask[i];
	if (ip->family == 4) {
		memcpy(&s->v4[s->n4].addr, addr, 4);
		memcpy(&s->v4[s->n4++].mask, mask, 4);
		return;
	}
	memcpy(s->v6[s->n6].addr, addr, 16);
	memcpy(s->v6[s->n6++].mask, mask, 16);
	s->link_local |= ip->prefix >= 10 && is_link_local(addr);
}

static int
make(struct swport *port, void *old, void **ret_state, struct err *e)
{
	struct ip_state *s = calloc(1, sizeof(*s));

	(void)old;
	if (!s)
		return err_sys(e, ENOMEM, "port %s: its addresses", port->cfg.name);
	for (int i = 0; i < PORT_IPS_MAX && port->cfg.ip[i].family; i++)
		add(s, &port->cfg.ip[i]);
	*ret_state = s;
	return 0;
}

const struct feature feat_ip = {
	.name = "ip anti-spoofing",
	.side = CHAIN_IN,
	.deep = true,
	.wanted = wanted,
	.make = make,
	.destroy = free,
	.run = run,
};
