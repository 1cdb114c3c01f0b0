/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/lldp.h"

#include <string.h>

#define ETHERTYPE_LLDP 0x88cc
#define FRAME_MIN      60
#define TEXT_MAX       64
#define ETHER_OVERHEAD 22 /* header, tag, FCS: what 802.3's maximum frame size counts */

/* IEEE 802.1AB-2016, table 8-1. */
enum tlv {
	TLV_END,
	TLV_CHASSIS,
	TLV_PORT,
	TLV_TTL,
	TLV_SYSTEM = 5,
	TLV_DESCRIPTION,
	TLV_CAPABILITIES,
	TLV_ORGANIZATION = 127
};

#define CHASSIS_MAC    4      /* table 8-2 */
#define PORT_INTERFACE 5      /* table 8-3: interface name */
#define CAPABLE_BRIDGE 0x0004 /* table 8-4 */
#define SUBTYPE_SIZE   4      /* IEEE 802.3-2018, 79.3.4: maximum frame size */

/* A TLV's head; returns where its value goes. */
static uint8_t *
open_tlv(uint8_t *to, enum tlv type, size_t len)
{
	to[0] = (uint8_t)(type << 1 | len >> 8);
	to[1] = (uint8_t)len;
	return to + 2;
}

static uint8_t *
put_mac(uint8_t *to, enum tlv type, uint8_t subtype, const uint8_t mac[6])
{
	to = open_tlv(to, type, 7);
	*to++ = subtype;
	memcpy(to, mac, 6);
	return to + 6;
}

/* @subtype < 0: none. An empty text is left out. */
static uint8_t *
put_text(uint8_t *to, enum tlv type, int subtype, const char *text)
{
	size_t len = strnlen(text, TEXT_MAX);

	if (len == 0)
		return to;
	to = open_tlv(to, type, len + (subtype >= 0));
	if (subtype >= 0)
		*to++ = (uint8_t)subtype;
	memcpy(to, text, len);
	return to + len;
}

static uint8_t *
put16(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
	return to + 2;
}

size_t
lldp_make(uint8_t *frame, const struct lldp *l)
{
	static const uint8_t nearest[6] = {0x01, 0x80, 0xc2, 0, 0, 0x0e}; /* table 7-1 */
	static const uint8_t ieee8023[3] = {0x00, 0x12, 0x0f};
	uint8_t *at = frame + 14;

	memset(frame, 0, LLDP_FRAME);
	memcpy(frame, nearest, 6);
	memcpy(frame + 6, l->source, 6);
	put16(frame + 12, ETHERTYPE_LLDP);
	/* the first three in this order (8.2) */
	at = put_mac(at, TLV_CHASSIS, CHASSIS_MAC, l->chassis);
	at = put_text(at, TLV_PORT, PORT_INTERFACE, l->port);
	at = put16(open_tlv(at, TLV_TTL, 2), l->ttl_s);
	if (l->ttl_s) {
		at = put_text(at, TLV_SYSTEM, -1, l->system);
		at = put_text(at, TLV_DESCRIPTION, -1, l->description);
		at = put16(open_tlv(at, TLV_CAPABILITIES, 4), CAPABLE_BRIDGE);
		at = put16(at, CAPABLE_BRIDGE); /* enabled */
		at = open_tlv(at, TLV_ORGANIZATION, 6);
		memcpy(at, ieee8023, sizeof(ieee8023));
		at[3] = SUBTYPE_SIZE;
		at = put16(at + 4, l->mtu + ETHER_OVERHEAD);
	}
	at = open_tlv(at, TLV_END, 0);
	return (size_t)(at - frame) < FRAME_MIN ? FRAME_MIN : (size_t)(at - frame);
}
