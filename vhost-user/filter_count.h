/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of a list of rules: one a name, older than the list when the name is. */
#ifndef CORELANE_VHOST_USER_FILTER_COUNT_H
#define CORELANE_VHOST_USER_FILTER_COUNT_H

#include <stdint.h>

#include "base/filter.h"
#include "vhost-user/swport.h"

struct filter_counter {
	counter_t packets, bytes;
	uint32_t refs; /* lists that it is in; control thread */
	char name[FILTER_NAME_LEN];
};

struct filter_counters {
	uint32_t n;
	struct filter_counter **rule;   /* by rule number */
	struct filter_counter **listed; /* each once */
};

/* All zero before. @old: whose counters go on, or NULL. 0 or -ENOMEM: then fini() all the same. */
int filter_counters_init(struct filter_counters *c, const struct filter_rule *rules, uint32_t n,
			 const struct filter_counters *old);
void filter_counters_fini(struct filter_counters *c);

#endif
