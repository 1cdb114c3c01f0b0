/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/pairs.h"

#include <stdlib.h>

#include "base/util.h"
#include "vhost-user/forward.h"

#define WAYS 2
#define MOST (1u << 18) /* 8 MiB: with more, what is remembered lies as far away as what it saves */
#define REST 15 /* bursts that are not looked up after one that pushed out much of what was known */

struct look {
	struct pair_set *set[PKT_BURST];
	uint64_t head[PKT_BURST], tail[PKT_BURST];
	uint64_t odd; /* bit i: too short, too long, or tagged: never remembered */
};

void
pairs_make(struct lane *lane, uint32_t n)
{
	const struct mac_table *t = &lane->fwd->mac;
	size_t bytes;

	n = MIN_OF(n, MOST);
	bytes = n / WAYS * sizeof(struct pair_set);

	lane->pairs = n < WAYS * 2 ? NULL : aligned_alloc(sizeof(struct pair_set), bytes);
	if (!lane->pairs)
		return;
	/* touched here, so that it is there, and near, when frames come */
	memset(lane->pairs, 0, bytes);
	/* odd, and with bits everywhere whatever the table's secret numbers are */
	lane->pairs_seed[0] = (t->seed[0] * UINT64_C(0x9e3779b97f4a7c15)) | 1;
	lane->pairs_seed[1] = (t->seed[1] * UINT64_C(0xbf58476d1ce4e5b9)) | 1;
	lane->pairs_shift = (uint32_t)__builtin_clzll(n / WAYS) + 1;
}

void
pairs_free(struct lane *lane)
{
	free(lane->pairs);
	lane->pairs = NULL;
}

/* Multiply and shift, by two secret numbers: no guest can aim at a place. */
static void
gather(const struct lane *lane, const struct swport *in, struct pkt *const *pkt, uint32_t n,
       struct look *l, uint64_t *ret_bytes)
{
	const uint64_t by_head = lane->pairs_seed[0], by_tail = lane->pairs_seed[1];
	uint32_t max = in->max_len;
	uint64_t bytes = 0;

	l->odd = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct pkt *p = pkt[i];
		uint64_t head, tail;
		uint16_t type;

		memcpy(&head, p->head, sizeof(head));
		memcpy(&tail, p->head + 8, sizeof(tail));
		type = (uint16_t)(tail >> 32);
		tail &= FWD_TAIL_MASK;
		l->head[i] = head;
		l->tail[i] = tail;
		l->set[i] = &lane->pairs[(head * by_head + tail * by_tail) >> lane->pairs_shift];
		__builtin_prefetch(l->set[i]);
		bytes += p->len;
		if (__builtin_expect(p->len - ETH_HEADER_LEN > max - ETH_HEADER_LEN ||
					     type == TPID_C_LE || type == TPID_S_LE,
				     0))
			l->odd |= UINT64_C(1) << i;
	}
	*ret_bytes = bytes;
}

static inline uint64_t
differs(const struct pair *e, uint64_t head, uint64_t tail, uint64_t tag)
{
	return (e->head ^ head) | (e->tail ^ tail) << 16 | (e->tag ^ tag);
}

static uint64_t
tag_of(const struct swport *in, uint64_t version, const struct pkt *p)
{
	return version << 25 | (uint64_t)(in->ref & SWITCH_SLOT_MASK) << 16 | p->domain;
}

/* Bit i: frame i is not known. */
static uint64_t
look_up(const struct swport *in, struct pkt *const *pkt, uint32_t n, const struct look *l,
	uint64_t version, uint16_t *verdict)
{
	uint64_t unknown = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct pair *e = l->set[i]->way;
		uint64_t tag = tag_of(in, version, pkt[i]);
		uint64_t other[WAYS] = {differs(&e[0], l->head[i], l->tail[i], tag),
					differs(&e[1], l->head[i], l->tail[i], tag)};

		/* without a branch: which way it is cannot be foretold */
		verdict[i] = (uint16_t)(e[other[0] != 0].tail >> 48);
		unknown |= (uint64_t)(other[0] && other[1]) << i;
	}
	return unknown | l->odd;
}

/* Returns 1 when something that was still right had to go for it, else 0. */
static uint32_t
keep(struct look *l, uint32_t i, uint64_t tag, uint32_t verdict)
{
	struct pair *e = l->set[i]->way;
	bool old[WAYS] = {(e[0].tag ^ tag) >> 25, (e[1].tag ^ tag) >> 25};
	uint32_t way = old[0] ? 0 : old[1] ? 1 : (uint32_t)(l->head[i] >> 47 & 1);

	e[way].head = l->head[i];
	e[way].tail = l->tail[i] | (uint64_t)verdict << 48;
	e[way].tag = tag;
	return !old[0] && !old[1];
}

static __attribute__((noinline)) void
decide_unknown(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint64_t unknown,
	       struct look *l, uint64_t version, uint16_t *verdict)
{
	struct pkt *some[PKT_BURST];
	uint8_t which[PKT_BURST];
	uint16_t each[PKT_BURST];
	uint32_t n = 0, pushed = 0;
	bool final;

	do {
		which[n] = (uint8_t)__builtin_ctzll(unknown);
		some[n] = pkt[which[n]];
		n++;
		unknown &= unknown - 1;
	} while (unknown);
	final = fwd_decide(lane, in, some, n, each);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = which[k];

		verdict[i] = each[k];
		if (final && !(l->odd >> i & 1))
			pushed += keep(l, i, tag_of(in, version, pkt[i]), each[k]);
	}
	if (pushed > PKT_BURST / 4)
		in->pairs_rest = REST;
}

static void
decide_all(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n,
	   uint16_t *verdict, uint64_t *ret_bytes)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		bytes += pkt[i]->len;
	*ret_bytes = bytes;
	fwd_decide(lane, in, pkt, n, verdict);
}

void
pairs_decide(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n,
	     uint16_t verdict[PKT_BURST], uint64_t *ret_bytes)
{
	struct look l;
	uint64_t version, unknown;

	if (!lane->pairs || in->pairs_rest) {
		if (in->pairs_rest)
			in->pairs_rest--;
		decide_all(lane, in, pkt, n, verdict, ret_bytes);
		return;
	}
	/* before the first look: what changes from here on makes what is kept worthless */
	version = mac_version(&lane->fwd->mac);
	gather(lane, in, pkt, n, &l, ret_bytes);
	unknown = look_up(in, pkt, n, &l, version, verdict);
	if (__builtin_expect(unknown == 0, 1))
		return;
	decide_unknown(lane, in, pkt, unknown, &l, version, verdict);
}
