/* SPDX-License-Identifier: Apache-2.0 */
/* One rule from keys and values that do not stand in a file, in the words of a declaration's filter. */
#ifndef CORELANE_CONFIG_RULE_H
#define CORELANE_CONFIG_RULE_H

#include "config/site.h"

#define RULE_WHY_LEN 512

/* Everything any. */
void rule_init(struct site_rule *r);
/* -EINVAL with a sentence in @why: there is no such key, or the value is none of its kind. */
int rule_set(struct site_rule *r, const char *key, const char *value, char why[RULE_WHY_LEN]);
/* Makes r->rule whole. -EINVAL with a sentence in @why: it contradicts itself. */
int rule_finish(struct site_rule *r, char why[RULE_WHY_LEN]);

#endif
