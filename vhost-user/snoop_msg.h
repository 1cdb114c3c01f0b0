/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IGMP (RFC 1112, 2236, 3376), MLD (RFC 2710, 3810) and PIM hellos as a snooping switch needs them: who
 * joins or leaves which group, and where routers are. Pure; reads what strangers wrote.
 */
#ifndef CORELANE_VHOST_USER_SNOOP_MSG_H
#define CORELANE_VHOST_USER_SNOOP_MSG_H

#include <stdbool.h>
#include <stdint.h>

#define SNOOP_RECORDS_MAX 92 /* of a report that fits into 1,500 bytes: more is not looked at */

enum snoop_kind {
	SNOOP_NOTHING, /* not ours, or malformed */
	SNOOP_QUERY,   /* by a router */
	SNOOP_ASKED,   /* a query by somebody without an address: no sign of a router */
	SNOOP_HELLO,   /* of PIM: a router */
	SNOOP_REPORT,  /* groups */
};

struct snoop_record {
	uint8_t group[16]; /* IPv4: the first four bytes */
	bool member;       /* wants the group's frames, from whomever; else no more */
};

struct snoop_msg {
	enum snoop_kind kind;
	uint8_t family; /* 4 or 6 */
	uint32_t n;     /* records of a report; of a query about one group: 1 */
	struct snoop_record record[SNOOP_RECORDS_MAX];
};

/*
 * Whether the frame may be such a message: for lanes, on a deep head. Has no false negatives, and is
 * one test for frames that are not for a group.
 */
bool snoop_may_be(const uint8_t *head, uint32_t head_len);

/* Whether such a frame is a member's message, which only routers need (RFC 4541, 2.1.1). Lanes. */
bool snoop_is_report(const uint8_t *head, uint32_t head_len);

/* What an untagged frame of @len bytes, all of them there, says. Checksums are checked. */
void snoop_parse(const uint8_t *frame, uint32_t len, struct snoop_msg *ret);

/* The group's Ethernet address (RFC 1112, 6.4; RFC 2464, 7). */
void snoop_group_mac(uint8_t family, const uint8_t group[16], uint8_t ret[6]);

#endif
