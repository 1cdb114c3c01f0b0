/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What DPDK's start takes long for and need not: a switch that died shall be back at once. Two of its
 * functions are replaced by the linker (--wrap), which works with its static libraries only; with the
 * shared ones the start takes a tenth of a second longer, and nothing else changes.
 */
#ifndef CORELANE_VHOST_USER_QUICKSTART_H
#define CORELANE_VHOST_USER_QUICKSTART_H

#include <stdint.h>

/* First thing in main(). */
void quickstart_begin(void);

/*
 * DPDK sleeps for 100 ms to measure the TSC's frequency, unless CPUID tells it, and then rounds it to
 * 10 MHz. The time that passes anyway since quickstart_begin() is enough for a better figure. The
 * argument, which there is since 24.07, is what CPUID says.
 */
uint64_t __wrap_get_tsc_freq(uint64_t arch_hz);

/* DPDK looks for the node of every CPU that it was built for, 4,000 look-ups, most of them in vain. */
unsigned int __wrap_eal_cpu_socket_id(unsigned int lcore);
/* DPDK's own. Weak: with shared libraries nobody calls either. */
unsigned int __real_eal_cpu_socket_id(unsigned int lcore) __attribute__((weak));

#endif
