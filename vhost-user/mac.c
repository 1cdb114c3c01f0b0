/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/mac.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Under the lock nobody else writes, but for mac_refresh(), so what is read stays. */
#define GET(at)    atomic_load_explicit(&(at), memory_order_relaxed)
#define PUT(at, v) atomic_store_explicit(&(at), v, memory_order_release)

struct place {
	struct mac_bucket *b;
	uint32_t way;
};

uint64_t
mac_key_of(const uint8_t mac[6], uint16_t domain)
{
	uint64_t v = 0;

	memcpy(&v, mac, 6);
	return mac_key(v, domain);
}

int
mac_table_init(struct mac_table *t, uint32_t entries, uint64_t seed0, uint64_t seed1)
{
	uint32_t buckets = 1;
	size_t bytes;

	if (entries < MAC_TABLE_MIN || entries > MAC_TABLE_MAX)
		return -EINVAL;
	while (buckets * MAC_WAYS < 2 * entries)
		buckets *= 2;
	bytes = buckets * sizeof(struct mac_bucket);
	memset(t, 0, sizeof(*t));
	t->bucket = aligned_alloc(sizeof(struct mac_bucket), bytes);
	if (!t->bucket)
		return -ENOMEM;
	memset(t->bucket, 0, bytes);
	t->mask = buckets - 1;
	t->seed[0] = seed0;
	/* odd, and with a high bit: every bit of the key counts */
	t->seed[1] = seed1 | 1 | UINT64_C(1) << 63;
	t->version = 1;
	return 0;
}

void
mac_table_fini(struct mac_table *t)
{
	free(t->bucket);
	t->bucket = NULL;
}

bool
mac_trylock(struct mac_table *t)
{
	/* acquire: pairs with mac_unlock(), so that the last holder's changes are seen */
	return atomic_load_explicit(&t->lock, memory_order_relaxed) == 0 &&
	       atomic_exchange_explicit(&t->lock, 1, memory_order_acquire) == 0;
}

void
mac_lock(struct mac_table *t)
{
	while (!mac_trylock(t))
		sched_yield();
}

void
mac_unlock(struct mac_table *t)
{
	atomic_store_explicit(&t->lock, 0, memory_order_release);
}

/* The key is cleared first and written last: see struct mac_bucket. */
static void
write_entry(const struct place *at, uint64_t key, uint32_t ref, uint32_t until)
{
	PUT(at->b->key[at->way], 0);
	PUT(at->b->ref[at->way], ref);
	PUT(at->b->until[at->way], until);
	PUT(at->b->key[at->way], key);
}

static unsigned int
count_free(const struct mac_bucket *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < MAC_WAYS; i++)
		n += GET(b->key[i]) == 0;
	return n;
}

static bool
free_way(struct mac_bucket *b, struct place *ret)
{
	for (uint32_t i = 0; i < MAC_WAYS; i++) {
		if (GET(b->key[i]) != 0)
			continue;
		*ret = (struct place){.b = b, .way = i};
		return true;
	}
	return false;
}

/*
 * The first bucket while at most one place of it is taken, since that is where look-ups begin; then
 * the emptier one. With half of the table full, one address in 30,000 finds no place.
 */
static bool
find_free(struct mac_bucket *first, struct mac_bucket *second, struct place *ret)
{
	unsigned int n = count_free(first);

	if (n >= MAC_WAYS - 1 || n >= count_free(second))
		return free_way(first, ret);
	return free_way(second, ret);
}

/* The learnt entry of @ref (0: of anybody) in @b that ends first, when earlier than *best's. */
static void
find_oldest(struct mac_bucket *b, uint32_t ref, struct place *best)
{
	for (uint32_t i = 0; i < MAC_WAYS; i++) {
		uint32_t owner = GET(b->ref[i]), until = GET(b->until[i]);

		if ((owner & MAC_DECLARED) || (ref && owner != ref))
			continue;
		if (!best->b || until < GET(best->b->until[best->way]))
			*best = (struct place){.b = b, .way = i};
	}
}

static enum mac_learn
insert(struct mac_table *t, uint64_t key, uint32_t ref, uint32_t until)
{
	uint64_t h = mac_hash(t, key);
	struct place at = {0};

	if (find_free(mac_first(t, h), mac_second(t, h), &at)) {
		write_entry(&at, key, ref, until);
		return MAC_NEW;
	}
	find_oldest(mac_first(t, h), ref, &at);
	find_oldest(mac_second(t, h), ref, &at);
	if (!at.b)
		return MAC_FULL;
	write_entry(&at, key, ref, until);
	return MAC_REPLACED;
}

enum mac_learn
mac_learn(struct mac_table *t, uint64_t key, uint32_t ref, uint32_t until, uint32_t *ret_old)
{
	struct mac_found f = mac_find(t, key);
	enum mac_learn result;

	if (mac_owner(&f) == ref) {
		mac_refresh(&f, until);
		return MAC_KNOWN;
	}
	if (f.ref & MAC_DECLARED)
		return MAC_HELD;
	if (f.ref) {
		*ret_old = f.ref;
		PUT(f.bucket->ref[f.way], ref);
		PUT(f.bucket->until[f.way], until);
		mac_changed(t);
		return MAC_MOVED;
	}
	result = insert(t, key, ref, until);
	if (result != MAC_FULL)
		mac_changed(t);
	return result;
}

int
mac_declare(struct mac_table *t, uint64_t key, uint32_t ref, uint32_t *ret_old)
{
	struct mac_found f = mac_find(t, key);
	uint64_t h = mac_hash(t, key);
	struct place at = {0};
	uint32_t old = f.ref;

	if (f.ref & MAC_DECLARED) {
		*ret_old = mac_owner(&f) == ref ? 0 : mac_owner(&f);
		return *ret_old ? -EEXIST : 0;
	}
	if (f.ref) {
		at = (struct place){.b = f.bucket, .way = f.way};
	} else if (!find_free(mac_first(t, h), mac_second(t, h), &at)) {
		find_oldest(mac_first(t, h), 0, &at);
		find_oldest(mac_second(t, h), 0, &at);
		if (!at.b)
			return -ENOSPC;
		old = GET(at.b->ref[at.way]);
	}
	write_entry(&at, key, ref | MAC_DECLARED, 0);
	mac_changed(t);
	*ret_old = old;
	return 0;
}

void
mac_forget(struct mac_table *t, uint64_t key)
{
	struct mac_found f = mac_find(t, key);

	if (!f.ref)
		return;
	PUT(f.bucket->key[f.way], 0);
	mac_changed(t);
}

unsigned int
mac_sweep(struct mac_table *t, uint32_t *at, unsigned int buckets,
	  bool (*gone)(void *arg, uint64_t key, uint32_t ref, uint32_t until), void *arg)
{
	unsigned int freed = 0;

	for (unsigned int n = 0; n < buckets; n++) {
		struct mac_bucket *b = &t->bucket[*at & t->mask];

		*at = (*at + 1) & t->mask;
		for (unsigned int i = 0; i < MAC_WAYS; i++) {
			uint64_t key = GET(b->key[i]);

			if (key == 0 || !gone(arg, key, GET(b->ref[i]), GET(b->until[i])))
				continue;
			PUT(b->key[i], 0);
			freed++;
		}
	}
	if (freed)
		mac_changed(t);
	return freed;
}

void
mac_walk(const struct mac_table *t,
	 void (*each)(void *arg, uint64_t key, uint32_t ref, uint32_t until), void *arg)
{
	for (uint32_t n = 0; n <= t->mask; n++) {
		for (unsigned int i = 0; i < MAC_WAYS; i++) {
			struct mac_found f;
			uint64_t key = GET(t->bucket[n].key[i]);

			if (key && mac_in_bucket(&t->bucket[n], key, &f))
				each(arg, key, f.ref, f.until);
		}
	}
}
