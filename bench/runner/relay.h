/* SPDX-License-Identifier: Apache-2.0 */
/* Runs corelane as a child and shows its lines, shortened: a histogram of a guest is long. */
#ifndef CORELANE_BENCH_RUNNER_RELAY_H
#define CORELANE_BENCH_RUNNER_RELAY_H

#include <stdbool.h>

#include "base/err.h"

/*
 * @argv[0] is the program's path. Its standard output is shown line by line unless @quiet; stderr is
 * ours. SIGINT and SIGTERM are the child's business; it ends when we are killed. 0 and its exit status
 * (128 + N for signal N), or -errno in words.
 */
int relay_run(char *const argv[], bool quiet, int *ret_status, struct err *e);

#endif
