/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rules look at, taken out of a frame's head once: addresses, EtherType, VLAN, protocol, ports. As
 * words, so that a rule is a value and a mask over them.
 *
 * Tags that are still in the frame are looked through, however many: a receiver may do so too. IPv6
 * extension headers are followed. Only the first fragment of a packet has ports; the others have a
 * protocol and addresses.
 */
#ifndef CORELANE_VHOST_USER_FILTER_KEY_H
#define CORELANE_VHOST_USER_FILTER_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/filter.h"

#define FILTER_KEY_WORDS 8

#define KEY_PORTS 1u /* flags: TCP, UDP, UDP-Lite, SCTP or DCCP, and its ports are there */
#define KEY_IPV4  2u
#define KEY_IPV6  4u
#define KEY_IP    8u /* either: has a protocol */

struct filter_fields {       /* host order but for addresses */
	uint16_t ether_type; /* behind all tags */
	uint16_t vlan;
	uint8_t protocol; /* behind all extension headers */
	uint8_t flags;
	uint16_t zero;
	uint8_t source_mac[8], target_mac[8]; /* two bytes of zero */
	uint8_t source[16], target[16];       /* IPv4: the first four */
	uint16_t source_port, target_port;
	uint32_t zero2;
};

union filter_key {
	struct filter_fields f;
	uint64_t w[FILTER_KEY_WORDS];
};

/*
 * @head: the first @head_len bytes of a frame of @len; at least 14 of them. @vlan: the one that it was
 * classified to, or VLAN_NONE. false: its headers go on beyond the head, so that protocol and ports are
 * not known (RFC 7112 lets such frames be thrown away); *ret holds what is known.
 */
bool filter_key_make(const uint8_t *head, uint32_t head_len, uint32_t len, uint16_t vlan,
		     union filter_key *ret);

/* Whether one checked rule matches. For what is asked now and then; sets are faster (filter_set.h). */
bool filter_rule_matches(const struct filter_rule *r, const union filter_key *key);

#endif
