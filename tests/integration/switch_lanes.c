/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two forwarding threads: ports that move from one to the other under way lose nothing and change no
 * order; threads without frames sleep and wake up; what the switch tells of threads and addresses.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "tests/integration/switch_scenario.h"

#define MOVES 60
#define BATCH 20 /* frames that are under way while a port moves */

static struct switch_reply
move(struct world *w, const struct guest *g, uint32_t lane)
{
	struct switch_req q = {.op = SWITCH_OP_MOVE, .arg = lane, .port = g->cfg};

	return world_call(w, &q);
}

/* As many replies as there are threads; returns what they say of thread @n. */
static struct switch_lane
lane(struct world *w, uint32_t n, uint32_t *ret_lanes)
{
	const struct msg_head want = {.magic = SWITCH_REPLY_MAGIC,
				      .version = SWITCH_MSG_VERSION,
				      .size = sizeof(struct switch_reply)};
	struct switch_req q = {.head = {.magic = SWITCH_REQ_MAGIC,
					.version = SWITCH_MSG_VERSION,
					.size = sizeof(q),
					.seq = ++w->seq},
			       .op = SWITCH_OP_LANES};
	struct switch_lane found = {.number = UINT32_MAX};
	struct switch_reply r = {.more = 1};
	size_t bytes;

	require(fdmsg_send(w->control, &q.head, NULL, 0) == 0, "cannot ask for threads");
	for (*ret_lanes = 0; r.more; ++*ret_lanes) {
		require(fdmsg_recv(w->control, &want, &r, NULL, 0, &bytes) == 0, "half an answer");
		require(r.error == 0 && r.n == 1, "threads: %s", r.text);
		if (r.lane.number == n)
			found = r.lane;
	}
	require(found.number == n, "thread %u is not told of", n);
	return found;
}

static void
check_moves(struct world *w)
{
	struct switch_reply r;
	uint32_t lanes;

	guests(w, 4);
	introduce(w, 4);
	require(lane(w, 0, &lanes).ports == 2 && lane(w, 1, &lanes).ports == 2,
		"ports are not spread");
	require(lanes == 2, "%u threads, not 2", lanes);
	for (uint32_t i = 0; i < MOVES; i++) {
		/* sender and receiver move by turns, sometimes to where they are */
		for (uint32_t k = 0; k < BATCH; k++) {
			send_from(w, 0, 60 + i * BATCH + k, 1, 2);
			if (k == BATCH / 2) {
				r = move(w, &w->guest[i % 2], i / 2 % 2);
				require(r.error == 0, "move: %s", r.text);
			}
		}
		for (uint32_t k = 0; k < BATCH; k++) {
			frame_make(frame, 60 + i * BATCH + k, 1, 2);
			expect_frame(&w->guest[1], frame, 60 + i * BATCH + k);
		}
	}
	expect_stat(w, &w->guest[0], drops[DROP_RING_FULL], 0);
	expect_stat(w, &w->guest[1], tx_packets, 3 + MOVES * BATCH);
	require(lane(w, 0, &lanes).frames > 0 && lane(w, 1, &lanes).frames > 0,
		"a thread had no frames");
}

static void
check_refusals(struct world *w)
{
	struct switch_reply r;
	uint32_t lanes;

	guests(w, 1);
	r = move(w, &w->guest[0], 2);
	require(r.error && strstr(r.text, "has 2"), "moved to a thread that is not there: %s",
		r.text);
	w->guest[0].cfg.queues = 2;
	r = world_call(w, &(struct switch_req){.op = SWITCH_OP_SET, .port = w->guest[0].cfg});
	require(r.error && strstr(r.text, "cannot change"), "queues changed: %s", r.text);
	guest_plan(w, 1);
	r = move(w, &w->guest[1], 0);
	require(r.error && strstr(r.text, "no such port"), "moved what is not there: %s", r.text);
	require(lane(w, 0, &lanes).ports + lane(w, 1, &lanes).ports == 1, "not one port");
}

/* Without frames the threads sleep nearly always; a frame wakes them however long they slept. */
static void
check_sleep(struct world *w)
{
	struct switch_lane before, after;
	uint32_t lanes;

	guests(w, 2);
	introduce(w, 2);
	sleep(1); /* the threads find nothing to do */
	for (uint32_t n = 0; n < 2; n++) {
		before = lane(w, n, &lanes);
		sleep(1);
		after = lane(w, n, &lanes);
		require(after.sleeps > before.sleeps, "thread %u does not sleep", n);
		require(after.slept_ns - before.slept_ns > 700000000,
			"thread %u slept %llu ms of 1000", n,
			(unsigned long long)(after.slept_ns - before.slept_ns) / 1000000);
		send_from(w, (int)n, 60, (uint8_t)(n + 1), (uint8_t)(2 - n));
		expect_frame(&w->guest[1 - n], frame, 60);
	}
	/* a port that comes while they sleep is served too */
	guest_plan(w, 2);
	guest_up(w, &w->guest[2], RING);
	send_from(w, 2, 60, 3, 1);
	expect_frame(&w->guest[0], frame, 60);
}

static const struct switch_mac *
find_mac(const struct switch_reply *r, const char *port, uint8_t last)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (strcmp(r->mac[i].port, port) == 0 && r->mac[i].mac[5] == last)
			return &r->mac[i];
	return NULL;
}

static void
check_addresses(struct world *w)
{
	struct guest *c = guest_plan(w, 2);
	struct switch_reply r;

	guests(w, 2);
	c->cfg.any_mac = 0;
	frame_make(frame, 60, 77, 1);
	memcpy(c->cfg.mac, frame + 6, 6);
	guest_up(w, c, RING);
	send_from(w, 0, 60, 1, 9);
	expect_frame(&w->guest[1], frame, 60);
	r = world_op(w, SWITCH_OP_MACS, "");
	require(r.error == 0 && r.n == 2, "%u addresses: %s", r.n, r.text);
	require(find_mac(&r, "a", 1) && find_mac(&r, "a", 1)->kind == MAC_LEARNT, "a's is missing");
	require(find_mac(&r, "c", 77) && find_mac(&r, "c", 77)->kind == MAC_STATIC,
		"c's is missing");
	r = world_op(w, SWITCH_OP_MACS, "c");
	require(r.error == 0 && r.n == 1, "%u addresses of c", r.n);
	r = world_op(w, SWITCH_OP_MACS, "b");
	require(r.error == 0 && r.n == 0, "%u addresses of b", r.n);
	r = world_op(w, SWITCH_OP_MACS, "x");
	require(r.error != 0, "addresses of no port");
}

static const struct scenario scenarios[] = {
	{"moves", check_moves},
	{"refusals", check_refusals},
	{"sleep", check_sleep},
	{"addresses", check_addresses},
};

int
main(int argc, char **argv)
{
	return scenarios_run(scenarios, ARRAY_SIZE(scenarios), argc, argv);
}
