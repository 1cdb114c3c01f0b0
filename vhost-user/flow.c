/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/flow.h"

#include <string.h>

#include "vhost-user/swport.h"

#define ETHERTYPE_TAG  0x8100
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define PROTO_TCP      6
#define PROTO_UDP      17
#define IPV4_MIN       20
#define IPV6_LEN       40

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

/* Every bit of the input reaches every bit of the answer: queues are chosen by its lowest ones. */
static uint32_t
finish(uint64_t h)
{
	h ^= h >> 29;
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	h ^= h >> 32;
	return (uint32_t)h;
}

static uint64_t
mix_bytes(uint64_t h, const uint8_t *p, uint32_t len)
{
	uint32_t v;

	for (; len >= sizeof(v); p += sizeof(v), len -= sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		h = mix(h, v);
	}
	return h;
}

static uint64_t
mix_ports(uint64_t h, uint8_t proto, const uint8_t *p, uint32_t len)
{
	if ((proto != PROTO_TCP && proto != PROTO_UDP) || len < 4)
		return h;
	return mix_bytes(h, p, 4);
}

static uint64_t
mix_ipv4(uint64_t h, const uint8_t *ip, uint32_t len)
{
	uint32_t header = (ip[0] & 0xf) * 4u;
	/* RFC 791: fragment offset and the more-fragments flag */
	uint16_t fragment = (uint16_t)((ip[6] & 0x3f) << 8 | ip[7]);

	h = mix_bytes(mix(h, ip[9]), ip + 12, 8);
	if (fragment || header < IPV4_MIN || header > len)
		return h;
	return mix_ports(h, ip[9], ip + header, len - header);
}

uint32_t
flow_hash(const uint8_t *frame, uint32_t len)
{
	uint32_t at = ETH_HEADER_LEN;
	uint16_t type;
	uint64_t h;

	if (len < ETH_HEADER_LEN)
		return 0;
	h = mix_bytes(0, frame, 12);
	type = (uint16_t)(frame[12] << 8 | frame[13]);
	if (type == ETHERTYPE_TAG && len >= ETH_HEADER_LEN + ETH_TAG_LEN) {
		type = (uint16_t)(frame[16] << 8 | frame[17]);
		at += ETH_TAG_LEN;
	}
	if (type == ETHERTYPE_IPV4 && len - at >= IPV4_MIN) {
		h = mix_ipv4(h, frame + at, len - at);
	} else if (type == ETHERTYPE_IPV6 && len - at >= IPV6_LEN) {
		h = mix_bytes(h, frame + at + 8, 32);
		h = mix_ports(h, frame[at + 6], frame + at + IPV6_LEN, len - at - IPV6_LEN);
	}
	return finish(h);
}
