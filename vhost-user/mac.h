/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address table: (broadcast domain, MAC) to port, of a fixed size, written and read by the
 * polling thread only. No allocation after mac_table_init(), no clock, no I/O.
 *
 * Each key has two buckets of one cache line, chosen by a hash keyed with random numbers, so that a
 * guest cannot aim at a bucket. When both are full, a port may only push out an address of its own:
 * a guest that floods addresses forgets its own, not its neighbours'.
 */
#ifndef CORELANE_VHOST_USER_MAC_H
#define CORELANE_VHOST_USER_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_BUCKET_ENTRIES 4
#define MAC_TABLE_MIN      64
#define MAC_TABLE_MAX      (1u << 22)

struct mac_entry {
	uint64_t key;  /* mac_key(); 0: free */
	uint32_t ref;  /* whose: struct swport.ref */
	uint32_t seen; /* coarse seconds */
};

struct mac_bucket {
	struct mac_entry e[MAC_BUCKET_ENTRIES];
} __attribute__((aligned(64)));

struct mac_table {
	struct mac_bucket *bucket;
	uint32_t mask; /* buckets - 1 */
	uint32_t sweep;
	uint64_t seed[2];
	uint64_t
		version; /* changes whenever an answer may: copies of answers are checked against it */
};

enum mac_learn {
	MAC_KNOWN,    /* refreshed */
	MAC_NEW,      /* *ret_old is 0 */
	MAC_REPLACED, /* new; the port's own oldest address had to go */
	MAC_MOVED,    /* *ret_old is the port it was behind */
	MAC_FULL,     /* not learnt */
};

/* 64 bits of table key: the address as it stands in the frame, little-endian, and the domain above. */
static inline uint64_t
mac_key(uint64_t mac48, uint16_t domain)
{
	return mac48 | (uint64_t)domain << 48;
}

/*
 * Room for @entries addresses: twice as many places, at least, so that (nearly) all of them find one.
 * 0, -EINVAL outside MAC_TABLE_MIN..MAX, -ENOMEM. The memory is touched here, so that it is there when
 * the polling thread needs it.
 */
int mac_table_init(struct mac_table *t, uint32_t entries, uint64_t seed0, uint64_t seed1);
void mac_table_fini(struct mac_table *t);

static inline uint64_t
mac_hash(const struct mac_table *t, uint64_t key)
{
	__uint128_t p = (__uint128_t)(key ^ t->seed[0]) * t->seed[1];
	uint64_t h = (uint64_t)p ^ (uint64_t)(p >> 64);

	/* once more: addresses that count up would otherwise crowd together */
	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static inline struct mac_entry *
mac_in_bucket(struct mac_bucket *b, uint64_t key)
{
	for (unsigned int i = 0; i < MAC_BUCKET_ENTRIES; i++)
		if (b->e[i].key == key)
			return &b->e[i];
	return NULL;
}

/* The entry, however old, or NULL. @key is not 0. */
static inline struct mac_entry *
mac_find(struct mac_table *t, uint64_t key)
{
	uint64_t h = mac_hash(t, key);
	struct mac_entry *e = mac_in_bucket(&t->bucket[h & t->mask], key);

	return e ? e : mac_in_bucket(&t->bucket[(h >> 32) & t->mask], key);
}

/* @key was seen behind @ref at @now. */
enum mac_learn mac_learn(struct mac_table *t, uint64_t key, uint32_t ref, uint32_t now,
			 uint32_t *ret_old);

/*
 * Looks at the next @buckets buckets and frees every entry for which @gone says true (and does its
 * book-keeping). Returns how many were freed.
 */
unsigned int mac_sweep(struct mac_table *t, unsigned int buckets,
		       bool (*gone)(void *arg, const struct mac_entry *e), void *arg);

#endif
