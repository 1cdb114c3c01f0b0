/* SPDX-License-Identifier: Apache-2.0 */
/* The same as one page that needs nothing else: no script, no font, no network. Pure but for the stream. */
#ifndef CORELANE_BENCH_RUNNER_HTML_H
#define CORELANE_BENCH_RUNNER_HTML_H

#include <stdio.h>

#include "bench/runner/results.h"

/* 0 or -EIO. */
int html_print(const struct results *r, FILE *out);

/* Text with the characters that mean something to HTML replaced. */
void html_text(const char *text, FILE *out);

/* The curves of every series that has a histogram: latency over 1 / (1 - quantile), both logarithmic. */
void svg_curves(const struct results *r, FILE *out);

#define SVG_COLOURS 8 /* classes c0..c7 in the page's style */

#endif
