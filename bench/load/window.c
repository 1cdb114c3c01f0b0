/* SPDX-License-Identifier: Apache-2.0 */
/* What a window shall do, read from words: "flood seconds=2 size=64 pairs=1000". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "bench/load/load.h"

enum kind { REAL, COUNT, SIZE, PAIRS, FLAG, SEED };

static const struct key {
	const char *name;
	enum kind kind;
	size_t at;
	double min, max;
} keys[] = {
	{"seconds", REAL, offsetof(struct window, seconds), 0.001, 86400},
	{"warmup", REAL, offsetof(struct window, warmup), 0, 3600},
	{"rate", REAL, offsetof(struct window, rate), 1, 1e9},
	{"busy", COUNT, offsetof(struct window, busy), 2, LOAD_PORTS_MAX},
	{"count", COUNT, offsetof(struct window, count), 1, 1000000},
	{"one_way", FLAG, offsetof(struct window, one_way), 0, 1},
	{"c2c", FLAG, offsetof(struct window, c2c), 0, 1},
	{"handover", FLAG, offsetof(struct window, handover), 0, 1},
	{"histogram", FLAG, offsetof(struct window, histogram), 0, 1},
	{"seed", SEED, offsetof(struct window, seed), 0, 1.8e19},
	{"size", SIZE, offsetof(struct window, frames.size), FRAME_MIN, FRAME_MAX},
	{"pairs", PAIRS, offsetof(struct window, frames.pairs), 1, FRAME_HOSTS_MAX},
	{"mesh", FLAG, offsetof(struct window, frames.mesh), 0, 1},
	{"broadcast", FLAG, offsetof(struct window, frames.broadcast), 0, 1},
	{"rewrite", FLAG, offsetof(struct window, frames.rewrite), 0, 1},
	{"gap", REAL, offsetof(struct window, gap), 0, 10},
};

static void
store(struct window *w, const struct key *k, const char *text, double v)
{
	char *at = (char *)w + k->at;

	switch (k->kind) {
	case REAL:
		*(double *)at = v;
		break;
	case COUNT:
		*(unsigned int *)at = (unsigned int)v;
		break;
	case SIZE:
		*(uint16_t *)at = (uint16_t)v;
		break;
	case PAIRS:
		*(uint32_t *)at = (uint32_t)v;
		break;
	case FLAG:
		*(bool *)at = v != 0;
		break;
	case SEED:
		*(uint64_t *)at = strtoull(text, NULL, 0);
		break;
	}
}

static int
parse_word(struct window *w, const char *word, struct err *e)
{
	const char *eq = strchr(word, '=');
	char *end;
	double v;

	for (size_t i = 0; eq && i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];

		if (strlen(k->name) != (size_t)(eq - word) ||
		    memcmp(k->name, word, strlen(k->name)) != 0)
			continue;
		v = strtod(eq + 1, &end);
		if (end == eq + 1 || *end || !(v >= k->min && v <= k->max))
			return err_set(e, EINVAL, "%s: not a number from %g to %g", word, k->min,
				       k->max);
		if (k->kind != REAL && k->kind != SEED && v != (double)(uint64_t)v)
			return err_set(e, EINVAL, "%s: not a whole number", word);
		store(w, k, eq + 1, v);
		return 0;
	}
	return err_set(e, EINVAL, "%s: no such setting of a window", word);
}

int
window_parse(struct window *ret, char *const *words, unsigned int n, struct err *e)
{
	struct window w = {.seconds = 1,
			   .warmup = 0.2,
			   .rate = 100000,
			   .busy = 2,
			   .count = 1,
			   .seed = 1,
			   .frames = {.size = 64, .pairs = 1}};
	int r;

	if (n == 0 || strlen(words[0]) >= sizeof(w.mode))
		return err_set(e, EINVAL, "a window starts with its mode");
	memcpy(w.mode, words[0], strlen(words[0]));
	for (unsigned int i = 1; i < n; i++) {
		r = parse_word(&w, words[i], e);
		if (r < 0)
			return r;
	}
	if (w.busy % 2)
		return err_set(e, EINVAL, "busy=%u: ports talk in twos", w.busy);
	*ret = w;
	return 0;
}
