/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/snoop_msg.h"

#include <string.h>

#include "base/be.h"
#include "base/util.h"

#define ETHER_LEN      14
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define IPV4_MIN       20
#define IPV6_LEN       40
#define PROTO_HOPOPT   0
#define PROTO_IGMP     2
#define PROTO_ICMPV6   58
#define PROTO_PIM      103

#define IGMP_QUERY     0x11
#define IGMP_REPORT_V1 0x12
#define IGMP_REPORT_V2 0x16
#define IGMP_LEAVE     0x17
#define IGMP_REPORT_V3 0x22
#define MLD_QUERY      130
#define MLD_REPORT_V1  131
#define MLD_DONE       132
#define MLD_REPORT_V2  143

/* Record types, the same in RFC 3376 4.2.12 and RFC 3810 5.2.12. */
#define IS_INCLUDE 1
#define IS_EXCLUDE 2
#define TO_INCLUDE 3
#define TO_EXCLUDE 4
#define ALLOW_NEW  5

static const uint8_t any_address[16];

/* RFC 1071: over these bytes and what was summed before. 0xffff when the checksum inside is right. */
static uint32_t
add_up(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += be_get16(p);
	if (len)
		sum += (uint32_t)p[0] << 8;
	return sum;
}

static bool
sum_is_right(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

bool
snoop_may_be(const uint8_t *head, uint32_t head_len)
{
	uint16_t type;

	if (!(head[0] & 1) || head_len < ETHER_LEN + IPV4_MIN)
		return false;
	type = be_get16(head + 12);
	if (type == ETHERTYPE_IPV4)
		return head[23] == PROTO_IGMP || head[23] == PROTO_PIM;
	/* RFC 2710, 3 and RFC 3810, 5: always with a router alert in a hop-by-hop header */
	return type == ETHERTYPE_IPV6 && (head[20] == PROTO_HOPOPT || head[20] == PROTO_PIM);
}

bool
snoop_is_report(const uint8_t *head, uint32_t head_len)
{
	uint32_t at;

	if (!snoop_may_be(head, head_len))
		return false;
	if (be_get16(head + 12) == ETHERTYPE_IPV4) {
		at = ETHER_LEN + (head[14] & 0xf) * 4u;
		return head[23] == PROTO_IGMP && at < head_len && head[at] != IGMP_QUERY;
	}
	at = ETHER_LEN + IPV6_LEN;
	if (head[20] != PROTO_HOPOPT || at + 2 > head_len || head[at] != PROTO_ICMPV6)
		return false;
	at += (head[at + 1] + 1u) * 8;
	return at < head_len &&
	       (head[at] == MLD_REPORT_V1 || head[at] == MLD_DONE || head[at] == MLD_REPORT_V2);
}

/* Groups that are not followed: of the link, which everybody gets (RFC 4541, 2.1.2 and 3). */
static bool
is_followed(uint8_t family, const uint8_t *group)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};

	if (family == 4)
		return group[0] >> 4 == 14 && !(group[0] == 224 && group[1] == 0 && group[2] == 0);
	return group[0] == 0xff && (group[1] & 0xf) >= 2 && memcmp(group, all_nodes, 16) != 0;
}

static void
add_record(struct snoop_msg *m, const uint8_t *group, bool member)
{
	struct snoop_record *r = &m->record[m->n];

	if (m->n == SNOOP_RECORDS_MAX || !is_followed(m->family, group))
		return;
	memset(r, 0, sizeof(*r));
	memcpy(r->group, group, m->family == 4 ? 4 : 16);
	r->member = member;
	m->n++;
}

/* @n group records at @p, each of @address bytes for an address. */
static void
take_records(const uint8_t *p, uint32_t len, uint32_t n, uint32_t address, struct snoop_msg *m)
{
	for (; n > 0 && len >= 4 + address; n--) {
		uint32_t sources = be_get16(p + 2);
		uint64_t size = 4 + address + (uint64_t)sources * address + (uint64_t)p[1] * 4;

		if (size > len)
			return;
		if (p[0] == IS_EXCLUDE || p[0] == TO_EXCLUDE || (p[0] == ALLOW_NEW && sources) ||
		    (p[0] == IS_INCLUDE && sources) || (p[0] == TO_INCLUDE && sources))
			add_record(m, p + 4, true);
		else if (p[0] == IS_INCLUDE || p[0] == TO_INCLUDE)
			add_record(m, p + 4, false);
		p += size;
		len -= (uint32_t)size;
	}
}

static void
take_query(const uint8_t *source, const uint8_t *group, uint32_t address, struct snoop_msg *m)
{
	/* RFC 4541, 2.1.1: 0.0.0.0 asks on behalf of switches, not of a router */
	m->kind = memcmp(source, any_address, address) == 0 ? SNOOP_ASKED : SNOOP_QUERY;
	if (memcmp(group, any_address, address) != 0)
		add_record(m, group, true);
}

static void
take_igmp(const uint8_t *ip, const uint8_t *p, uint32_t len, struct snoop_msg *m)
{
	if (len < 8 || !sum_is_right(add_up(0, p, len)))
		return;
	m->kind = SNOOP_REPORT;
	switch (p[0]) {
	case IGMP_QUERY:
		take_query(ip + 12, p + 4, 4, m);
		break;
	case IGMP_REPORT_V1:
	case IGMP_REPORT_V2:
		add_record(m, p + 4, true);
		break;
	case IGMP_LEAVE:
		add_record(m, p + 4, false);
		break;
	case IGMP_REPORT_V3:
		take_records(p + 8, len - 8, be_get16(p + 6), 4, m);
		break;
	default:
		m->kind = SNOOP_NOTHING;
	}
}

/* RFC 7761, 4.9.2: version 2, type 0. Its checksum is not needed to see a router. */
static void
take_pim(const uint8_t *p, uint32_t len, struct snoop_msg *m)
{
	if (len >= 4 && p[0] == 0x20)
		m->kind = SNOOP_HELLO;
}

static void
parse_ipv4(const uint8_t *ip, uint32_t len, struct snoop_msg *m)
{
	uint32_t header, total;

	if (len < IPV4_MIN || ip[0] >> 4 != 4)
		return;
	header = (ip[0] & 0xf) * 4u;
	total = be_get16(ip + 2);
	if (header < IPV4_MIN || total < header || total > len || (be_get16(ip + 6) & 0x3fff) ||
	    ip[8] != 1)
		return; /* fragments, and what has crossed a router */
	m->family = 4;
	if (ip[9] == PROTO_IGMP)
		take_igmp(ip, ip + header, total - header, m);
	else if (ip[9] == PROTO_PIM)
		take_pim(ip + header, total - header, m);
}

static void
take_mld(const uint8_t *ip, const uint8_t *p, uint32_t len, struct snoop_msg *m)
{
	uint32_t sum = len + PROTO_ICMPV6;

	if (len < 8 || !sum_is_right(add_up(add_up(sum, ip + 8, 32), p, len)))
		return;
	if (p[0] != MLD_REPORT_V2 && len < 24)
		return;
	m->kind = SNOOP_REPORT;
	switch (p[0]) {
	case MLD_QUERY:
		take_query(ip + 8, p + 8, 16, m);
		break;
	case MLD_REPORT_V1:
		add_record(m, p + 8, true);
		break;
	case MLD_DONE:
		add_record(m, p + 8, false);
		break;
	case MLD_REPORT_V2:
		take_records(p + 8, len - 8, be_get16(p + 6), 16, m);
		break;
	default:
		m->kind = SNOOP_NOTHING;
	}
}

static void
parse_ipv6(const uint8_t *ip, uint32_t len, struct snoop_msg *m)
{
	uint32_t payload, options;
	const uint8_t *p = ip + IPV6_LEN;
	bool local;

	if (len < IPV6_LEN || ip[0] >> 4 != 6 || ip[7] != 1)
		return;
	payload = be_get16(ip + 4);
	if (payload > len - IPV6_LEN)
		return;
	m->family = 6;
	if (ip[6] == PROTO_PIM) {
		take_pim(p, payload, m);
		return;
	}
	/* RFC 3810, 5.1.14 and 5.2.13: from a link-local address, a report also from none */
	local = (ip[8] == 0xfe && (ip[9] & 0xc0) == 0x80) || memcmp(ip + 8, any_address, 16) == 0;
	if (!local || ip[6] != PROTO_HOPOPT || payload < 8)
		return;
	options = (p[1] + 1u) * 8;
	if (p[0] == PROTO_ICMPV6 && options <= payload)
		take_mld(ip, p + options, payload - options, m);
}

void
snoop_parse(const uint8_t *frame, uint32_t len, struct snoop_msg *ret)
{
	uint16_t type;

	ret->kind = SNOOP_NOTHING;
	ret->family = 0;
	ret->n = 0;
	if (len < ETHER_LEN || !snoop_may_be(frame, len))
		return;
	type = be_get16(frame + 12);
	if (type == ETHERTYPE_IPV4)
		parse_ipv4(frame + ETHER_LEN, len - ETHER_LEN, ret);
	else if (type == ETHERTYPE_IPV6)
		parse_ipv6(frame + ETHER_LEN, len - ETHER_LEN, ret);
}

void
snoop_group_mac(uint8_t family, const uint8_t group[16], uint8_t ret[6])
{
	static const uint8_t ipv4[] = {0x01, 0x00, 0x5e}, ipv6[] = {0x33, 0x33};

	if (family == 4) {
		memcpy(ret, ipv4, sizeof(ipv4));
		ret[3] = group[1] & 0x7f;
		memcpy(ret + 4, group + 2, 2);
	} else {
		memcpy(ret, ipv6, sizeof(ipv6));
		memcpy(ret + 2, group + 12, 4);
	}
}
