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

extern struct clock tsc; /* not "clock": that is a function where there is a libc */

/* Finds the frequency; @hz is what the command line said, or 0. Nothing found: hz stays 0. */
void clock_init(uint64_t hz);

/* a * b / c, or all ones when that does not fit (a 128-bit division would want a library). */
static inline uint64_t
muldiv(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t quotient, rest;

	if ((uint64_t)(product >> 64) >= c)
		return UINT64_MAX;
	__asm__("divq %4"
		: "=a"(quotient), "=d"(rest)
		: "0"((uint64_t)product), "1"((uint64_t)(product >> 64)), "r"(c)
		: "cc");
	return quotient;
}

static inline uint64_t
clock_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * tsc.ns_mul >> 32);
}

static inline uint64_t
clock_ticks(uint64_t ns)
{
	return muldiv(ns, tsc.hz, 1000000000);
}

#endif
