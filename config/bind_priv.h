/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the engine share. Private to config/bind*.c. */
#ifndef CORELANE_CONFIG_BIND_PRIV_H
#define CORELANE_CONFIG_BIND_PRIV_H

#include "config/bind.h"

struct binder {
	struct problems *p;
	struct arena *store; /* of the site: texts that it points to */
	char who[256];
};

#define complain(b, n, ...)                                                                        \
	do {                                                                                       \
		problem_add((b)->p, (n)->file, &(n)->where, (b)->who, __VA_ARGS__);                \
		(n)->bad = true;                                                                   \
	} while (0)

/* Whether @n, when it is there, has the kind that is wanted. Nothing written counts as empty. */
bool bind_has_kind(struct binder *b, const char *name, enum node_kind kind, struct node *n);

/* Lists of frames' things: types_net.h. */
void bind_items(struct binder *b, const struct config_key *k, struct node *n, void *base);

/* KEY_TEXT, KEY_TREE and KEY_LABELS. 0 or -ENOMEM. */
int bind_text(struct binder *b, const struct config_key *k, struct node *n, void *base);
int bind_tree(struct binder *b, const struct config_key *k, struct node *n, void *base);
void bind_labels(struct binder *b, const struct config_key *k, struct node *n, void *base);

#endif
