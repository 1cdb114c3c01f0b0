/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a frame: a pure decision from its first bytes, its length, the port it came from,
 * the port table and the address table (which learns on the way). No mbufs, no rings, no clock.
 * Polling thread only.
 */
#ifndef CORELANE_VHOST_USER_FORWARD_H
#define CORELANE_VHOST_USER_FORWARD_H

#include <string.h>

#include "vhost-user/mac.h"
#include "vhost-user/lane.h"

/* One port as the polling thread meets it. */
struct port_member {
	struct swport *port;
	struct swport *const *peers; /* every port of the domain, itself included */
	uint32_t n_peers;
};

/* Immutable once published; replaced as a whole. */
struct port_table {
	uint64_t serial;
	uint32_t n;
	/*
	 * Bursts that a busy queue may have in one visit: with many ports most are idle, and a round
	 * over them costs more than the frames of one burst.
	 */
	uint32_t bursts;
	struct port_member member[SWITCH_PORTS_MAX];
	struct swport *slot[SWITCH_PORTS_MAX]; /* by ref & SWITCH_SLOT_MASK */
	struct swport *sorted[SWITCH_PORTS_MAX];
};

/* A new table of all the ports in @slot (NULL: free), or NULL without memory. free() it. */
struct port_table *port_table_make(struct swport *const slot[SWITCH_PORTS_MAX], uint64_t serial);

enum fwd_verdict {
	FWD_TO,    /* to *ret_out */
	FWD_FLOOD, /* to every other port of the domain */
	FWD_DROP,  /* + enum switch_drop */
};

struct fwd {
	struct lane *lane;
	struct mac_table mac;
	const struct port_table *ports; /* of this round */
	uint64_t serial;     /* of ports: an address may be used again, a serial is not */
	uint32_t now;        /* coarse seconds */
	uint32_t sweep_left; /* buckets still to be looked at in this second */
};

/* IEEE 802.1Q-2018, table 9-1: C-TAG, S-TAG; as they stand in the frame, read little-endian. */
#define TPID_C_LE 0x0081u
#define TPID_S_LE 0xa888u

/* The part that changes tables or needs them; see fwd_decide(). */
uint32_t fwd_look_up(struct fwd *f, struct swport *in, uint64_t head, uint32_t rest,
		     struct swport **ret_out);
/* For frames that carry a tag, or are too short or too long to go on without a closer look. */
uint32_t fwd_look_closer(struct fwd *f, struct swport *in, const uint8_t *frame, uint32_t len,
			 struct swport **ret_out);

/*
 * @frame has at least ETH_HEADER_LEN readable bytes, whatever @len says (a whole mbuf's room).
 * Returns the verdict; *ret_out is set for FWD_TO only. Counts learned, moved, not_learned on @in;
 * drops are the caller's to count.
 */
static inline uint32_t
fwd_decide(struct fwd *f, struct swport *in, const uint8_t *frame, uint32_t len,
	   struct swport **ret_out)
{
	const struct swport_cache *c = &in->cache;
	uint64_t head;
	uint32_t rest;
	uint16_t type;

	memcpy(&head, frame, sizeof(head));
	memcpy(&rest, frame + 8, sizeof(rest));
	memcpy(&type, frame + 12, sizeof(type));
	if (__builtin_expect(len - ETH_HEADER_LEN > in->max_len - ETH_HEADER_LEN ||
				     type == TPID_C_LE || type == TPID_S_LE,
			     0))
		return fwd_look_closer(f, in, frame, len, ret_out);
	if (__builtin_expect(head == c->head && rest == c->rest && c->version == f->mac.version,
			     1)) {
		*ret_out = c->out;
		return c->verdict;
	}
	return fwd_look_up(f, in, head, rest, ret_out);
}

/* Whether the frame, which fwd_decide() let pass, is within @out's MTU; a tag does not count. */
static inline bool
fwd_fits(const struct swport *out, const uint8_t *frame, uint32_t len)
{
	uint16_t type;

	if (__builtin_expect(len <= out->max_len, 1))
		return true;
	memcpy(&type, frame + 12, sizeof(type));
	return type == TPID_C_LE && len <= out->max_len + ETH_TAG_LEN;
}

/* A new round: @ports is what the control thread published last. */
static inline void
fwd_round(struct fwd *f, const struct port_table *ports)
{
	f->ports = ports;
	if (__builtin_expect(f->serial != ports->serial, 0)) {
		f->serial = ports->serial;
		f->mac.version++;
	}
}

/* A second has passed: everything remembered is looked at again. */
void fwd_tick(struct fwd *f);

/* A few buckets' worth of ageing; called once a round, does nothing when the second's share is done. */
void fwd_age(struct fwd *f);

#endif
