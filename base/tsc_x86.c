/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tsc.h"

#include <time.h>
#include <x86intrin.h>

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
tsc_hz(const struct tsc_mark *since, uint64_t window_ns)
{
	struct tsc_mark now = {0};

	tsc_mark(&now);
	if (now.ns - since->ns < window_ns) {
		uint64_t left = window_ns - (now.ns - since->ns);
		struct timespec rest = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};

		nanosleep(&rest, NULL);
		tsc_mark(&now);
	}
	return (uint64_t)((__uint128_t)(now.tsc - since->tsc) * 1000000000u / (now.ns - since->ns));
}
