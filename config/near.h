/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean ...?": the known word with the smallest edit distance to what was written.
 */
#ifndef CORELANE_CONFIG_NEAR_H
#define CORELANE_CONFIG_NEAR_H

#include <stddef.h>

struct near {
	const char *word; /* what was written */
	const char *best; /* borrowed from the candidates; NULL when nothing is near enough */
	size_t best_distance;
};

/* Offers one candidate. The first of several equally near ones stays. */
void near_try(struct near *n, const char *candidate);

#define NEAR_HINT_LEN 96

/* "; did you mean X?", or "" when nothing was near enough. Returns @buf. */
const char *near_hint(const struct near *n, char buf[NEAR_HINT_LEN]);

#endif
