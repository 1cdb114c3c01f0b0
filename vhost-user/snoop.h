/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IGMP and MLD snooping: frames for a group go to the ports that asked for it and to routers. Lanes
 * pass copies of membership messages, so many a second and port, to a thread of its own; it keeps
 * groups and routers (snoop_groups.h) and publishes what lanes look into when they flood.
 */
#ifndef CORELANE_VHOST_USER_SNOOP_H
#define CORELANE_VHOST_USER_SNOOP_H

#include "base/err.h"
#include "vhost-user/lane.h"
#include "vhost-user/snoop_groups.h"

struct snoop;

struct snoop_counts {
	uint64_t heard;   /* messages */
	uint64_t missed;  /* that came too fast */
	uint64_t refused; /* groups and routers without room */
};

/* Asleep until snoop_enable(). NULL without memory. */
struct snoop *snoop_make(struct rcu *rcu, uint32_t lanes);
/* After the lanes have ended. NULL is accepted. */
void snoop_free(struct snoop *s);

/* A port wants it: memory and the thread are there from now on. 0 or -errno with words. */
int snoop_enable(struct snoop *s, struct err *e);
/* Port @ref is gone. Control thread. */
void snoop_forget(struct snoop *s, uint32_t ref);
void snoop_look(const struct snoop *s, struct snoop_counts *ret);

/*
 * Where a frame for a group is to go beside the ports that it may not: NULL: to all of its domain. Never
 * NULL for long after snoop_enable() only. Lanes; valid until the round ends.
 */
const struct snoop_ports *snoop_find(const struct snoop *s, const struct pkt *pkt);

/* Whether any group is kept apart. Lanes. */
bool snoop_knows(const struct snoop *s);

static inline bool
snoop_listens(const struct lane *l)
{
	return l->snoop && snoop_knows(l->snoop);
}

/* Whether port @ref is one of them. */
bool snoop_has(const struct snoop_ports *p, uint32_t ref);

static inline const struct snoop_ports *
snoop_where(const struct lane *l, const struct pkt *pkt)
{
	return __builtin_expect(l->snoop != NULL, 0) ? snoop_find(l->snoop, pkt) : NULL;
}

#endif
