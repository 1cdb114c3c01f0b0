/* SPDX-License-Identifier: Apache-2.0 */
#include "config/node.h"

#include <string.h>

static struct node *
get_part(const struct node *n, const char *key, size_t len)
{
	if (!n || n->kind != NODE_MAP)
		return NULL;
	for (struct node *c = n->first; c; c = c->next)
		if (strncmp(c->key->text, key, len) == 0 && c->key->text[len] == '\0')
			return c;
	return NULL;
}

struct node *
node_get(const struct node *n, const char *key)
{
	return get_part(n, key, strlen(key));
}

struct node *
node_item(const struct node *n, size_t i)
{
	struct node *c;

	if (!n || n->kind != NODE_LIST)
		return NULL;
	for (c = n->first; c && i > 0; i--)
		c = c->next;
	return c;
}

struct node *
node_deepest(struct node *n, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, ".");
		struct node *c = get_part(n, path, len);

		if (!c)
			break;
		n = c;
		path += len + (path[len] == '.');
	}
	return n;
}

struct node *
node_find(const struct node *n, const char *path)
{
	struct node *c = NULL;

	while (*path) {
		size_t len = strcspn(path, ".");

		c = get_part(n, path, len);
		if (!c)
			return NULL;
		n = c;
		path += len + (path[len] == '.');
	}
	return c;
}

bool
node_sound(const struct node *n, const char *path)
{
	while (n && !n->bad && *path) {
		size_t len = strcspn(path, ".");

		n = get_part(n, path, len);
		path += len + (path[len] == '.');
	}
	return !n || !n->bad;
}

const char *
node_text(const struct node *n)
{
	return n && n->kind == NODE_SCALAR && !n->null ? n->text : NULL;
}
