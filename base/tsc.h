/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's time stamp counter, for start-up figures and for guests that must know its frequency. */
#ifndef CORELANE_BASE_TSC_H
#define CORELANE_BASE_TSC_H

#include <stdint.h>

/* One moment by both clocks. */
struct tsc_mark {
	uint64_t tsc;
	uint64_t ns; /* CLOCK_MONOTONIC_RAW */
};

uint64_t tsc_now(void);
void tsc_mark(struct tsc_mark *ret);
/*
 * Ticks a second, from @since until now. Waits until @window_ns have passed since then: 50 ms bound the
 * error to about one part per million, 10 ms to five.
 */
uint64_t tsc_hz(const struct tsc_mark *since, uint64_t window_ns);

#endif
