/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What corelane-load measures: modes, each run for one window, each answering with one line of JSON.
 * The ports are up; one thread runs everything.
 */
#ifndef CORELANE_BENCH_LOAD_LOAD_H
#define CORELANE_BENCH_LOAD_LOAD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "bench/load/port.h"

#define LOAD_PORTS_MAX 256

struct load {
	struct port *port;
	unsigned int n_ports;
	int cpu, peer_cpu;  /* where this thread runs, where the switch does; -1: unknown */
	double ns_per_tick; /* of the TSC */
	const volatile sig_atomic_t *interrupted; /* NULL: never */
	struct frame_plan built; /* what the transmit buffers hold now; size 0: nothing */
};

/* One window, as "mode key=value ..." on a line or on the command line. */
struct window {
	char mode[16];      /* flood, rtt, rate, outage, steady, garbage, messages */
	double seconds;     /* measured time */
	double warmup;      /* seconds before it, not counted */
	double rate;        /* rate, outage, steady: frames a second and direction */
	double gap;         /* rtt: seconds of silence before each round trip */
	unsigned int busy;  /* how many ports talk (even); the others only listen */
	unsigned int count; /* windows to run */
	bool one_way;       /* flood, rate: only even ports send */
	bool c2c;           /* measure core-to-core latency before and after */
	bool handover;      /* steady: take a second back end */
	bool histogram;     /* print the raw histogram too */
	uint64_t seed;      /* garbage */
	struct frame_plan frames;
};

/* Defaults, then the words. 0, or an error that names the word. */
int window_parse(struct window *ret, char *const *words, unsigned int n, struct err *e);

/* Runs one window and prints its line to @out. 0, or -errno with words (-ECONNRESET: a back end went). */
int load_run(struct load *l, const struct window *w, FILE *out, struct err *e);

/* Measures the TSC's rate against CLOCK_MONOTONIC_RAW (30 ms). */
double load_calibrate(void);

/* --- for the modes --- */

static inline uint64_t
load_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static inline uint64_t
load_ticks(const struct load *l, double seconds)
{
	return (uint64_t)(seconds * 1e9 / l->ns_per_tick);
}

/* Waits until no frame has arrived for @quiet seconds, then until all transmit buffers are back. */
int load_drain(struct load *l, const struct window *w, double quiet, struct err *e);

/* Every connection is alive and every ring keeps its rules: 0, or who and what. */
int load_check(const struct load *l, struct err *e);

/* Sum over busy ports. */
struct totals {
	uint64_t sent, received, checked, bad, kicks;
	const char *bad_why;
};
void load_totals(const struct load *l, const struct window *w, struct totals *ret);
void load_clear(struct load *l);

/* Whether port @i sends frames in this window. */
static inline bool
load_sends(const struct window *w, unsigned int i)
{
	return !(w->one_way && i % 2) && !(w->frames.broadcast && i > 0);
}

/* The modes. Each prints "key":value pairs, each followed by ", ", inside the line's braces. */
int mode_flood(struct load *l, const struct window *w, FILE *out, struct err *e);
int mode_rtt(struct load *l, const struct window *w, FILE *out, struct err *e);
int mode_rate(struct load *l, const struct window *w, FILE *out, struct err *e);
int mode_outage(struct load *l, const struct window *w, FILE *out, struct err *e);
int mode_steady(struct load *l, const struct window *w, FILE *out, struct err *e);
int mode_messages(struct load *l, const struct window *w, FILE *out, struct err *e);
int mode_garbage(struct load *l, const struct window *w, FILE *out, struct err *e);

#endif
