/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule about frames: what operators declare under `filter:`, what mirrors and captures are limited by.
 * By value, no pointers; addresses and masks as they stand in the frame (network order). A rule with
 * everything zero matches every frame.
 */
#ifndef CORELANE_BASE_FILTER_H
#define CORELANE_BASE_FILTER_H

#include <stdint.h>

#define FILTER_RULES_MAX 16384 /* of one port and direction */
#define FILTER_NAME_LEN  32

enum filter_action { FILTER_ALLOW, FILTER_DENY };
enum filter_direction { FILTER_FROM, FILTER_TO, FILTER_DIRECTIONS }; /* from, to the guest */

struct filter_rule {
	char name[FILTER_NAME_LEN]; /* for counters and traces; "": its number */
	uint8_t action;             /* enum filter_action */
	uint8_t family;             /* 4 or 6; 0: any frame, and no address below counts */
	uint8_t protocol;           /* of IP, when has_protocol */
	uint8_t has_protocol;
	uint8_t source_mac[6], source_mac_mask[6];
	uint8_t target_mac[6], target_mac_mask[6];
	uint16_t ether_type; /* host order; 0: any */
	uint16_t vlan;       /* 1..4094; 0: any */
	uint8_t source[16], source_prefix;
	uint8_t target[16], target_prefix;
	uint16_t source_port[2], target_port[2]; /* host order, first and last; {0, 0}: any */
};

struct filter_count {
	char name[FILTER_NAME_LEN];
	uint64_t packets, bytes;
};

#endif
