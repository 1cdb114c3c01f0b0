/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run with probes measured, taken out of the report that corelane wrote. The report holds what
 * guests printed: every number and text is checked here.
 */
#ifndef CORELANE_BENCH_RUNNER_RESULTS_H
#define CORELANE_BENCH_RUNNER_RESULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/hist.h"

struct series {         /* one line of a probe that has a histogram or traffic */
	char label[96]; /* "VNF mode [kind] [number]", unique; letters, digits, "-._ " only */
	bool has_hist, has_traffic;
	struct hist hist;                                 /* nanoseconds */
	uint64_t rate, size;                              /* asked for; rate 0: flat out */
	uint64_t scheduled, sent, unsent, received, lost; /* unsent counts as lost */
	double pps;                                       /* received a second */
};

struct results {
	json_t *report;        /* owned */
	struct series *series; /* owned */
	size_t n;
	size_t bad;     /* result lines that could not be believed */
	bool probes_ok; /* every probe that started said that it ended well */
};

/* Loads @path. 0, -errno, or -EINVAL in words. */
int results_load(const char *path, struct results *ret, struct err *e);
/* As results_load() for a parsed report, which it takes, also on failure. */
int results_read(json_t *report, struct results *ret, struct err *e);
void results_free(struct results *r);

/* The report's text under @key of its "machine" object, or "". */
const char *results_machine(const struct results *r, const char *key);

/* The percentiles that every table shows. */
#define RESULTS_POINTS 6
extern const char *const results_point_name[RESULTS_POINTS];
extern const uint32_t results_point[RESULTS_POINTS]; /* in 1/100,000 */

#endif
