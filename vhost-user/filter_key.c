/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/filter_key.h"

#include <string.h>

#include "base/be.h"
#include "base/util.h"

#define ETHERTYPE_CTAG 0x8100
#define ETHERTYPE_STAG 0x88a8
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHER_LEN      14

/* IANA, protocol numbers */
#define PROTO_HOPOPT   0
#define PROTO_TCP      6
#define PROTO_UDP      17
#define PROTO_DCCP     33
#define PROTO_ROUTING  43
#define PROTO_FRAGMENT 44
#define PROTO_AH       51
#define PROTO_DSTOPTS  60
#define PROTO_SCTP     132
#define PROTO_MOBILITY 135
#define PROTO_UDPLITE  136

#define IPV4_MIN 20
#define IPV6_LEN 40

struct view {
	const uint8_t *head;
	uint32_t at, end; /* of what can be seen */
	bool more;        /* the frame goes on behind end */
};

/* @n bytes at v->at; NULL when they are not in the head. */
static const uint8_t *
see(const struct view *v, uint32_t n)
{
	return v->end - v->at >= n ? v->head + v->at : NULL;
}

static bool
has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP ||
	       proto == PROTO_UDPLITE || proto == PROTO_DCCP;
}

/* Layer 4 begins at v->at. */
static bool
take_ports(const struct view *v, union filter_key *k)
{
	const uint8_t *p;

	if (!has_ports(k->f.protocol))
		return true;
	p = see(v, 4);
	if (!p)
		return !v->more;
	k->f.flags |= KEY_PORTS;
	k->f.source_port = be_get16(p);
	k->f.target_port = be_get16(p + 2);
	return true;
}

static bool
take_ipv4(struct view *v, union filter_key *k)
{
	const uint8_t *ip = see(v, IPV4_MIN);
	uint32_t header;

	if (!ip)
		return !v->more;
	header = (ip[0] & 0xf) * 4u;
	if (ip[0] >> 4 != 4 || header < IPV4_MIN)
		return true;
	k->f.flags |= KEY_IPV4 | KEY_IP;
	k->f.protocol = ip[9];
	memcpy(k->f.source, ip + 12, 4);
	memcpy(k->f.target, ip + 16, 4);
	if (be_get16(ip + 6) & 0x1fff) /* RFC 791: not the first fragment */
		return true;
	if (header > v->end - v->at)
		return !v->more;
	v->at += header;
	return take_ports(v, k);
}

/* RFC 8200, 4: where the next header begins, or 0 when this one carries no next header. */
static uint32_t
extension_len(uint8_t proto, const uint8_t *p)
{
	switch (proto) {
	case PROTO_HOPOPT:
	case PROTO_ROUTING:
	case PROTO_DSTOPTS:
	case PROTO_MOBILITY:
		return (p[1] + 1u) * 8u;
	case PROTO_FRAGMENT:
		return 8;
	case PROTO_AH: /* RFC 4302, 2.2 */
		return (p[1] + 2u) * 4u;
	default:
		return 0;
	}
}

static bool
is_extension(uint8_t proto)
{
	static const uint8_t any[2];

	return extension_len(proto, any) != 0;
}

static bool
take_ipv6(struct view *v, union filter_key *k)
{
	const uint8_t *ip = see(v, IPV6_LEN), *p;
	uint8_t next;

	if (!ip)
		return !v->more;
	if (ip[0] >> 4 != 6)
		return true;
	k->f.flags |= KEY_IPV6 | KEY_IP;
	memcpy(k->f.source, ip + 8, 16);
	memcpy(k->f.target, ip + 24, 16);
	v->at += IPV6_LEN;
	for (next = ip[6]; is_extension(next); next = p[0]) {
		uint32_t size;

		k->f.protocol = next;
		p = see(v, 8); /* no extension header is shorter */
		if (!p)
			return !v->more;
		if (next == PROTO_FRAGMENT && (be_get16(p + 2) & 0xfff8)) {
			k->f.protocol = p[0];
			return true;
		}
		size = extension_len(next, p);
		if (size > v->end - v->at)
			return !v->more;
		v->at += size;
	}
	k->f.protocol = next;
	return take_ports(v, k);
}

bool
filter_key_make(const uint8_t *head, uint32_t head_len, uint32_t len, uint16_t vlan,
		union filter_key *ret)
{
	struct view v = {.head = head, .at = ETHER_LEN, .end = head_len, .more = head_len < len};
	uint16_t type = be_get16(head + 12);

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->f.target_mac, head, 6);
	memcpy(ret->f.source_mac, head + 6, 6);
	ret->f.vlan = vlan;
	while (type == ETHERTYPE_CTAG || type == ETHERTYPE_STAG) {
		const uint8_t *tag = see(&v, 4);

		ret->f.ether_type = type;
		if (!tag)
			return !v.more;
		type = be_get16(tag + 2);
		v.at += 4;
	}
	ret->f.ether_type = type;
	if (type == ETHERTYPE_IPV4)
		return take_ipv4(&v, ret);
	if (type == ETHERTYPE_IPV6)
		return take_ipv6(&v, ret);
	return true;
}

static bool
masked_equal(const uint8_t *a, const uint8_t *b, const uint8_t *mask, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if ((a[i] ^ b[i]) & mask[i])
			return false;
	return true;
}

static bool
in_prefix(const uint8_t *addr, const uint8_t *net, unsigned int prefix)
{
	unsigned int whole = prefix / 8, rest = prefix % 8;

	if (memcmp(addr, net, whole) != 0)
		return false;
	return rest == 0 || ((addr[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

static bool
in_range(uint16_t port, const uint16_t range[2])
{
	return port >= range[0] && port <= range[1];
}

static bool
ports_match(const struct filter_rule *r, const union filter_key *key)
{
	bool source = r->source_port[1] != 0, target = r->target_port[1] != 0;

	if (!source && !target)
		return true;
	if (!(key->f.flags & KEY_PORTS))
		return false;
	return (!source || in_range(key->f.source_port, r->source_port)) &&
	       (!target || in_range(key->f.target_port, r->target_port));
}

static bool
ip_matches(const struct filter_rule *r, const union filter_key *key)
{
	unsigned int family = r->family == 4 ? KEY_IPV4 : KEY_IPV6;

	if (r->has_protocol && (!(key->f.flags & KEY_IP) || key->f.protocol != r->protocol))
		return false;
	if (r->family == 0)
		return true;
	if (!(key->f.flags & family))
		return false;
	return in_prefix(key->f.source, r->source, r->source_prefix) &&
	       in_prefix(key->f.target, r->target, r->target_prefix);
}

bool
filter_rule_matches(const struct filter_rule *r, const union filter_key *key)
{
	if (r->ether_type && r->ether_type != key->f.ether_type)
		return false;
	if (r->vlan && r->vlan != key->f.vlan)
		return false;
	return masked_equal(key->f.source_mac, r->source_mac, r->source_mac_mask, 6) &&
	       masked_equal(key->f.target_mac, r->target_mac, r->target_mac_mask, 6) &&
	       ip_matches(r, key) && ports_match(r, key);
}
