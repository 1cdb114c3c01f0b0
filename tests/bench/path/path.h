/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding path by itself, without threads, sockets or DPDK's start: played guests on one side, a
 * lane of the switch on the other, in turns on one thread. For counting instructions.
 */
#ifndef CORELANE_TESTS_BENCH_PATH_PATH_H
#define CORELANE_TESTS_BENCH_PATH_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/load/frame.h"
#include "tests/bench/path/guest.h"

#define PATH_PORTS_MAX 64

/* What is set up, and what is done in it. */
struct path_case {
	const char *name;
	bool packed;
	bool features;      /* the ports that send nothing have every feature */
	bool vlan;          /* access ports of a VLAN */
	bool native;        /* the two that talk are trunks on which this VLAN is untagged */
	bool policed;       /* they have policers in both directions */
	uint32_t rules;     /* so many of a filter in both directions, none about these frames */
	unsigned int ports; /* even; the first two talk */
	unsigned int burst; /* frames a port offers in a round */
	uint32_t rounds;    /* counted */
	uint32_t learn;     /* rounds before, not counted */
	struct frame_plan plan;
};

struct subject;

/* The switch with a port for each guest, all of them up. NULL with words. */
struct subject *subject_make(const struct path_case *c, struct guest *const *guest, struct err *e);
void subject_free(struct subject *s);

/* One round of the lane over its ports: the function whose instructions are counted. */
void subject_round(struct subject *s);

#endif
