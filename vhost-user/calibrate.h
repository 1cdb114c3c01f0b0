/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK sleeps for 100 ms at its start to measure the TSC's frequency, unless CPUID tells it, and then
 * rounds it to 10 MHz. A switch that died shall be back sooner: the time that passes anyway, from the
 * start of the program until DPDK asks, is long enough for a better figure.
 *
 * DPDK's function is replaced by the linker (--wrap), which works with its static libraries only; with
 * the shared ones the start takes its 100 ms.
 */
#ifndef CORELANE_VHOST_USER_CALIBRATE_H
#define CORELANE_VHOST_USER_CALIBRATE_H

#include <stdint.h>

/* First thing in main(). */
void calibrate_begin(void);

/* Instead of DPDK's get_tsc_freq(); its argument (since 24.07) is what CPUID says. */
uint64_t __wrap_get_tsc_freq(uint64_t arch_hz);

#endif
