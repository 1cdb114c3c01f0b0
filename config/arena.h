/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is given back all at once: the node tree of a load, and the file names of a site.
 */
#ifndef CORELANE_CONFIG_ARENA_H
#define CORELANE_CONFIG_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *last;
};

/* Zeroed, aligned for any type, valid until arena_free(). NULL when there is no memory. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy of @len bytes of @text with a NUL after them. NULL when there is no memory. */
char *arena_text(struct arena *a, const char *text, size_t len);

void arena_free(struct arena *a);

#endif
