/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: words key=value, separated by blanks. What each means: docs/man/corelane-probe.7.
 * Pure: no I/O, tested on the host.
 */
#ifndef CORELANE_PROBE_ARGS_H
#define CORELANE_PROBE_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGS_ERROR_MAX 160
#define ARGS_SIZES_MAX 8

enum probe_mode {
	MODE_BOOT, /* the default: says how it was started, checks memory and initrd */
	MODE_LOOP,
	MODE_RTT,
	MODE_ECHO,
	MODE_GEN,
	MODE_COUNT,
	MODE_JITTER,
	MODE_EXITS,
	MODE_GARBAGE,
	MODE_TRIPLEFAULT,
	MODE_FLOOD,
	MODE_HLT,
	MODE_SMP,
	MODE_CONSOLE,
	MODE_IRQ,
	MODE_RNG,
	MODE_PCI,
	MODE_RESET,
	MODE_MEM,
	MODE_FAULT,
};

enum probe_out { OUT_SERIAL, OUT_CONSOLE };
enum probe_rings { RINGS_SPLIT, RINGS_PACKED };
enum probe_what { WHAT_RINGS, WHAT_CONFIG, WHAT_MSIX, WHAT_PIO, WHAT_MMIO };

/* A NIC named by its place in PCI order or by its MAC. */
struct nic_name {
	bool set, by_mac;
	uint32_t index;
	uint8_t mac[6];
};

struct mac_arg {
	bool set;
	uint8_t mac[6];
};

struct args {
	uint32_t mode, out, rings, what;
	struct nic_name tx, rx; /* rx.set: said, else each mode has its own default */
	struct mac_arg src, dst;
	uint64_t rate;                 /* packets a second; 0: flat out */
	uint64_t size[ARGS_SIZES_MAX]; /* bytes of a frame, without FCS; used in turn */
	uint32_t n_sizes;
	uint64_t time, warmup, wait, drain, threshold; /* ns */
	uint64_t count; /* packets, accesses, lines; 0: until time is over */
	uint64_t queues, macs, burst, ring;
	uint64_t tsc_hz, seed, ecam, cpus;
	bool indirect, chain, mrg, check, hist, stop;
};

/* Every default. */
void args_default(struct args *a);

/*
 * Parses on top of what @a holds. 0, or -1 with one sentence in @error: the first word that is
 * unknown, malformed or out of range.
 */
int args_parse(struct args *a, const char *cmdline, char error[ARGS_ERROR_MAX]);

/* "loop", "gen", ... */
const char *args_mode_name(uint32_t mode);

#endif
