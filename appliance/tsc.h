/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's time stamp counter, for start-up figures and for guests that must know its frequency. */
#ifndef CORELANE_APPLIANCE_TSC_H
#define CORELANE_APPLIANCE_TSC_H

#include <stdint.h>

/* One moment by both clocks. */
struct tsc_mark {
	uint64_t tsc;
	uint64_t ns; /* CLOCK_MONOTONIC_RAW */
};

uint64_t tsc_now(void);
void tsc_mark(struct tsc_mark *ret);
/*
 * Ticks a second, from @since until now. Waits until 50 ms have passed since then, which bounds the
 * error to a few parts per million.
 */
uint64_t tsc_hz(const struct tsc_mark *since);

#endif
