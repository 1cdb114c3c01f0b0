/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ports want which groups, and behind which there are routers, per broadcast domain, each for as
 * long as it was last said (RFC 4541; intervals of RFC 3376, 8 and RFC 3810, 9 at their defaults).
 * Pure: time is an argument. From it a table is made that lanes look into.
 *
 * A domain's groups are kept apart only while a router asks there: without one nobody repeats what he
 * wants, and everything is flooded as by a switch that does not snoop.
 */
#ifndef CORELANE_VHOST_USER_SNOOP_GROUPS_H
#define CORELANE_VHOST_USER_SNOOP_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "vhost-user/snoop_msg.h"

#define SNOOP_MEMBERS_MAX 8192 /* (port, group) in all */
#define SNOOP_PORT_MAX    256  /* groups of one port */
#define SNOOP_ROUTERS_MAX 1024

#define SNOOP_MEMBER_S 260 /* 2 x 125 + 10 */
#define SNOOP_ROUTER_S 255 /* 2 x 125 + 10 / 2 */
#define SNOOP_LEAVE_S  3   /* two last member queries, a second each, and their answers */

struct snoop_groups;

struct snoop_groups *snoop_groups_make(void);
void snoop_groups_free(struct snoop_groups *g);

/*
 * The message came from port @ref in @domain at @now (seconds). Returns whether what lanes should know
 * has changed. What finds no room is counted.
 */
bool snoop_groups_hear(struct snoop_groups *g, uint32_t ref, uint16_t domain,
		       const struct snoop_msg *m, uint32_t now);

/* Forgets what is too old; the same answer. Once a second. */
bool snoop_groups_age(struct snoop_groups *g, uint32_t now);

/* Forgets a port. The same answer. */
bool snoop_groups_forget(struct snoop_groups *g, uint32_t ref);

uint64_t snoop_groups_refused(const struct snoop_groups *g);

/* For lanes: immutable. */
struct snoop_ports {
	uint32_t n;
	uint32_t ref[]; /* ascending, each once */
};

struct snoop_entry {
	uint64_t key;   /* 0: free */
	uint32_t ports; /* offset into words[] of a struct snoop_ports */
	uint32_t unused;
};

struct snoop_table {
	uint32_t mask;
	uint32_t *words;
	struct snoop_entry entry[]; /* mask + 1 */
};

/* NULL without memory, or when there is nothing to say (*ret_empty). */
struct snoop_table *snoop_table_make(const struct snoop_groups *g, bool *ret_empty);
void snoop_table_free(const struct snoop_table *t);

/* @mac: a group's; all zero: the domain's routers. NULL: nobody has said anything; everywhere. */
const struct snoop_ports *snoop_table_find(const struct snoop_table *t, uint16_t domain,
					   const uint8_t mac[6]);

#endif
