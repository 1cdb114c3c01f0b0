/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that several modes print. */
#ifndef CORELANE_PROBE_REPORT_H
#define CORELANE_PROBE_REPORT_H

#include "bench/hist.h"
#include "bench/probe/json.h"
#include "bench/probe/traffic.h"

/* min, p50 ... max of @h in ns; with the histogram itself when @full. */
void report_hist(struct json *j, const struct hist *h, bool full);
void report_sender(struct json *j, struct sender *s, uint64_t unsent);
void report_receiver(struct json *j, const struct receiver *r);

#endif
