/* SPDX-License-Identifier: Apache-2.0 */
/* TSC ticks and nanoseconds. */
#ifndef CORELANE_PROBE_CLOCK_H
#define CORELANE_PROBE_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t hz;
	uint64_t ns_mul;    /* ns = ticks * ns_mul >> 32 */
	const char *source; /* "argument", "cpuid15", "hypervisor", "kvmclock", "pit", "cpuid16" */
};

extern struct clock clock;

/* Finds the frequency; @hz is what the command line said, or 0. Nothing found: hz stays 0. */
void clock_init(uint64_t hz);

static inline uint64_t
clock_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * clock.ns_mul >> 32);
}

static inline uint64_t
clock_ticks(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * clock.hz / 1000000000u);
}

#endif
