/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list that every stage of a load writes its complaints to, so that a person sees all of them
 * at once, in file order. Nothing is printed here.
 */
#ifndef CORELANE_CONFIG_PROBLEM_H
#define CORELANE_CONFIG_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"
#include "config/load.h"
#include "config/site.h"

#define PROBLEMS_KEPT 100

struct problem {
	unsigned int file; /* which file of the load, from 0 */
	unsigned int line, column;
	size_t found; /* how many were found before it: keeps the order of equals */
	char *text;   /* owned */
};

struct problems {
	struct problem kept[PROBLEMS_KEPT];
	size_t n, total;
	unsigned int file; /* the file that is being read; set by the loader */
	bool cut_short;    /* some file could not be read to its end */
	int error;         /* the first -errno that is not about the text itself, or 0 */
};

/*
 * Adds "@w: @who: text". @w->line 0 leaves line and column out; @who NULL or "" is left out.
 * @file is the number of @w's file.
 */
void problem_add(struct problems *p, unsigned int file, const struct where *w, const char *who,
		 const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Records -errno @error (the first one is kept); -ENOMEM needs no words. */
void problem_errno(struct problems *p, int error);

/* Sorts, and moves all texts to @ret. Returns 0, -EINVAL, or the recorded -errno. */
int problem_finish(struct problems *p, struct config_problems *ret);

#endif
