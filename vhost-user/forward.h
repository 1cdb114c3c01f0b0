/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a burst of frames: a decision from the heads, the port they came from, and tables
 * that all lanes share; the address table learns on the way. No rings, no clock.
 */
#ifndef CORELANE_VHOST_USER_FORWARD_H
#define CORELANE_VHOST_USER_FORWARD_H

#include "vhost-user/lane.h"
#include "vhost-user/mac.h"

/* Who gets what is sent to everybody in a broadcast domain. Immutable; replaced by the control thread. */
struct flood_list {
	struct flood_list *next; /* of those that wait for fwd_collect() */
	uint32_t n;
	_Atomic(struct swport *) port[]; /* NULL: nobody */
};

/* Shared by all lanes. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct fwd {
	struct mac_table mac;
	/* control thread; freed after rcu_wait() */
	_Atomic(struct swport *) slot[SWITCH_PORTS_MAX];
	_Atomic uint32_t ref[SWITCH_PORTS_MAX]; /* of the port in the slot; 0: none */
	_Atomic(struct flood_list *) flood[DOMAINS_MAX + 1];
	struct flood_list *garbage;
	/* lane 0 */
	_Atomic uint32_t now __attribute__((aligned(64))); /* coarse seconds */
	uint32_t sweep_left;                               /* buckets still due in this second */
};

/* A verdict: below SWITCH_PORTS_MAX the slot of the only port that gets the frame; else: */
#define FWD_FLOOD SWITCH_PORTS_MAX /* to every other port of the domain */
#define FWD_DROP  (FWD_FLOOD + 1)  /* + enum switch_drop */
#define FWD_KINDS (FWD_DROP + DROP_CAUSES)

/* IEEE 802.1Q-2018, table 9-1: C-TAG, S-TAG; as they stand in the frame, read little-endian. */
#define TPID_C_LE 0x0081u
#define TPID_S_LE 0xa888u

/* Addresses and EtherType: what the memory of a port's last decision holds of a frame. */
#define FWD_TAIL_MASK UINT64_C(0x0000ffffffffffff)

/* Whether @p has the addresses and the EtherType of the last frame that @in had a decision for. */
static inline bool
fwd_is_like_last(const struct swport *in, const struct pkt *p)
{
	uint64_t head, tail;

	memcpy(&head, p->head, sizeof(head));
	memcpy(&tail, p->head + 8, sizeof(tail));
	return head == in->cache.head && ((tail ^ in->cache.tail) & FWD_TAIL_MASK) == 0;
}

/*
 * Whether the whole burst is like the last frame that @in had a decision for; then *ret is its
 * verdict, else it is as it was. *ret_bytes: of all frames.
 */
static inline bool
fwd_remembered(const struct lane *lane, const struct swport *in, struct pkt *const *pkt, uint32_t n,
	       uint32_t *ret, uint64_t *ret_bytes)
{
	const struct swport_cache *c = &in->cache;
	uint64_t other = c->version ^ mac_version(&lane->fwd->mac), bytes = 0;
	uint32_t max = in->max_len, wrong = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct pkt *p = pkt[i];
		uint64_t head, tail;

		memcpy(&head, p->head, sizeof(head));
		memcpy(&tail, p->head + 8, sizeof(tail));
		other |= (head ^ c->head) | ((tail ^ c->tail) & FWD_TAIL_MASK);
		other |= p->domain ^ c->domain;
		/* the highest bit of either: too long, too short */
		wrong |= (max - p->len) | (p->len - ETH_HEADER_LEN);
		bytes += p->len;
	}
	*ret_bytes = bytes;
	if (other || (int32_t)wrong < 0)
		return false;
	*ret = c->verdict;
	return true;
}

/*
 * The verdict on each of at most PKT_BURST frames. Every head has PKT_HEAD readable bytes, whatever its
 * length. Counts learnt, moved, not_learned, aged on @in; drops are the caller's to count. false: a
 * source could not be learnt just now, so the next frame like it must be decided anew.
 */
bool fwd_decide(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n,
		uint16_t verdict[PKT_BURST]);

/* Lane 0: a second has passed; everything remembered is looked at again. */
void fwd_tick(struct fwd *f);

/* Lane 0: some ageing; called once a round, does nothing when the second's share is done. */
void fwd_age(struct lane *lane);

/*
 * Control thread, forward_ports.c. Lanes may hold what was withdrawn until rcu_wait(); then, and not
 * before, fwd_collect() frees it.
 *
 * fwd_add() makes @p known as the port in its slot, puts it into its domains' lists and declares its
 * addresses, or refuses in words and leaves everything as it was; fwd_remove() withdraws all that.
 */
int fwd_add(struct fwd *f, struct swport *p, struct err *e);
void fwd_remove(struct fwd *f, struct swport *p);
/*
 * @p's membership, addresses and flags are new ones, @old what it was in before. -errno with words:
 * some of it may have been done; put @p back as it was and call fwd_undo().
 */
int fwd_change(struct fwd *f, struct swport *p, const struct membership *old, struct err *e);
void fwd_undo(struct fwd *f, struct swport *p, const struct membership *tried);
void fwd_collect(struct fwd *f);

#endif
