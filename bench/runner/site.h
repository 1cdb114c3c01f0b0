/* SPDX-License-Identifier: Apache-2.0 */
/* The sites that corelane-bench's own measurements run. Pure but for the stream. */
#ifndef CORELANE_BENCH_RUNNER_SITE_H
#define CORELANE_BENCH_RUNNER_SITE_H

#include <stdbool.h>
#include <stdio.h>

struct site_options {
	/* As written by the user and passed on to the probe; NULL: its default. */
	const char *size, *rate, *rings, *time;
};

enum site_kind { SITE_LATENCY, SITE_THROUGHPUT, SITE_JITTER, SITE_EXITS };

/* 0 or -EIO. */
int site_print(enum site_kind kind, const struct site_options *o, FILE *out);

/*
 * NULL when @value, which goes into a probe's command line, is right for that option: 't'ime, 'r'ate,
 * 's'ize; any other letter: rings. Else what would be.
 */
const char *site_value_wanted(char option, const char *value);

#endif
