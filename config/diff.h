/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two declarations say differently, key by key: walked by the table that read them, so that no
 * key can be forgotten. What a change means is judged elsewhere.
 */
#ifndef CORELANE_CONFIG_DIFF_H
#define CORELANE_CONFIG_DIFF_H

#include <stddef.h>

#include "config/site.h"

/*
 * One difference. Paths are those of a declaration, with the names of list items in their places:
 * "vnf fw1", "spec.interfaces.lan.switch.vlan". Whole documents and list items that are only on one
 * side have no key of their own below: path "" or "spec.interfaces.lan", and one of before, after NULL.
 */
struct config_change {
	char *who, *path;     /* owned */
	char *before, *after; /* as YAML would say it; NULL: not there; owned */
};

/* In the order of keys, as @before has its documents, then new ones. 0 or -ENOMEM. */
int config_diff(const struct site *before, const struct site *after, struct config_change **ret,
		size_t *ret_n);
void config_changes_free(struct config_change *c, size_t n);

#endif
