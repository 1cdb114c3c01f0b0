/* SPDX-License-Identifier: Apache-2.0 */
#include "config/near.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define WORD_MAX 64

/*
 * Optimal string alignment distance (Levenshtein with swaps of neighbours), without regard to
 * case, of words of at most WORD_MAX bytes. Stops early when it must exceed @limit.
 */
static size_t
distance(const char *a, size_t na, const char *b, size_t nb, size_t limit)
{
	size_t row[3][WORD_MAX + 1];

	for (size_t j = 0; j <= nb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
		size_t least = i;

		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			int ca = tolower((unsigned char)a[i - 1]);
			int cb = tolower((unsigned char)b[j - 1]);
			size_t d = MIN_OF(MIN_OF(up[j], now[j - 1]) + 1, up[j - 1] + (ca != cb));

			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]))
				d = MIN_OF(d, up2[j - 2] + 1);
			now[j] = d;
			least = MIN_OF(least, d);
		}
		if (least > limit)
			return least;
	}
	return row[na % 3][nb];
}

void
near_try(struct near *n, const char *candidate)
{
	size_t na = strlen(n->word), nb = strlen(candidate), limit, d;

	/* A third of the longer word wrong is the most that still looks like a slip. */
	limit = MAX_OF((size_t)1, MAX_OF(na, nb) / 3);
	if (na > WORD_MAX || nb > WORD_MAX || na > nb + limit || nb > na + limit)
		return;
	d = distance(n->word, na, candidate, nb, limit);
	if (d > limit || (n->best && d >= n->best_distance))
		return;
	n->best = candidate;
	n->best_distance = d;
}

const char *
near_hint(const struct near *n, char buf[NEAR_HINT_LEN])
{
	if (!n->best)
		return "";
	snprintf(buf, NEAR_HINT_LEN, "; did you mean %s?", n->best);
	return buf;
}
