/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are larger than a field: texts, trees that we do not know, lists of names. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/port.h"
#include "config/bind_priv.h"
#include "config/json.h"
#include "config/text.h"
#include "config/types.h"
#include "config/types_net.h"
#include "config/value.h"

/* Room for @len bytes of @k's text in the store; NULL after a complaint, or without memory. */
static char *
make_room(struct binder *b, const struct config_key *k, struct node *n, size_t len)
{
	if (len <= (size_t)k->max)
		return arena_alloc(b->store, len + 1);
	complain(b, n, "%s is %zu bytes long; at most %" PRId64 " are possible", k->name, len,
		 k->max);
	return NULL;
}

int
bind_text(struct binder *b, const struct config_key *k, struct node *n, void *base)
{
	char *kept;
	size_t len;

	if (!n || !bind_has_kind(b, k->name, NODE_SCALAR, n) || n->null)
		return 0;
	if (!text_is_lines(n->text, strlen(n->text))) {
		complain(b, n, "%s holds an invisible character", k->name);
		return 0;
	}
	len = strlen(n->text);
	if (len == 0)
		return 0;
	kept = make_room(b, k, n, len);
	if (!kept)
		return n->bad ? 0 : -ENOMEM;
	memcpy(kept, n->text, len);
	memcpy((char *)base + k->offset, &kept, sizeof(kept));
	return 0;
}

/* Whether all below @n can be handed on. At most NODE_DEPTH_MAX deep. */
static bool
check_tree(struct binder *b, const struct config_key *k, struct node *n)
{
	bool good = !n->bad;

	if (good && n->kind == NODE_SCALAR && !text_is_lines(n->text, strlen(n->text)))
		complain(b, n, "%s holds an invisible character", k->name);
	if (good && n->key && strlen(n->key->text) > JSON_KEY_MAX)
		complain(b, n, "%s has a key of more than %u bytes", k->name, JSON_KEY_MAX);
	else if (good && n->key && !text_is_lines(n->key->text, strlen(n->key->text)))
		complain(b, n, "%s has a key with an invisible character", k->name);
	good = !n->bad;
	for (struct node *c = n->first; c; c = c->next)
		good = check_tree(b, k, c) && good;
	return good;
}

int
bind_tree(struct binder *b, const struct config_key *k, struct node *n, void *base)
{
	char *kept;

	if (!n || !bind_has_kind(b, k->name, NODE_MAP, n) || n->null || !check_tree(b, k, n))
		return 0;
	kept = make_room(b, k, n, json_write(n, NULL));
	if (!kept)
		return n->bad ? 0 : -ENOMEM;
	json_write(n, kept);
	memcpy((char *)base + k->offset, &kept, sizeof(kept));
	return 0;
}

/* How many items the field of @k holds. */
static size_t
items_max(const struct config_key *k)
{
	switch (k->type) {
	case KEY_MACS:
		return k->width / 6;
	case KEY_IPS:
		return k->width / sizeof(struct port_ip);
	default:
		return VLAN_MAX;
	}
}

void
bind_items(struct binder *b, const struct config_key *k, struct node *n, void *base)
{
	char why[COMPLAINT_LEN];

	if (!n || !bind_has_kind(b, k->name, NODE_LIST, n))
		return;
	if (n->n > items_max(k)) {
		complain(b, n, "%s has %zu items; at most %zu are possible", k->name, n->n,
			 items_max(k));
		return;
	}
	for (struct node *c = n->first; c; c = c->next) {
		if (c->null)
			complain(b, c, "%s has an item without a value", k->name);
		else if (bind_has_kind(b, k->name, NODE_SCALAR, c) &&
			 type_add_item(k, c->text, (char *)base + k->offset, why) < 0)
			complain(b, c, "%s %s", k->name, why);
	}
}

static bool
is_twin(const char *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names + i * NAME_MAX_LEN, name) == 0)
			return true;
	return false;
}

void
bind_labels(struct binder *b, const struct config_key *k, struct node *n, void *base)
{
	char *names = (char *)base + k->offset, quoted[QUOTED_LEN];
	size_t count = 0;

	if (!n || !bind_has_kind(b, k->name, NODE_LIST, n))
		return;
	if (n->n > (size_t)k->max) {
		complain(b, n, "%s has %zu items; at most %" PRId64 " are possible", k->name, n->n,
			 k->max);
		return;
	}
	for (struct node *c = n->first; c; c = c->next) {
		if (!bind_has_kind(b, k->name, NODE_SCALAR, c))
			continue;
		if (!value_is_label(c->text))
			complain(
				b, c,
				"%s: %s is not a name of a-z, 0-9 and inner \"-\", at most 63 long",
				k->name, text_quote(c->text, quoted));
		else if (is_twin(names, count, c->text))
			complain(b, c, "%s has %s twice", k->name, c->text);
		else
			memcpy(names + count++ * NAME_MAX_LEN, c->text, strlen(c->text) + 1);
	}
	memcpy((char *)base + k->aux, &count, sizeof(count));
}
