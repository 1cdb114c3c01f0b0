/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/tsc.h"

#include <time.h>
#include <x86intrin.h>

#define WINDOW_NS 50000000ull

uint64_t
tsc_now(void)
{
	return __rdtsc();
}

/* The tightest of a few tries: an interruption between the two reads would spoil it. */
void
tsc_mark(struct tsc_mark *ret)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		uint64_t before = __rdtsc(), after;
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		ret->tsc = before + best / 2;
		ret->ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	}
}

uint64_t
tsc_hz(const struct tsc_mark *since)
{
	struct tsc_mark now = {0};

	tsc_mark(&now);
	if (now.ns - since->ns < WINDOW_NS) {
		struct timespec rest = {.tv_nsec = (long)(WINDOW_NS - (now.ns - since->ns))};

		nanosleep(&rest, NULL);
		tsc_mark(&now);
	}
	return (uint64_t)((__uint128_t)(now.tsc - since->tsc) * 1000000000u / (now.ns - since->ns));
}
