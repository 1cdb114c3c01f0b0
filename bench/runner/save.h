/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of results: results.json, report.json, report.html, and each raw histogram. */
#ifndef CORELANE_BENCH_RUNNER_SAVE_H
#define CORELANE_BENCH_RUNNER_SAVE_H

#include "bench/runner/results.h"

/* Writes all of it into @dir, which exists. 0 or -errno in words. */
int save_results(const struct results *r, const char *dir, struct err *e);

#endif
