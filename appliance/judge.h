/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a changed declaration would mean for the site that runs: what can be done while everything runs,
 * and what cannot, in words. Pure.
 */
#ifndef CORELANE_APPLIANCE_JUDGE_H
#define CORELANE_APPLIANCE_JUDGE_H

#include <stdbool.h>

#include "config/diff.h"
#include "config/site.h"

struct judged {
	struct config_change *change; /* owned */
	const char **needs;           /* for each: why it cannot be done now; NULL: it can; owned */
	size_t n, n_refused;
};

/* 0 or -ENOMEM. @ret is freed with judged_free(). */
int judge(const struct site *before, const struct site *after, struct judged *ret);
void judged_free(struct judged *j);

#endif
