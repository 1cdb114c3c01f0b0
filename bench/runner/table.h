/* SPDX-License-Identifier: Apache-2.0 */
/* Results as a person reads them in a terminal, and as a program reads them. Pure but for the stream. */
#ifndef CORELANE_BENCH_RUNNER_TABLE_H
#define CORELANE_BENCH_RUNNER_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "bench/runner/results.h"

/* 0 or -EIO. */
int table_print(const struct results *r, FILE *out);

/* One object: for each series percentiles in ns and traffic; the verdict; the machine. NULL without memory. */
json_t *table_json(const struct results *r);

/* "437 ns", "1.65 us", "38.5 ms": three digits that count. Returns @buf. */
char *table_time(uint64_t ns, char *buf, size_t size);

#endif
