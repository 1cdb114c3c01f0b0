/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a cache line takes from one core to another: the state of the machine that a comparison
 * has to hold constant (two CPUs of a virtual machine may share a last-level cache now and not then).
 */
#ifndef CORELANE_BENCH_LOAD_C2C_H
#define CORELANE_BENCH_LOAD_C2C_H

/*
 * One-way latency in nanoseconds between the calling thread's core and @peer_cpu: the median of
 * batches of round trips, halved. Takes a few milliseconds of @peer_cpu at real-time priority, so that
 * it also works while somebody polls there. Negative: -errno. @ns_per_tick: of the TSC.
 */
double c2c_measure(int peer_cpu, double ns_per_tick);

#endif
