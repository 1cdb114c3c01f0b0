/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML file as a small tree that remembers where every key and value was written. Bounded in
 * every direction, since whoever wrote the file may be hostile. No anchors, aliases or tags: a
 * declaration says what it says.
 */
#ifndef CORELANE_CONFIG_NODE_H
#define CORELANE_CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/arena.h"
#include "config/problem.h"
#include "config/site.h"

#define NODE_DEPTH_MAX 64
#define NODE_COUNT_MAX 262144u /* in all files of a load */
#define NODE_KEYS_MAX  256u    /* in one mapping */

enum node_kind { NODE_SCALAR, NODE_MAP, NODE_LIST };

struct node {
	enum node_kind kind;
	bool plain;        /* a scalar without quotes */
	bool null;         /* a plain scalar "", "~" or "null" */
	bool bad;          /* complained about already: says nothing about what was meant */
	unsigned int file; /* number of its file in this load */
	struct where where;
	const char *text;       /* NODE_SCALAR: without NUL bytes inside */
	const struct node *key; /* child of a NODE_MAP: its key */
	struct node *first, *last, *next;
	size_t n; /* children */
};

/*
 * Reads every document of @size bytes. The roots come as children of *@ret, a NODE_LIST made in
 * @arena; @file_name must live as long as the tree. Problems are added to @p; what could be read
 * before a fatal one is still returned, and p->cut_short is set. Each node is taken from *@budget,
 * and none is made when that is 0. 0 or -ENOMEM.
 */
int node_read(const char *file_name, const void *data, size_t size, struct arena *arena,
	      size_t *budget, struct problems *p, struct node **ret);

/* The child of a mapping under @key, or NULL. @n may be NULL. */
struct node *node_get(const struct node *n, const char *key);

/* The @i-th child of a list, or NULL. @n may be NULL. */
struct node *node_item(const struct node *n, size_t i);

/* Follows "a.b.c" from @n; NULL when any part is missing. */
struct node *node_find(const struct node *n, const char *path);

/* As node_find(), but stops at the deepest part that is there, at least @n itself. */
struct node *node_deepest(struct node *n, const char *path);

/* Whether what stands at @path, if anything, was understood. */
bool node_sound(const struct node *n, const char *path);

/* The text of a scalar, or NULL for anything else. */
const char *node_text(const struct node *n);

#endif
