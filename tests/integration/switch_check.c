/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch_check SWITCH split|packed: drives a real corelane-switch through real rings, a scenario at a
 * time, each in a process and a switch of its own. Prints one result line a scenario.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/util.h"
#include "tests/integration/switch_hostile.h"
#include "tests/integration/switch_rude.h"
#include "tests/integration/switch_scenario.h"
#include "tests/integration/switch_world.h"

static void
check_learning(struct world *w)
{
	guests(w, 3);
	send_from(w, 0, 60, 1, 2); /* nobody knows 2 */
	expect_frame(&w->guest[1], frame, 60);
	expect_frame(&w->guest[2], frame, 60);
	expect_nothing(&w->guest[0]);
	send_from(w, 1, 60, 2, 1);
	expect_frame(&w->guest[0], frame, 60);
	expect_nothing(&w->guest[2]);
	for (uint32_t len = 60; len <= 1514; len += 97) {
		send_from(w, 0, len, 1, 2);
		expect_frame(&w->guest[1], frame, len);
	}
	expect_nothing(&w->guest[2]);
	expect_stat(w, &w->guest[0], flooded, 1);
	expect_stat(w, &w->guest[0], learned, 1);
	expect_stat(w, &w->guest[1], rx_packets, 1);
	expect_stat(w, &w->guest[1], tx_packets, 16);
	/* station 1 moves behind the third guest */
	send_from(w, 2, 60, 1, 2);
	expect_frame(&w->guest[1], frame, 60);
	expect_stat(w, &w->guest[2], moved, 1);
	send_from(w, 1, 60, 2, 1);
	expect_frame(&w->guest[2], frame, 60);
	expect_nothing(&w->guest[0]);
}

static void
check_networks(struct world *w)
{
	const struct {
		const char *network;
		uint16_t vlan;
	} where[] = {{"net", 0}, {"net", 0}, {"net", 7}, {"net", 7}, {"other", 0}};

	for (int i = 0; i < 5; i++) {
		struct guest *g = guest_plan(w, i);

		snprintf(g->cfg.network, sizeof(g->cfg.network), "%s", where[i].network);
		g->cfg.vlan = where[i].vlan;
		guest_up(w, g, RING);
	}
	send_from(w, 0, 60, 1, 0);
	expect_frame(&w->guest[1], frame, 60);
	send_from(w, 3, 60, 1, 2); /* the same station in another VLAN */
	expect_frame(&w->guest[2], frame, 60);
	for (int i = 0; i < 5; i++)
		expect_nothing(&w->guest[i]);
	send_from(w, 4, 60, 1, 0); /* alone in its network */
	expect_stat(w, &w->guest[4], drops[DROP_NO_PORT], 1);
	for (int i = 0; i < 4; i++)
		expect_nothing(&w->guest[i]);
}

static void
check_drops(struct world *w)
{
	struct guest *a = &w->guest[0];

	guests(w, 2);
	introduce(w, 2);
	send_from(w, 0, 13, 1, 2);
	expect_stat(w, a, drops[DROP_RUNT], 1);
	send_from(w, 0, 1515, 1, 2);
	expect_stat(w, a, drops[DROP_OVERSIZE], 1);
	frame_make(frame, 64, 1, 2);
	memcpy(frame + 12, "\x81\x00\x00\x05", 4); /* VLAN 5 on an access port */
	guest_send(a, 0, frame, 64);
	expect_stat(w, a, drops[DROP_VLAN], 1);
	memcpy(frame + 12, "\x81\x00\xe0\x00", 4); /* only a priority */
	guest_send(a, 0, frame, 64);
	expect_frame(&w->guest[1], frame, 64);
	frame_make(frame, 60, 1, 2);
	frame[6] = 3; /* a group address sends nothing */
	guest_send(a, 0, frame, 60);
	expect_stat(w, a, drops[DROP_SOURCE], 1);
	send_from(w, 0, 60, 9, 1); /* station 1 is behind this very port */
	expect_stat(w, a, drops[DROP_SELF], 1);
	expect_nothing(&w->guest[1]);
	for (int i = 0; i < 300; i++) /* more than there are buffers */
		send_from(w, 0, 60, 1, 2);
	expect_stat(w, &w->guest[1], drops[DROP_RING_FULL], 300 - RING);
	expect_stat(w, a, drops[DROP_RING_FULL], 0);
	vhost_close(&w->guest[1].port.vhost);
	expect_stat(w, &w->guest[1], drops[DROP_LINK_DOWN], 0);
	for (struct port_stats s = world_stats(w, &w->guest[1]); s.connected;)
		s = world_stats(w, &w->guest[1]);
	send_from(w, 0, 60, 1, 2);
	expect_stat(w, &w->guest[1], drops[DROP_LINK_DOWN], 1);
	send_from(w, 0, 60, 1, 0);
	expect_stat(w, a, drops[DROP_NO_PORT], 1);
}

static void
check_jumbo(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		guest_plan(w, i)->cfg.mtu = 9000;
		guest_up(w, &w->guest[i], RING);
	}
	guest_up(w, guest_plan(w, 2), RING); /* of 1500 bytes */
	introduce(w, 3);
	for (uint32_t len = 2000; len <= 9014; len += 501) {
		send_from(w, 0, len, 1, 2);
		expect_frame(&w->guest[1], frame, len);
	}
	send_from(w, 0, 9014, 1, 2);
	expect_frame(&w->guest[1], frame, 9014);
	send_from(w, 0, 9015, 1, 2);
	expect_stat(w, &w->guest[0], drops[DROP_OVERSIZE], 1);
	send_from(w, 0, 2000, 1, 3);
	expect_stat(w, &w->guest[2], drops[DROP_OVERSIZE], 1);
	send_from(w, 0, 2000, 1, 0);
	expect_frame(&w->guest[1], frame, 2000);
	expect_stat(w, &w->guest[2], drops[DROP_OVERSIZE], 2);
	expect_nothing(&w->guest[2]);
}

static void
check_ageing(struct world *w)
{
	for (int i = 0; i < 3; i++) {
		guest_plan(w, i)->cfg.mac_age_s = 1;
		guest_up(w, &w->guest[i], RING);
	}
	introduce(w, 3);
	sleep(3);
	send_from(w, 0, 60, 1, 2);
	expect_frame(&w->guest[1], frame, 60);
	expect_frame(&w->guest[2], frame, 60); /* station 2 was forgotten */
}

/* UDP from station @src to 2 with this destination port. */
static void
make_udp(uint8_t src, uint8_t port, uint8_t serial)
{
	frame_make(frame, 60, src, 2);
	memset(frame + 14, 0, 40);
	memcpy(frame + 12, "\x08\x00\x45", 3);
	frame[23] = 17;
	frame[37] = port;
	frame[59] = serial;
}

static void
check_queues(struct world *w)
{
	uint8_t got[FRAME_ROOM], next[16] = {0};
	unsigned int used = 0, total = 0;

	for (int i = 0; i < 2; i++) {
		guest_plan(w, i)->cfg.queues = 4;
		guest_up(w, &w->guest[i], RING);
	}
	frame_make(frame, 60, 2, 0);
	guest_send(&w->guest[1], 3, frame, 60);
	expect_stat(w, &w->guest[0], tx_packets, 1);
	for (uint8_t serial = 0; serial < 10; serial++)
		for (uint8_t flow = 0; flow < 16; flow++) {
			make_udp(1, flow, serial);
			guest_send(&w->guest[0], flow % 4, frame, 60);
		}
	expect_stat(w, &w->guest[1], tx_packets, 160);
	for (unsigned int q = 0; q < 4; q++)
		while (guest_receive(&w->guest[1], q, got, 10) == 60) {
			uint8_t flow = got[37] & 15;

			require(got[59] == next[flow], "flow %u: frame %u came in place of %u",
				flow, got[59], next[flow]);
			next[flow]++;
			used |= 1u << q;
			total++;
		}
	require(total == 160, "%u of 160 frames came", total);
	require(used == 15, "queues used: %#x", used);
}

static void
check_control(struct world *w)
{
	const struct msg_head want = {.magic = SWITCH_REPLY_MAGIC,
				      .version = SWITCH_MSG_VERSION,
				      .size = sizeof(struct switch_reply)};
	struct switch_req q = {.op = SWITCH_OP_ADD};
	struct switch_reply r;
	size_t n;

	guests(w, 2);
	q.port = w->guest[0].cfg;
	r = world_call(w, &q);
	require(r.error == EEXIST && strstr(r.text, "taken"), "a taken name: %d %s", r.error,
		r.text);
	snprintf(q.port.name, sizeof(q.port.name), "new");
	r = world_call(w, &q);
	require(r.error == EEXIST && strstr(r.text, "socket"), "a taken socket: %d %s", r.error,
		r.text);
	q.port.vlan = 4095;
	r = world_call(w, &q);
	require(r.error == EINVAL && strstr(r.text, "vlan"), "vlan 4095: %d %s", r.error, r.text);
	r = world_op(w, SWITCH_OP_REMOVE, "nobody");
	require(r.error == ENOENT, "removing nobody: %d %s", r.error, r.text);
	r = world_op(w, 77, "");
	require(r.error == EINVAL, "operation 77: %d %s", r.error, r.text);
	require(send(w->control, "rubbish", 7, 0) == 7, "send");
	require(fdmsg_recv(w->control, &want, &r, NULL, 0, &n) == 0 && r.error == EPROTO,
		"rubbish was not answered");
	r = world_op(w, SWITCH_OP_LIST, "");
	require(r.has_port && strcmp(r.port.name, "a") == 0, "list begins with %s", r.port.name);
	introduce(w, 2);
}

/* Ports come and go; the others' frames all arrive. */
static void
check_churn(struct world *w)
{
	guests(w, 2);
	introduce(w, 2);
	for (int round = 0; round < 30; round++) {
		guest_up(w, guest_plan(w, 2), RING);
		for (int i = 0; i < 50; i++)
			send_from(w, 0, 60, 1, 2);
		require(world_op(w, SWITCH_OP_REMOVE, "c").error == 0, "removing c");
		for (int i = 0; i < 50; i++)
			expect_frame(&w->guest[1], frame, 60);
		guest_down(&w->guest[2]);
	}
	expect_nothing(&w->guest[1]);
	expect_stat(w, &w->guest[1], drops[DROP_RING_FULL], 0);
}

static void
check_reconnect(struct world *w)
{
	struct err e = {0};

	guests(w, 2);
	introduce(w, 2);
	for (int round = 1; round <= 3; round++) {
		require(port_attach(&w->guest[1].port, 5000, &e) == 0, "%s", e.text);
		expect_stat(w, &w->guest[1], connects, (uint64_t)round + 1);
		send_from(w, 0, 60, 1, 2);
		expect_frame(&w->guest[1], frame, 60);
		send_from(w, 1, 60, 2, 1);
		expect_frame(&w->guest[0], frame, 60);
	}
}

static double
slept_ms(struct world *w)
{
	struct switch_reply r = world_op(w, SWITCH_OP_LANES, "");

	require(r.head.size && r.error == 0, "lanes: %s", r.text);
	return (double)r.lane.slept_ns / 1e6;
}

/* Guests that have kicked a sleeping switch do not keep it awake. */
static void
check_sleep(struct world *w)
{
	struct world second = {.program = w->program, .packed = w->packed, .lanes = true};
	double before, slept;

	require(world_start(&second), "a second switch does not start");
	guests(&second, 2);
	introduce(&second, 2);
	for (int i = 0; i < 20; i++) {
		usleep(2000); /* asleep by then, so both guests kick */
		send_from(&second, 0, 60, 1, 2);
		expect_frame(&second.guest[1], frame, 60);
		send_from(&second, 1, 60, 2, 1);
		expect_frame(&second.guest[0], frame, 60);
	}
	require(second.guest[0].port.ring[1].kicks > 0, "nobody had to kick");
	before = slept_ms(&second);
	usleep(500000);
	slept = slept_ms(&second) - before;
	require(slept > 150, "it slept for %.1f of 500 ms", slept);
	world_stop(&second);
}

static void
check_signals(struct world *w)
{
	struct world second = {.program = w->program, .packed = w->packed};
	int status;

	guests(w, 2);
	kill(w->pid, SIGTERM);
	status = world_wait(w);
	require(status == 0, "after SIGTERM the status was %#x", (unsigned int)status);
	require(world_start(&second), "a second switch does not start");
	guests(&second, 2);
	close(second.control); /* as when whoever started it is killed */
	status = world_wait(&second);
	require(status == 0, "after its starter had gone the status was %#x", (unsigned int)status);
	for (int i = 0; i < 2; i++) {
		guest_down(&second.guest[i]);
		guest_down(&w->guest[i]);
	}
	rmdir(second.dir);
	rmdir(w->dir);
	w->pid = 0;
}

static const struct scenario scenarios[] = {
	{"learning", check_learning},
	{"networks", check_networks},
	{"drops", check_drops},
	{"jumbo", check_jumbo},
	{"ageing", check_ageing},
	{"queues", check_queues},
	{"control", check_control},
	{"churn", check_churn},
	{"reconnect", check_reconnect},
	{"stall", check_stall},
	{"broken-ring", check_broken_ring},
	{"held", check_held},
	{"messages", check_messages},
	{"truncation", check_truncation},
	{"huge-truncation", check_huge_truncation},
	{"kicks", check_kicks},
	{"garbage", check_garbage},
	{"features-in-flight", check_features_in_flight},
	{"memory-in-flight", check_memory_in_flight},
	{"rings-in-flight", check_rings_in_flight},
	{"half-open", check_half_open},
	{"sleep", check_sleep},
	{"signals", check_signals},
};

int
main(int argc, char **argv)
{
	return scenarios_run(scenarios, ARRAY_SIZE(scenarios), argc, argv);
}
