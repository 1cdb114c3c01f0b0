/* SPDX-License-Identifier: Apache-2.0 */
#include "config/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define BLOCK_SIZE 16384u

struct arena_block {
	struct arena_block *previous;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

static struct arena_block *
add_block(struct arena *a, size_t want)
{
	size_t size = MAX_OF(want, (size_t)BLOCK_SIZE);
	struct arena_block *b = calloc(1, sizeof(*b) + size);

	if (!b)
		return NULL;
	b->size = size;
	b->previous = a->last;
	a->last = b;
	return b;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	size_t want = (size_t)align_up(size, alignof(max_align_t));
	struct arena_block *b = a->last;
	void *p;

	if (!b || b->size - b->used < want)
		b = add_block(a, want);
	if (!b)
		return NULL;
	p = b->bytes + b->used;
	b->used += want;
	return p;
}

char *
arena_text(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	if (copy && len > 0)
		memcpy(copy, text, len);
	return copy;
}

void
arena_free(struct arena *a)
{
	while (a->last) {
		struct arena_block *b = a->last;

		a->last = b->previous;
		free(b);
	}
}
