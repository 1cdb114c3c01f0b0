/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/forward.h"

#include <stdlib.h>

#include "base/util.h"

#define PORTS_A_BURST 16
#define BURSTS_MAX    4

/* 01:80:c2:00:00:00 to 0f (IEEE 802.1Q-2018, table 8-1): between neighbours, as a key has its bytes. */
#define RESERVED      UINT64_C(0x000000c28001)
#define RESERVED_MASK UINT64_C(0xf0ffffffffff)

#define SWEEP_SECONDS 8 /* the whole table is looked at once in so many */
#define SWEEP_STEP    4 /* buckets a round */

static struct swport *
port_of(const struct fwd *f, uint32_t ref)
{
	struct swport *p = f->ports->slot[ref & SWITCH_SLOT_MASK];

	return p && p->ref == ref ? p : NULL;
}

static bool
too_old(const struct fwd *f, const struct swport *p, const struct mac_entry *e)
{
	return f->now - e->seen > p->cfg.mac_age_s;
}

static void
forget(const struct fwd *f, struct swport *p)
{
	counter_add(&swport_count(p, f->lane)->aged, 1);
	p->macs--;
}

static void
learn(struct fwd *f, struct swport *in, uint64_t src)
{
	struct swport *was;
	uint32_t old;

	switch (mac_learn(&f->mac, mac_key(src, in->domain), in->ref, f->now, &old)) {
	case MAC_KNOWN:
		break;
	case MAC_REPLACED:
		counter_add(&swport_count(in, f->lane)->aged, 1);
		counter_add(&swport_count(in, f->lane)->learned, 1);
		break;
	case MAC_NEW:
		counter_add(&swport_count(in, f->lane)->learned, 1);
		in->macs++;
		break;
	case MAC_MOVED:
		/* from a port that is gone, it counts as new */
		was = port_of(f, old);
		if (was)
			was->macs--;
		counter_add(was ? &swport_count(in, f->lane)->moved
				: &swport_count(in, f->lane)->learned,
			    1);
		in->macs++;
		break;
	case MAC_FULL:
		counter_add(&swport_count(in, f->lane)->not_learned, 1);
		break;
	}
}

static uint32_t
destination(struct fwd *f, const struct swport *in, uint64_t dst, struct swport **ret_out)
{
	struct mac_entry *e;
	struct swport *p;

	if ((dst & RESERVED_MASK) == RESERVED)
		return FWD_DROP + DROP_RESERVED;
	if (dst & 1) /* group address */
		return FWD_FLOOD;
	e = dst ? mac_find(&f->mac, mac_key(dst, in->domain)) : NULL;
	p = e ? port_of(f, e->ref) : NULL;
	if (!p || too_old(f, p, e))
		return FWD_FLOOD;
	if (p == in)
		return FWD_DROP + DROP_SELF;
	*ret_out = p;
	return FWD_TO;
}

uint32_t
fwd_look_up(struct fwd *f, struct swport *in, uint64_t head, uint32_t rest, struct swport **ret_out)
{
	uint64_t src = head >> 48 | (uint64_t)rest << 16;
	struct swport *out = NULL;
	uint32_t verdict;

	if (src == 0 || (src & 1))
		return FWD_DROP + DROP_SOURCE;
	learn(f, in, src);
	verdict = destination(f, in, head & UINT64_C(0xffffffffffff), &out);
	/* the version after learning: this answer already knows what was learnt */
	in->cache = (struct swport_cache){.head = head,
					  .rest = rest,
					  .verdict = verdict,
					  .version = f->mac.version,
					  .out = out};
	*ret_out = out;
	return verdict;
}

uint32_t
fwd_look_closer(struct fwd *f, struct swport *in, const uint8_t *frame, uint32_t len,
		struct swport **ret_out)
{
	uint32_t max = in->max_len, rest;
	uint16_t type, tci;
	uint64_t head;

	if (len < ETH_HEADER_LEN)
		return FWD_DROP + DROP_RUNT;
	memcpy(&type, frame + 12, sizeof(type));
	if (type == TPID_C_LE || type == TPID_S_LE) {
		if (len < ETH_HEADER_LEN + ETH_TAG_LEN)
			return FWD_DROP + DROP_RUNT;
		memcpy(&tci, frame + 14, sizeof(tci));
		/* a priority tag (VID 0) names no VLAN: IEEE 802.1Q-2018, 9.6 */
		if (type != TPID_C_LE || (__builtin_bswap16(tci) & 0xfff) != 0)
			return FWD_DROP + DROP_VLAN;
		max += ETH_TAG_LEN;
	}
	if (len > max)
		return FWD_DROP + DROP_OVERSIZE;
	memcpy(&head, frame, sizeof(head));
	memcpy(&rest, frame + 8, sizeof(rest));
	return fwd_look_up(f, in, head, rest, ret_out);
}

void
fwd_tick(struct fwd *f)
{
	f->now++;
	f->mac.version++;
	f->sweep_left = (f->mac.mask + SWEEP_SECONDS) / SWEEP_SECONDS;
}

static bool
gone(void *arg, const struct mac_entry *e)
{
	const struct fwd *f = arg;
	struct swport *p = port_of(f, e->ref);

	if (!p)
		return true;
	if (!too_old(f, p, e))
		return false;
	forget(f, p);
	return true;
}

void
fwd_age(struct fwd *f)
{
	unsigned int n = MIN_OF(f->sweep_left, SWEEP_STEP);

	if (n == 0)
		return;
	f->sweep_left -= n;
	mac_sweep(&f->mac, n, gone, f);
}

struct port_table *
port_table_make(struct swport *const slot[SWITCH_PORTS_MAX], uint64_t serial)
{
	struct port_table *t = calloc(1, sizeof(*t));
	uint32_t filled = 0;

	if (!t)
		return NULL;
	t->serial = serial;
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		t->slot[i] = slot[i];
		if (slot[i])
			t->member[t->n++].port = slot[i];
	}
	t->bursts = MIN_OF(1 + t->n / PORTS_A_BURST, BURSTS_MAX);
	/* sorted[] holds the domains one after another; a domain's first member starts its run */
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t first = filled;

		if (t->member[i].peers)
			continue;
		for (uint32_t k = i; k < t->n; k++)
			if (t->member[k].port->domain == t->member[i].port->domain)
				t->sorted[filled++] = t->member[k].port;
		for (uint32_t k = i; k < t->n; k++) {
			if (t->member[k].port->domain != t->member[i].port->domain || k == i)
				continue;
			t->member[k].peers = &t->sorted[first];
			t->member[k].n_peers = filled - first;
		}
		t->member[i].peers = &t->sorted[first];
		t->member[i].n_peers = filled - first;
	}
	return t;
}
