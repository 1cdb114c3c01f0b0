/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address table: (broadcast domain, MAC) to port, of a fixed size. Forwarding threads read it
 * without a lock; whoever changes it holds its lock. No allocation after mac_table_init(), no clock.
 *
 * Each key has two buckets of one cache line, chosen by a hash keyed with random numbers, so that a
 * guest cannot aim at a bucket. When both are full, a port may only push out an address of its own:
 * a guest that floods addresses forgets its own, not its neighbours'.
 */
#ifndef CORELANE_VHOST_USER_MAC_H
#define CORELANE_VHOST_USER_MAC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_WAYS      4
#define MAC_TABLE_MIN 64
#define MAC_TABLE_MAX (1u << 22)
#define MAC_DECLARED  (1u << 31) /* in ref: not learnt; believed for ever */

/*
 * A reader finds the key, takes what belongs to it, and looks whether the key is still the same; a
 * writer clears the key before it changes its owner. Only an address that moves changes its port in
 * place: both answers were right.
 */
struct mac_bucket {
	_Atomic uint64_t key[MAC_WAYS];   /* mac_key(); 0: free */
	_Atomic uint32_t ref[MAC_WAYS];   /* whose: struct swport.ref, | MAC_DECLARED */
	_Atomic uint32_t until[MAC_WAYS]; /* coarse second up to which it is believed */
} __attribute__((aligned(64)));

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct mac_table {
	struct mac_bucket *bucket;
	uint32_t mask; /* buckets - 1 */
	uint64_t seed[2];
	/* changes whenever an answer may: copies of answers are checked against it */
	_Atomic uint64_t version __attribute__((aligned(64)));
	_Atomic uint32_t lock; /* of all below, and for changes in buckets */
	uint32_t sweep;        /* of whoever makes old addresses go: the next bucket */
};

/* One address as it was found: a copy, and where it stands. */
struct mac_found {
	struct mac_bucket *bucket;
	uint32_t way;
	uint32_t ref; /* as in the bucket; 0: not found */
	uint32_t until;
};

enum mac_learn {
	MAC_KNOWN,    /* refreshed */
	MAC_NEW,      /* *ret_old is 0 */
	MAC_REPLACED, /* new; the port's own oldest address had to go */
	MAC_MOVED,    /* *ret_old is the port it was behind */
	MAC_FULL,     /* not learnt */
	MAC_HELD,     /* not learnt: declared for another port */
};

/* 64 bits of table key: the address as it stands in the frame, little-endian, and the domain above. */
static inline uint64_t
mac_key(uint64_t mac48, uint16_t domain)
{
	return mac48 | (uint64_t)domain << 48;
}

/* The same from an address in memory. */
uint64_t mac_key_of(const uint8_t mac[6], uint16_t domain);

/*
 * Room for @entries addresses: twice as many places, at least, so that (nearly) all of them find one.
 * 0, -EINVAL outside MAC_TABLE_MIN..MAX, -ENOMEM. The memory is touched here, so that it is there when
 * a forwarding thread needs it.
 */
int mac_table_init(struct mac_table *t, uint32_t entries, uint64_t seed0, uint64_t seed1);
void mac_table_fini(struct mac_table *t);

/* false: somebody else changes the table now. Forwarding threads only try; the others wait. */
bool mac_trylock(struct mac_table *t);
void mac_lock(struct mac_table *t);
void mac_unlock(struct mac_table *t);

/* Every remembered answer is to be asked again. Any thread. */
static inline void
mac_changed(struct mac_table *t)
{
	/* release: whoever sees the new number sees what changed before */
	atomic_fetch_add_explicit(&t->version, 1, memory_order_release);
}

static inline uint64_t
mac_version(const struct mac_table *t)
{
	/* acquire: pairs with mac_changed() */
	return atomic_load_explicit(&t->version, memory_order_acquire);
}

static inline uint64_t
mac_hash(const struct mac_table *t, uint64_t key)
{
	__uint128_t p = (__uint128_t)(key ^ t->seed[0]) * t->seed[1];
	uint64_t h = (uint64_t)p ^ (uint64_t)(p >> 64);

	/* once more: addresses that count up would otherwise crowd together */
	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static inline struct mac_bucket *
mac_first(const struct mac_table *t, uint64_t hash)
{
	return &t->bucket[hash & t->mask];
}

static inline struct mac_bucket *
mac_second(const struct mac_table *t, uint64_t hash)
{
	return &t->bucket[(hash >> 32) & t->mask];
}

/* Two keys side by side: compared at once. */
typedef uint64_t mac_pair __attribute__((vector_size(16), may_alias));

/*
 * 1 + the way that holds @key, 0: none. Without a branch, since which one it is cannot be foretold.
 * Ordinary loads, as vectors have no others: each key lies in one aligned word, which x86 reads as a
 * whole, and is read once more when what belongs to it was (mac_in_bucket()).
 */
static inline __attribute__((no_sanitize("thread"))) uint32_t
mac_way(const struct mac_bucket *b, uint64_t key)
{
	const mac_pair *k = (const mac_pair *)(const void *)b->key;
	const mac_pair want = {key, key}, low = {1, 2}, high = {3, 4};
	mac_pair hit = ((mac_pair)(k[0] == want) & low) | ((mac_pair)(k[1] == want) & high);

	return (uint32_t)(hit[0] | hit[1]);
}

static inline bool
mac_in_bucket(struct mac_bucket *b, uint64_t key, struct mac_found *ret)
{
	uint32_t way = mac_way(b, key);

	/* what belongs to the key is not read before it: the compiler is told, and x86 does not do so */
	atomic_signal_fence(memory_order_acquire);
	if (way == 0)
		return false;
	ret->bucket = b;
	ret->way = --way;
	/* acquire: not later than the second look at the key */
	ret->ref = atomic_load_explicit(&b->ref[way], memory_order_acquire);
	ret->until = atomic_load_explicit(&b->until[way], memory_order_acquire);
	return atomic_load_explicit(&b->key[way], memory_order_relaxed) == key;
}

static inline uint32_t
mac_owner(const struct mac_found *f)
{
	return f->ref & ~MAC_DECLARED;
}

static inline bool
mac_valid(const struct mac_found *f, uint32_t now)
{
	return f->until >= now || (f->ref & MAC_DECLARED);
}

/* The entry, however old; ref is 0 without one. @key is not 0, @hash is its hash. Any thread. */
static inline struct mac_found
mac_find_hashed(const struct mac_table *t, uint64_t key, uint64_t hash)
{
	struct mac_found f;

	if (__builtin_expect(mac_in_bucket(mac_first(t, hash), key, &f), 1))
		return f;
	if (!mac_in_bucket(mac_second(t, hash), key, &f))
		f.ref = 0;
	return f;
}

static inline struct mac_found
mac_find(const struct mac_table *t, uint64_t key)
{
	return mac_find_hashed(t, key, mac_hash(t, key));
}

/* A known address is believed until @until. Its own port's lane; no lock. */
static inline void
mac_refresh(const struct mac_found *f, uint32_t until)
{
	/* relaxed: at worst a neighbour that took this place in the meantime lives a little longer */
	atomic_store_explicit(&f->bucket->until[f->way], until, memory_order_relaxed);
}

/* @key was seen behind @ref, to be believed until @until. With the lock. */
enum mac_learn mac_learn(struct mac_table *t, uint64_t key, uint32_t ref, uint32_t until,
			 uint32_t *ret_old);

/*
 * @key is declared for @ref, for ever. A learnt address gives way: its port (@ref itself, too) is *ret_old,
 * 0: none did.
 * With the lock. 0; -EEXIST: declared for another port, *ret_old; -ENOSPC: its places are taken by
 * declared ones.
 */
int mac_declare(struct mac_table *t, uint64_t key, uint32_t ref, uint32_t *ret_old);

/* Frees the entry, if there is one. With the lock. */
void mac_forget(struct mac_table *t, uint64_t key);

/*
 * Looks at @buckets buckets from *@at on, which goes round and is the caller's own, and frees every entry
 * for which @gone says true (and does its book-keeping). With the lock. Returns how many were freed.
 */
unsigned int mac_sweep(struct mac_table *t, uint32_t *at, unsigned int buckets,
		       bool (*gone)(void *arg, uint64_t key, uint32_t ref, uint32_t until),
		       void *arg);

/* Calls @each for every address. No lock: one that comes or goes meanwhile may be missed. */
void mac_walk(const struct mac_table *t,
	      void (*each)(void *arg, uint64_t key, uint32_t ref, uint32_t until), void *arg);

#endif
