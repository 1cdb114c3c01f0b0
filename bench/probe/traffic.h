/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending on a schedule and judging what arrives. Open loop: a frame carries the moment at which it was
 * due, whatever kept it from leaving then, and what was due and did not leave counts as lost.
 */
#ifndef CORELANE_PROBE_TRAFFIC_H
#define CORELANE_PROBE_TRAFFIC_H

#include "bench/hist.h"
#include "bench/probe/frame.h"
#include "bench/probe/net.h"
#include "bench/probe/pacer.h"

struct sender {
	struct nic *nic;
	const struct args *args;
	struct pacer pacer;
	bool flat_out;
	uint8_t type;
	uint8_t src[6], dst[6];
	uint32_t turn;               /* of sizes and MACs */
	uint64_t seq[NET_PAIRS_MAX]; /* a queue pair is a stream */
	uint64_t sent, bytes;
	uint64_t late_max; /* ticks from due to written, worst */
	uint64_t full;     /* times a due frame found the ring full */
};

void sender_init(struct sender *s, struct nic *nic, const struct args *a, const uint8_t dst[6]);
/* From @start on, frames of that type are due at the rate; counters are zeroed. */
void sender_start(struct sender *s, uint8_t type, uint64_t start);
/* Sends what is due at @now and fell due before @end, a burst at most; returns how many. */
unsigned int sender_run(struct sender *s, uint64_t now, uint64_t end);
/* Whether there is nothing more to send: count= is reached, or it is past @end and nothing is overdue. */
bool sender_done(const struct sender *s, uint64_t now, uint64_t end);
/* How many frames fell due before @end and never left. Ends the schedule. */
uint64_t sender_unsent(struct sender *s, uint64_t end);
/* One frame outside the schedule, without waiting: false when the ring is full. */
bool sender_one(struct sender *s, uint8_t type, uint64_t seq, const uint8_t dst[6]);

struct receiver {
	struct nic *nic;
	bool deep, anybody; /* check patterns; frames for other MACs count too */
	uint8_t from[6];    /* with n_from: only frames from these MACs count, others are foreign */
	uint32_t n_from;    /* as args.macs; 0: from anybody */
	struct hist *hist;  /* of data frames, ns; NULL: no latency */
	struct seqwin win[FRAME_STREAMS];
	uint64_t frames, bytes; /* data frames */
	uint64_t corrupt, foreign, warm;
	uint64_t first_tsc, last_tsc;
	/* The last frame of these types: */
	bool hello, stop;
	struct frame hello_frame;
};

/* Takes at most @max frames from every queue; returns how many came. */
unsigned int receiver_run(struct receiver *r, unsigned int max);

#endif
