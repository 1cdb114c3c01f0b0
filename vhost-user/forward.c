/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/forward.h"

#include <errno.h>

#include "base/util.h"
#include "vhost-user/trace.h"

/* 01:80:c2:00:00:00 to 0f (IEEE 802.1Q-2018, table 8-1): between neighbours, as a key has its bytes. */
#define RESERVED      UINT64_C(0x000000c28001)
#define RESERVED_MASK UINT64_C(0xf0ffffffffff)

#define MAC48 UINT64_C(0xffffffffffff)

#define SWEEP_SECONDS 8 /* the whole table is looked at once in so many */
#define SWEEP_STEP    4 /* buckets a round */

/* One burst being decided. */
struct work {
	struct lane *lane;
	struct fwd *f;
	struct swport *in;
	struct pkt *const *pkt;
	uint32_t flags, max_len, ref;
	uint32_t now, until;
	bool again;   /* something could not be learnt now: nothing may be remembered */
	uint32_t odd; /* bit i: frame i needs a closer look */
	struct {
		uint64_t src, dst; /* keys */
		uint64_t src_hash, dst_hash;
	} frame[PKT_BURST];
};

static bool
is_tag(uint16_t type)
{
	return type == TPID_C_LE || type == TPID_S_LE;
}

static struct swport *
port_of(const struct fwd *f, uint32_t ref)
{
	struct swport *p = f->slot[ref & SWITCH_SLOT_MASK];

	return p && p->ref == ref ? p : NULL;
}

/* Whether an address behind @ref, as the table has it, is still somebody's. */
static bool
is_there(const struct fwd *f, uint32_t ref)
{
	return atomic_load_explicit(&f->ref[ref & SWITCH_SLOT_MASK], memory_order_acquire) == ref;
}

static bool
is_own(const struct swport *in, uint64_t src)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(in->own); i++) {
		uint64_t own = atomic_load_explicit(&in->own[i], memory_order_relaxed);

		if (own == src || own == 0)
			return own == src;
	}
	return false;
}

/* Only while it is traced: about the first frame of the burst that came from there. */
static __attribute__((noinline)) void
tell_learnt(const struct work *w, uint64_t key, enum mac_learn what)
{
	static const char *const words[] = {
		[MAC_NEW] = "its source is learnt",
		[MAC_REPLACED] = "its source is learnt",
		[MAC_MOVED] = "its source has moved here",
		[MAC_FULL] = "no room to learn its source",
	};
	uint32_t i = 0;

	if ((size_t)what >= ARRAY_SIZE(words) || !words[what])
		return;
	while (w->frame[i].src != key)
		i++;
	trace_say(w->lane, w->in, w->pkt[i], "%s", words[what]);
}

/* Book-keeping of what mac_learn() did; with its lock. 0, or the verdict on the frame. */
static uint32_t
note_learnt(struct work *w, enum mac_learn what, uint32_t old)
{
	struct swport_counters *c = swport_count(w->in, w->lane);
	struct swport *was;

	switch (what) {
	case MAC_KNOWN:
		break;
	case MAC_REPLACED:
		counter_add(&c->aged, 1);
		counter_add(&c->learned, 1);
		break;
	case MAC_NEW:
		counter_add(&c->learned, 1);
		w->in->macs++;
		break;
	case MAC_MOVED:
		/* from a port that is gone, it counts as new */
		was = port_of(w->f, old);
		if (was)
			was->macs--;
		counter_add(was ? &c->moved : &c->learned, 1);
		w->in->macs++;
		break;
	case MAC_FULL:
		counter_add(&c->not_learned, 1);
		break;
	case MAC_HELD:
		return FWD_DROP + DROP_SPOOFED;
	}
	return 0;
}

/* What speaks against a source that is new to this port, as far as the table tells. 0, or the verdict. */
static uint32_t
judge(const struct work *w, uint64_t key)
{
	struct mac_found f = mac_find(&w->f->mac, key);
	uint32_t limit = w->in->mac_limit;

	if (mac_owner(&f) == w->ref)
		return 0;
	if (limit && w->in->macs >= limit)
		return FWD_DROP + DROP_MAC_LIMIT;
	if ((f.ref & MAC_DECLARED) && is_there(w->f, mac_owner(&f)))
		return FWD_DROP + DROP_SPOOFED;
	return 0;
}

/*
 * A source that the table does not have behind this port, or not as fresh as it could. 0, or the
 * verdict on the frame.
 */
static __attribute__((noinline)) uint32_t
learn(struct work *w, uint64_t key)
{
	uint64_t src = key & MAC48;
	uint32_t old = 0, verdict;
	enum mac_learn what;
	struct mac_found f;

	if (src == 0 || (src & 1))
		return FWD_DROP + DROP_SOURCE;
	if (!(w->flags & SWPORT_ANY_MAC) && !is_own(w->in, src))
		return FWD_DROP + DROP_SPOOFED;
	/* also without the lock: who makes others hold it gets nothing past it */
	verdict = judge(w, key);
	if (verdict)
		return verdict;
	if (!mac_trylock(&w->f->mac)) {
		w->again = true; /* another lane learns: the next frame teaches */
		return 0;
	}
	/* once more: another lane may have learnt it meanwhile */
	verdict = judge(w, key);
	if (verdict == 0) {
		/* declared for a port that is gone: anybody's again */
		f = mac_find(&w->f->mac, key);
		if ((f.ref & MAC_DECLARED) && !is_there(w->f, mac_owner(&f)))
			mac_forget(&w->f->mac, key);
		what = mac_learn(&w->f->mac, key, w->ref, w->until, &old);
		verdict = note_learnt(w, what, old);
		if (__builtin_expect(w->lane->trace != NULL, 0))
			tell_learnt(w, key, what);
	}
	mac_unlock(&w->f->mac);
	return verdict;
}

/* 0, or the verdict on the frame. */
static inline uint32_t
check_source(struct work *w, uint64_t key, uint64_t hash)
{
	struct mac_found f = mac_find_hashed(&w->f->mac, key, hash);

	/* neither a group address nor zero is in the table */
	if (__builtin_expect(mac_owner(&f) != w->ref, 0))
		return learn(w, key);
	if (__builtin_expect(f.until != w->until, 0)) {
		mac_refresh(&f, w->until);
		/* it had been forgotten by all but the sweep: others send there again */
		if (f.until < w->now)
			mac_changed(&w->f->mac);
	}
	return 0;
}

static uint32_t
group_verdict(uint64_t dst)
{
	return (dst & RESERVED_MASK) == RESERVED ? FWD_DROP + DROP_RESERVED : FWD_FLOOD;
}

static inline uint32_t
find_target(const struct work *w, uint64_t key, uint64_t hash)
{
	uint32_t slot, ref;
	struct mac_found f;

	if (__builtin_expect(key & 1, 0))
		return group_verdict(key & MAC48);
	f = mac_find_hashed(&w->f->mac, key, hash);
	ref = mac_owner(&f);
	if (__builtin_expect(ref == 0 || !is_there(w->f, ref) || !mac_valid(&f, w->now), 0))
		return FWD_FLOOD;
	if (__builtin_expect(ref == w->ref, 0))
		return FWD_DROP + DROP_SELF;
	slot = ref & SWITCH_SLOT_MASK;
	if (__builtin_expect(w->flags & SWPORT_ISOLATED, 0)) {
		const struct swport *out = w->f->slot[slot];

		if (out && (out->flags & SWPORT_ISOLATED))
			return FWD_DROP + DROP_ISOLATED;
	}
	return slot;
}

/* What a frame may not be, before anybody is asked about addresses. 0, or the verdict. */
static __attribute__((noinline)) uint32_t
refuse(const struct work *w, const struct pkt *p)
{
	uint32_t max = w->max_len;
	uint16_t type, tci;

	if (p->len < ETH_HEADER_LEN)
		return FWD_DROP + DROP_RUNT;
	memcpy(&type, p->head + 12, sizeof(type));
	memcpy(&tci, p->head + 14, sizeof(tci));
	if (!(w->flags & SWPORT_CLASSIFY) && is_tag(type)) {
		if (p->len < ETH_HEADER_LEN + ETH_TAG_LEN)
			return FWD_DROP + DROP_RUNT;
		/* a priority tag (VID 0) names no VLAN: IEEE 802.1Q-2018, 9.6 */
		if (type != TPID_C_LE || (__builtin_bswap16(tci) & 0xfff) != 0)
			return FWD_DROP + DROP_VLAN;
	}
	if (is_tag(type))
		max += ETH_TAG_LEN;
	/* what is still to be cut into segments is as long as it is */
	if (p->len > max && !((p->flags & PKT_OFFLOAD) && p->off.gso_type))
		return FWD_DROP + DROP_OVERSIZE;
	if (p->domain == 0)
		return FWD_DROP + DROP_VLAN;
	return 0;
}

/* Asks for all the buckets before the first is needed. */
static void
gather(struct work *w, struct pkt *const *pkt, uint32_t n)
{
	const struct mac_table *t = &w->f->mac;

	w->odd = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct pkt *p = pkt[i];
		uint64_t domain = (uint64_t)p->domain << 48, head, tail;
		uint16_t type;

		memcpy(&head, p->head, sizeof(head));
		memcpy(&tail, p->head + 8, sizeof(tail));
		type = (uint16_t)(tail >> 32);
		w->frame[i].src = head >> 48 | (tail & 0xffffffff) << 16 | domain;
		w->frame[i].dst = (head & MAC48) | domain;
		w->frame[i].src_hash = mac_hash(t, w->frame[i].src);
		w->frame[i].dst_hash = mac_hash(t, w->frame[i].dst);
		__builtin_prefetch(mac_first(t, w->frame[i].src_hash));
		__builtin_prefetch(mac_first(t, w->frame[i].dst_hash));
		if (__builtin_expect(p->len - ETH_HEADER_LEN > w->max_len - ETH_HEADER_LEN ||
					     domain == 0 || is_tag(type),
				     0))
			w->odd |= 1u << i;
	}
}

/* The last frame's verdict, for bursts that are all like it. */
static void
remember(const struct work *w, const struct pkt *p, uint64_t version, uint32_t verdict)
{
	struct swport_cache c = {.version = version, .domain = p->domain, .verdict = verdict};

	memcpy(&c.head, p->head, sizeof(c.head));
	memcpy(&c.tail, p->head + 8, sizeof(c.tail));
	/* the two bytes behind a tag's type count too, and the memory does not hold them */
	if (!is_tag((uint16_t)(c.tail >> 32)))
		w->in->cache = c;
}

bool
fwd_decide(struct lane *lane, struct swport *in, struct pkt *const *pkt, uint32_t n,
	   uint16_t verdict[PKT_BURST])
{
	struct fwd *f = lane->fwd;
	/* before the first look: what changes from here on makes the memory worthless */
	uint64_t version = mac_version(&f->mac);
	uint32_t now = atomic_load_explicit(&f->now, memory_order_relaxed);
	struct work w; /* not initialised as a whole: it is a kilobyte */
	uint32_t v = 0;

	w.lane = lane;
	w.f = f;
	w.in = in;
	w.pkt = pkt;
	w.flags = in->flags;
	w.max_len = in->max_len;
	w.ref = in->ref;
	w.now = now;
	w.until = now + in->mac_age_s;
	w.again = false;
	gather(&w, pkt, n);
	for (uint32_t i = 0; i < n; i++) {
		v = 0;
		if (__builtin_expect(w.odd >> i & 1, 0))
			v = refuse(&w, pkt[i]);
		if (v == 0)
			v = check_source(&w, w.frame[i].src, w.frame[i].src_hash);
		if (v == 0)
			v = find_target(&w, w.frame[i].dst, w.frame[i].dst_hash);
		verdict[i] = (uint16_t)v;
	}
	/* not a refused frame: the next one may be as long as it should be */
	if (n && !w.again && (v < FWD_DROP || v >= FWD_DROP + DROP_SOURCE))
		remember(&w, pkt[n - 1], version, v);
	return !w.again;
}

void
fwd_tick(struct fwd *f)
{
	f->now++;
	mac_changed(&f->mac);
	f->sweep_left = (f->mac.mask + SWEEP_SECONDS) / SWEEP_SECONDS;
}

static bool
gone(void *arg, uint64_t key, uint32_t ref, uint32_t until)
{
	struct lane *lane = arg;
	struct swport *p = port_of(lane->fwd, ref & ~MAC_DECLARED);

	if (!p)
		return true;
	if ((ref & MAC_DECLARED) || until >= lane->fwd->now)
		return false;
	counter_add(&swport_count(p, lane)->aged, 1);
	p->macs--;
	return true;
}

void
fwd_age(struct lane *lane)
{
	struct fwd *f = lane->fwd;
	unsigned int n = MIN_OF(f->sweep_left, SWEEP_STEP);

	if (n == 0 || !mac_trylock(&f->mac))
		return;
	f->sweep_left -= n;
	mac_sweep(&f->mac, &f->mac.sweep, n, gone, lane);
	mac_unlock(&f->mac);
}
