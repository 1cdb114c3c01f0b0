/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcast domains: (segment, VLAN) as a small number that fits beside a MAC in a table key, which of
 * them a port is a member of, and which tag their frames carry on a trunk. Control thread only, but
 * for domain_tag().
 */
#ifndef CORELANE_VHOST_USER_DOMAIN_H
#define CORELANE_VHOST_USER_DOMAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/port.h"

#define DOMAINS_MAX  16383 /* four full trunks in segments of their own */
#define SEGMENTS_MAX 512

/* IEEE 802.1Q-2018, table 9-1. */
#define TPID_CUSTOMER 0x8100
#define TPID_SERVICE  0x88a8

struct domain {
	uint16_t segment;
	uint16_t vlan;
	uint16_t ports;   /* members; 0: free */
	uint16_t plain;   /* of these: the domain's frames are untagged there */
	uint16_t service; /* of these: PORT_QINQ, the domain's VLAN is a service VLAN */
};

struct segment {
	char name[NAME_MAX_LEN];
	uint32_t domains; /* 0: free */
	uint16_t *id;     /* by VLAN; VLAN_MAX + 1 of them; 0: no domain */
};

/* All zero: none yet. */
struct domains {
	struct segment segment[SEGMENTS_MAX];
	struct domain d[DOMAINS_MAX + 1];      /* by id */
	_Atomic uint32_t tag[DOMAINS_MAX + 1]; /* by id; lanes read it */
	uint16_t last;                         /* given out: an id rests as long as it can */
};

/* What a port is in. */
struct membership {
	uint16_t untagged; /* domain of untagged frames; 0: none, they are dropped */
	bool service;      /* PORT_QINQ: of all frames */
	uint32_t n;
	uint16_t *id; /* every domain, each once, ascending */
	uint16_t *of; /* PORT_TRUNK: domain of each VLAN (4,096), 0: not carried; else NULL */
};

/*
 * Makes the port that @cfg (checked) describes a member of its domains. @old: what it is in until now
 * and will leave once no lane can hold it; NULL: nothing. 0; -ENOSPC, -ENOMEM, -EBUSY (the VLAN is a
 * service VLAN to one port and untagged at another) with words, nothing changed then.
 */
int domain_join(struct domains *ds, const struct port_cfg *cfg, const struct membership *old,
		struct membership *ret, struct err *e);

/* Ends it, frees what it holds and clears it. Frames of its domains are on no lane any more. */
void domain_leave(struct domains *ds, struct membership *m);

bool domain_is_member(const struct membership *m, uint16_t id);

/* The network's name when a port declares no segment. Both are checked texts. */
const char *domain_segment(const struct port_cfg *cfg);

/* TPID << 16 | VLAN: what the domain's frames carry on a trunk; 0 when the domain has no VLAN. Lanes. */
static inline uint32_t
domain_tag(const struct domains *ds, uint16_t id)
{
	/* relaxed: a number that stands for itself */
	return atomic_load_explicit(&ds->tag[id], memory_order_relaxed);
}

/* Frees what all of them hold. */
void domains_fini(struct domains *ds);

/* One domain, one user: as an access port's. The id, or -ENOSPC, -ENOMEM. */
int domain_get(struct domains *ds, const char *segment, uint16_t vlan);
void domain_put(struct domains *ds, int id);

#endif
