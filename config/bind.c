/* SPDX-License-Identifier: Apache-2.0 */
#include "config/bind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "config/bind_priv.h"
#include "config/near.h"
#include "config/text.h"
#include "config/types.h"
#include "config/value.h"

static const char *const kind_words[] = {
	[NODE_SCALAR] = "a single value", [NODE_MAP] = "a mapping", [NODE_LIST] = "a list"};

static int bind_object(struct binder *b, const struct config_schema *s, struct node *n, void *base);

static const struct config_key *
find_key(const struct config_schema *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->key[i].name, name) == 0)
			return &s->key[i];
	return NULL;
}

bool
bind_has_kind(struct binder *b, const char *name, enum node_kind kind, struct node *n)
{
	if (!n || n->bad)
		return false;
	if (n->null)
		return true;
	if (n->kind != kind)
		complain(b, n, "%s is %s; %s is wanted", name, kind_words[n->kind],
			 kind_words[kind]);
	return !n->bad;
}

static void
refuse_key(struct binder *b, const struct config_schema *s, const struct node *key)
{
	const struct config_key *k = find_key(s, key->text);
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = key->text};

	if (k && k->type != KEY_LATER)
		return;
	if (k) {
		problem_add(b->p, key->file, &key->where, b->who,
			    "key %s in %s (%s) is not supported yet", k->name, s->what, k->help);
		return;
	}
	for (size_t i = 0; i < s->n; i++)
		near_try(&near, s->key[i].name);
	problem_add(b->p, key->file, &key->where, b->who, "unknown key %s in %s%s",
		    text_quote(key->text, quoted), s->what, near_hint(&near, hint));
}

static void
bind_scalar(struct binder *b, const struct config_key *k, struct node *n, void *base)
{
	char why[COMPLAINT_LEN];

	/* A default fills the field first: a refused value leaves something sane behind. */
	if (k->dflt)
		type_parse(k, k->dflt, base, why);
	if (!n)
		return;
	if (n->null)
		complain(b, n, "%s has no value", k->name);
	else if (bind_has_kind(b, k->name, NODE_SCALAR, n) && type_parse(k, n->text, base, why) < 0)
		complain(b, n, "%s %s", k->name, why);
}

size_t
index_map_size(const struct config_key *k)
{
	return k->width / sizeof(int);
}

/* One "0: 4" of an index map. */
static void
bind_index(struct binder *b, const struct config_key *k, struct node *n, int *field)
{
	char quoted[QUOTED_LEN];
	int64_t i, v = 0;

	if (value_number(n->key->text, &i) < 0 || i < 0 || (size_t)i >= index_map_size(k)) {
		complain(b, n, "%s: key %s is not 0..%zu", k->name,
			 text_quote(n->key->text, quoted), index_map_size(k) - 1);
		return;
	}
	if (!bind_has_kind(b, k->name, NODE_SCALAR, n))
		return;
	if (value_number(n->text, &v) < 0 || v < 0 || v > k->max)
		complain(b, n, "%s %" PRId64 ": %s is not 0..%" PRId64, k->name, i,
			 text_quote(n->text, quoted), k->max);
	else
		field[i] = (int)v;
}

static void
bind_index_map(struct binder *b, const struct config_key *k, struct node *n, void *base)
{
	int *field = (int *)(void *)((char *)base + k->offset);
	const char *text = node_text(n);
	char quoted[QUOTED_LEN];

	for (size_t i = 0; i < index_map_size(k); i++)
		field[i] = -1;
	if (!n || n->bad || (text && strcmp(text, "auto") == 0))
		return;
	if (n->kind != NODE_MAP || n->n == 0) {
		complain(b, n, "%s %s is not auto or a mapping such as {0: 4, 1: 5}", k->name,
			 text ? text_quote(text, quoted) : "as written");
		return;
	}
	for (struct node *c = n->first; c; c = c->next)
		bind_index(b, k, c, field);
}

/* "vnf fw1" becomes "vnf fw1, interface lan", or "interface #2" while it has no name. */
static void
name_item(struct binder *b, const struct config_schema *s, const struct node *item, size_t i)
{
	const char *name = node_text(node_get(item, "name"));
	size_t len = strlen(b->who);
	char quoted[QUOTED_LEN];

	if (name)
		snprintf(b->who + len, sizeof(b->who) - len, ", %s %s", s->what,
			 text_quote(name, quoted));
	else
		snprintf(b->who + len, sizeof(b->who) - len, ", %s #%zu", s->what, i + 1);
}

static int
bind_list(struct binder *b, const struct config_key *k, struct node *n, void *base)
{
	size_t outer = strlen(b->who), i = 0;
	char *items;
	int r = 0;

	if (!n || !bind_has_kind(b, k->name, NODE_LIST, n) || n->n == 0)
		return 0;
	if (n->n > (size_t)k->max) {
		complain(b, n, "%s has %zu items; at most %" PRId64 " are possible", k->name, n->n,
			 k->max);
		return 0;
	}
	items = calloc(n->n, k->sub->size);
	if (!items)
		return -ENOMEM;
	memcpy((char *)base + k->offset, &items, sizeof(items));
	memcpy((char *)base + k->aux, &n->n, sizeof(n->n));
	for (struct node *c = n->first; c && r == 0; c = c->next, i++) {
		name_item(b, k->sub, c, i);
		if (c->null)
			complain(b, c, "%s has no value", k->sub->what);
		r = bind_object(b, k->sub, c, items + i * k->sub->size);
		memcpy(items + i * k->sub->size, &c->where, sizeof(c->where));
		b->who[outer] = '\0';
	}
	return r;
}

static int
bind_key(struct binder *b, const struct config_schema *s, const struct config_key *k,
	 struct node *n, void *base)
{
	bool given = n != NULL;

	if ((k->flags & KEY_ONE_OF) && !given)
		return 0;
	if (k->flags & KEY_ONE_OF)
		field_store((char *)base + s->tag, s->tag_width, k->tag);
	if (k->flags & KEY_GIVEN)
		memcpy((char *)base + k->aux, &given, sizeof(given));
	switch (k->type) {
	case KEY_LATER:
		return 0;
	case KEY_INDEX_MAP:
		bind_index_map(b, k, n, base);
		return 0;
	case KEY_LABELS:
		bind_labels(b, k, n, base);
		return 0;
	case KEY_VLANS:
	case KEY_MACS:
	case KEY_IPS:
		bind_items(b, k, n, base);
		return 0;
	case KEY_TEXT:
		return bind_text(b, k, n, base);
	case KEY_TREE:
		return bind_tree(b, k, n, base);
	case KEY_LIST:
		return bind_list(b, k, n, base);
	case KEY_OBJECT:
		return bind_object(b, k->sub, n, base);
	default:
		bind_scalar(b, k, n, base);
		return 0;
	}
}

/* "kernel or probe", the choices of @s. */
static void
list_choices(const struct config_schema *s, char *buf, size_t size)
{
	size_t left = 0, len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < s->n; i++)
		left += (s->key[i].flags & KEY_ONE_OF) != 0;
	for (size_t i = 0; i < s->n; i++) {
		const char *glue = len == 0 ? "" : left == 1 ? " or " : ", ";

		if (!(s->key[i].flags & KEY_ONE_OF))
			continue;
		snprintf(buf + len, size - len, "%s%s", glue, s->key[i].name);
		len = strlen(buf);
		left--;
	}
}

/* Keys that go with another choice than @taken, the one that was made. */
static void
check_belongs(struct binder *b, const struct config_schema *s, struct node *n,
	      const struct node *taken)
{
	const struct config_key *choice = find_key(s, taken->key->text);

	for (const struct node *c = n->first; c; c = c->next) {
		const struct config_key *k = find_key(s, c->key->text);

		if (k && (k->flags & KEY_BELONGS) && k->tag != choice->tag)
			problem_add(b->p, c->key->file, &c->key->where, b->who,
				    "key %s is not for a %s with %s; leave it out", k->name,
				    s->what, choice->name);
	}
}

/* Exactly one choice. One that is only planned counts: that it is refused has been said. */
static void
check_choice(struct binder *b, const struct config_schema *s, struct node *n)
{
	const struct node *taken = NULL;
	bool later = false;
	char choices[128];

	list_choices(s, choices, sizeof(choices));
	for (const struct node *c = n->first; c; c = c->next) {
		const struct config_key *k = find_key(s, c->key->text);

		later |= k && k->type == KEY_LATER;
		if (!k || !(k->flags & KEY_ONE_OF))
			continue;
		if (taken)
			problem_add(b->p, c->key->file, &c->key->where, b->who,
				    "%s has %s and also %s; only one of %s is possible", s->what,
				    taken->key->text, k->name, choices);
		else
			taken = c;
	}
	if (taken)
		check_belongs(b, s, n, taken);
	else if (!later)
		complain(b, n, "%s needs one of %s", s->what, choices);
}

static void
check_required(struct binder *b, const struct config_schema *s, struct node *n)
{
	char quoted[QUOTED_LEN];

	for (size_t i = 0; i < s->n; i++) {
		const struct config_key *k = &s->key[i];

		if ((k->flags & KEY_REQUIRED) && !node_get(n, k->name))
			problem_add(b->p, n->file, &n->where, b->who,
				    "key %s is missing in %s (%s)", text_quote(k->name, quoted),
				    s->what, k->help);
	}
	if (s->tag_width)
		check_choice(b, s, n);
}

/* Checks what @n holds as a whole; the keys come one by one after it. */
static void
check_mapping(struct binder *b, const struct config_schema *s, struct node *n)
{
	for (const struct node *c = n->first; c; c = c->next)
		refuse_key(b, s, c->key);
	check_required(b, s, n);
}

static int
bind_object(struct binder *b, const struct config_schema *s, struct node *n, void *base)
{
	bool given = bind_has_kind(b, s->what, NODE_MAP, n);
	int r;

	if (given)
		check_mapping(b, s, n);
	for (size_t i = 0; i < s->n; i++) {
		const struct config_key *k = &s->key[i];
		struct node *c = given ? node_get(n, k->name) : NULL;

		r = bind_key(b, s, k, c, base);
		if (r < 0)
			return r;
		if (c && (k->flags & KEY_WHERE))
			memcpy((char *)base + k->where, &c->where, sizeof(c->where));
	}
	return 0;
}

int
bind_document(const struct config_schema *s, struct node *n, const char *who, struct problems *p,
	      struct arena *store, void *base)
{
	const struct node *name = node_deepest(n, "metadata.name");
	struct binder b = {.p = p, .store = store};

	snprintf(b.who, sizeof(b.who), "%s", who);
	memcpy(base, &name->where, sizeof(name->where));
	return bind_object(&b, s, n, base);
}
