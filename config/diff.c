/* SPDX-License-Identifier: Apache-2.0 */
#include "config/diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/bind.h"
#include "config/schema.h"
#include "config/text.h"
#include "config/types.h"
#include "config/types_net.h"

#define PATH_LEN 512

struct differ {
	const struct site *before, *after;
	char who[2 * NAME_MAX_LEN];
	char path[PATH_LEN];
	struct config_change *change; /* owned until handed on */
	size_t n, room;
	int error;
};

static void diff_object(struct differ *d, const struct config_schema *s, const char *a,
			const char *b);

static char *
copy(struct differ *d, const char *text)
{
	char *p = text ? strdup(text) : NULL;

	if (text && !p)
		d->error = -ENOMEM;
	return p;
}

static void
add(struct differ *d, const char *before, const char *after)
{
	struct config_change *more;

	if (d->n == d->room) {
		more = realloc(d->change, (d->room * 2 + 16) * sizeof(*more));
		if (!more) {
			d->error = -ENOMEM;
			return;
		}
		d->change = more;
		d->room = d->room * 2 + 16;
	}
	d->change[d->n++] = (struct config_change){.who = copy(d, d->who),
						   .path = copy(d, d->path),
						   .before = copy(d, before),
						   .after = copy(d, after)};
}

static const char *
text_at(const struct config_key *k, const char *base)
{
	const char *text;

	memcpy(&text, base + k->offset, sizeof(text));
	return text;
}

static void
print_labels(const struct config_key *k, const char *base, FILE *out)
{
	size_t n;

	memcpy(&n, base + k->aux, sizeof(n));
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? ", " : "", base + k->offset + i * NAME_MAX_LEN);
}

static void
print_map(const struct config_key *k, const char *base, FILE *out)
{
	const int *field = (const int *)(const void *)(base + k->offset);

	for (size_t i = 0; i < index_map_size(k); i++)
		if (field[i] >= 0)
			fprintf(out, "%zu: %d ", i, field[i]);
}

/* What @base says under @k, to be freed; NULL without memory. */
static char *
value_of(const struct config_key *k, const char *base, const struct site *site)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (k->type == KEY_LABELS)
		print_labels(k, base, out);
	else if (k->type == KEY_INDEX_MAP)
		print_map(k, base, out);
	else if (type_is_items(k->type))
		type_print_items(k, base + k->offset, out);
	else if (k->type == KEY_TEXT || k->type == KEY_TREE)
		fputs(text_at(k, base), out);
	else
		type_print(k, base, site, out);
	if (fclose(out) == EOF) {
		free(text);
		return NULL;
	}
	return text;
}

static bool
is_told(const struct config_schema *s, const struct config_key *k, const char *base)
{
	bool given = true;

	if (k->flags & (KEY_ONE_OF | KEY_BELONGS))
		return field_load(base + s->tag, s->tag_width) == k->tag;
	if (k->flags & KEY_GIVEN)
		memcpy(&given, base + k->aux, sizeof(given));
	if (k->type == KEY_TEXT || k->type == KEY_TREE)
		given = text_at(k, base) != NULL;
	return given;
}

static void
diff_value(struct differ *d, const struct config_key *k, const char *a, const char *b)
{
	char *before = a ? value_of(k, a, d->before) : NULL;
	char *after = b ? value_of(k, b, d->after) : NULL;

	if ((a && !before) || (b && !after))
		d->error = -ENOMEM;
	else if (!a || !b || strcmp(before, after) != 0)
		add(d, before, after);
	free(before);
	free(after);
}

/* The name of a list's item, or NULL: items of such a list are known by their number. */
static const char *
item_name(const struct config_schema *s, const char *item)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->key[i].name, "name") == 0 && s->key[i].type == KEY_LABEL)
			return item + s->key[i].offset;
	return NULL;
}

struct list {
	const char *items;
	size_t n;
};

static struct list
list_of(const struct config_key *k, const char *base)
{
	struct list l = {0};

	if (base) {
		memcpy(&l.items, base + k->offset, sizeof(l.items));
		memcpy(&l.n, base + k->aux, sizeof(l.n));
	}
	return l;
}

/* The item of @l that is the same as number @i, whose name is @name. */
static const char *
twin_of(const struct config_schema *s, const struct list *l, size_t i, const char *name)
{
	if (!name)
		return i < l->n ? l->items + i * s->size : NULL;
	for (size_t k = 0; k < l->n; k++)
		if (strcmp(item_name(s, l->items + k * s->size), name) == 0)
			return l->items + k * s->size;
	return NULL;
}

static void
diff_item(struct differ *d, const struct config_schema *s, size_t i, const char *a, const char *b)
{
	const char *name = item_name(s, a ? a : b);
	size_t len = strlen(d->path);

	if (name)
		snprintf(d->path + len, sizeof(d->path) - len, ".%s", name);
	else
		snprintf(d->path + len, sizeof(d->path) - len, ".%zu", i + 1);
	if (a && b)
		diff_object(d, s, a, b);
	else
		add(d, a ? s->what : NULL, b ? s->what : NULL);
	d->path[len] = '\0';
}

static void
diff_list(struct differ *d, const struct config_key *k, const char *a, const char *b)
{
	struct list x = list_of(k, a), y = list_of(k, b);

	for (size_t i = 0; i < x.n; i++) {
		const char *item = x.items + i * k->sub->size;

		diff_item(d, k->sub, i, item, twin_of(k->sub, &y, i, item_name(k->sub, item)));
	}
	for (size_t i = 0; i < y.n; i++) {
		const char *item = y.items + i * k->sub->size;

		if (!twin_of(k->sub, &x, i, item_name(k->sub, item)))
			diff_item(d, k->sub, i, NULL, item);
	}
}

/* @a or @b is NULL where the key is not there. */
static void
diff_key(struct differ *d, const struct config_key *k, const char *a, const char *b)
{
	size_t len = strlen(d->path);

	snprintf(d->path + len, sizeof(d->path) - len, "%s%s", len ? "." : "", k->name);
	if (k->type == KEY_LIST)
		diff_list(d, k, a, b);
	else if (k->type == KEY_OBJECT && a && b)
		diff_object(d, k->sub, a, b);
	else if (k->type == KEY_OBJECT)
		add(d, a ? k->name : NULL, b ? k->name : NULL);
	else
		diff_value(d, k, a, b);
	d->path[len] = '\0';
}

static void
diff_object(struct differ *d, const struct config_schema *s, const char *a, const char *b)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct config_key *k = &s->key[i];
		bool in_a = k->type != KEY_LATER && is_told(s, k, a);
		bool in_b = k->type != KEY_LATER && is_told(s, k, b);

		/* A tag of the documents themselves, which is not stored. */
		if ((k->type == KEY_ENUM && !k->width) || (!in_a && !in_b))
			continue;
		diff_key(d, k, in_a ? a : NULL, in_b ? b : NULL);
	}
}

static const char *
document_name(int kind, const void *doc)
{
	if (kind == KIND_HOST)
		return ((const struct site_host *)doc)->name;
	return kind == KIND_NETWORK ? ((const struct site_network *)doc)->name
				    : ((const struct site_vnf *)doc)->name;
}

static const void *
find_document(int kind, const char *docs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(document_name(kind, docs + i * config_kind[kind].schema.size), name) ==
		    0)
			return docs + i * config_kind[kind].schema.size;
	return NULL;
}

static void
diff_documents(struct differ *d, int kind, const void *before, size_t n, const void *after,
	       size_t m)
{
	const struct config_schema *s = &config_kind[kind].schema;

	for (size_t i = 0; i < n + m; i++) {
		bool old = i < n;
		const char *doc = old ? (const char *)before + i * s->size
				      : (const char *)after + (i - n) * s->size;
		const char *name = document_name(kind, doc);
		const char *twin = old ? find_document(kind, after, m, name)
				       : find_document(kind, before, n, name);

		snprintf(d->who, sizeof(d->who), "%s %s", config_kind[kind].who, name);
		if (old && twin)
			diff_object(d, s, doc, twin);
		else if (!twin)
			add(d, old ? config_kind[kind].who : NULL,
			    old ? NULL : config_kind[kind].who);
	}
}

int
config_diff(const struct site *before, const struct site *after, struct config_change **ret,
	    size_t *ret_n)
{
	struct differ d = {.before = before, .after = after};

	snprintf(d.who, sizeof(d.who), "host %s", before->host.name);
	diff_object(&d, &config_kind[KIND_HOST].schema, (const char *)&before->host,
		    (const char *)&after->host);
	diff_documents(&d, KIND_NETWORK, before->networks, before->n_networks, after->networks,
		       after->n_networks);
	diff_documents(&d, KIND_VNF, before->vnfs, before->n_vnfs, after->vnfs, after->n_vnfs);
	if (d.error < 0) {
		config_changes_free(d.change, d.n);
		return d.error;
	}
	*ret = d.change;
	*ret_n = d.n;
	return 0;
}

void
config_changes_free(struct config_change *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(c[i].who);
		free(c[i].path);
		free(c[i].before);
		free(c[i].after);
	}
	free(c);
}
