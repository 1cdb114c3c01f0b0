/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/mac.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
mac_table_init(struct mac_table *t, uint32_t entries, uint64_t seed0, uint64_t seed1)
{
	uint32_t buckets = 1;
	size_t bytes;

	if (entries < MAC_TABLE_MIN || entries > MAC_TABLE_MAX)
		return -EINVAL;
	while (buckets * MAC_BUCKET_ENTRIES < 2 * entries)
		buckets *= 2;
	bytes = buckets * sizeof(struct mac_bucket);
	memset(t, 0, sizeof(*t));
	t->bucket = aligned_alloc(sizeof(struct mac_bucket), bytes);
	if (!t->bucket)
		return -ENOMEM;
	memset(t->bucket, 0, bytes);
	t->mask = buckets - 1;
	t->seed[0] = seed0;
	t->seed[1] = seed1 | 1 |
		     UINT64_C(1) << 63; /* odd, and with a high bit: every bit of key counts */
	t->version = 1;
	return 0;
}

void
mac_table_fini(struct mac_table *t)
{
	free(t->bucket);
	t->bucket = NULL;
}

static unsigned int
count_free(const struct mac_bucket *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < MAC_BUCKET_ENTRIES; i++)
		n += b->e[i].key == 0;
	return n;
}

/*
 * The first bucket while at most one place of it is taken, since that is where look-ups begin; then
 * the emptier one. With half of the table full, one address in 30,000 finds no place. NULL: none.
 */
static struct mac_entry *
free_entry(struct mac_bucket *first, struct mac_bucket *second)
{
	unsigned int n = count_free(first);

	if (n >= MAC_BUCKET_ENTRIES - 1 || n >= count_free(second))
		return n ? mac_in_bucket(first, 0) : NULL;
	return mac_in_bucket(second, 0);
}

/* The one of @ref's entries in @b that was seen longest ago, or @best when that is older. */
static struct mac_entry *
older_own(struct mac_bucket *b, uint32_t ref, struct mac_entry *best)
{
	for (unsigned int i = 0; i < MAC_BUCKET_ENTRIES; i++)
		if (b->e[i].ref == ref && (!best || b->e[i].seen < best->seen))
			best = &b->e[i];
	return best;
}

static enum mac_learn
insert(struct mac_table *t, const struct mac_entry *new)
{
	uint64_t h = mac_hash(t, new->key);
	struct mac_bucket *first = &t->bucket[h & t->mask];
	struct mac_bucket *second = &t->bucket[(h >> 32) & t->mask];
	struct mac_entry *e = free_entry(first, second);

	if (e) {
		*e = *new;
		return MAC_NEW;
	}
	e = older_own(second, new->ref, older_own(first, new->ref, NULL));
	if (!e)
		return MAC_FULL;
	*e = *new;
	return MAC_REPLACED;
}

enum mac_learn
mac_learn(struct mac_table *t, uint64_t key, uint32_t ref, uint32_t now, uint32_t *ret_old)
{
	struct mac_entry *e = mac_find(t, key);
	enum mac_learn result;

	if (e && e->ref == ref) {
		e->seen = now;
		return MAC_KNOWN;
	}
	if (e) {
		*ret_old = e->ref;
		e->ref = ref;
		e->seen = now;
		t->version++;
		return MAC_MOVED;
	}
	result = insert(t, &(struct mac_entry){.key = key, .ref = ref, .seen = now});
	if (result != MAC_FULL)
		t->version++;
	return result;
}

unsigned int
mac_sweep(struct mac_table *t, unsigned int buckets,
	  bool (*gone)(void *arg, const struct mac_entry *e), void *arg)
{
	unsigned int freed = 0;

	for (unsigned int n = 0; n < buckets; n++) {
		struct mac_bucket *b = &t->bucket[t->sweep];

		t->sweep = (t->sweep + 1) & t->mask;
		for (unsigned int i = 0; i < MAC_BUCKET_ENTRIES; i++) {
			if (b->e[i].key == 0 || !gone(arg, &b->e[i]))
				continue;
			b->e[i] = (struct mac_entry){0};
			freed++;
		}
	}
	if (freed)
		t->version++;
	return freed;
}
