/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a port can be beyond plain learning, through real rings: VLANs, sources, limits, rates, jumbo
 * frames in chains, and all of it changed while others' frames flow. Run by switch_features.sh.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "tests/integration/switch_chain.h"
#include "tests/integration/switch_scenario.h"

#define TAG_LEN 4

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A guest that may use any address. */
static struct guest *
plan(struct world *w, int n)
{
	struct guest *g = guest_plan(w, n);

	g->cfg.mac[5] = (uint8_t)(n + 1);
	return g;
}

static void
set(struct world *w, const struct guest *g)
{
	const struct switch_req q = {.op = SWITCH_OP_SET, .port = g->cfg};
	struct switch_reply r = world_call(w, &q);

	require(r.head.size && r.error == 0, "changing %s: %s", g->cfg.name, r.text);
}

static void
carry(struct guest *g, uint16_t vlan)
{
	g->cfg.vlan_mode = PORT_TRUNK;
	g->cfg.trunk[vlan / 64] |= UINT64_C(1) << vlan % 64;
}

/* The last frame with a tag in front. Returns its length. */
static uint32_t
tagged(uint8_t *to, uint32_t len, uint16_t tpid, uint16_t tci)
{
	memcpy(to, frame, 12);
	to[12] = (uint8_t)(tpid >> 8);
	to[13] = (uint8_t)tpid;
	to[14] = (uint8_t)(tci >> 8);
	to[15] = (uint8_t)tci;
	memcpy(to + 16, frame + 12, len - 12);
	return len + TAG_LEN;
}

static void
send_tagged(struct guest *g, uint8_t src, uint8_t dst, uint16_t tpid, uint16_t tci)
{
	uint8_t bytes[128];
	uint32_t len;

	frame_make(frame, 60, src, dst);
	len = tagged(bytes, 60, tpid, tci);
	guest_send(g, 0, bytes, len);
}

static void
expect_tagged(struct guest *g, uint16_t tpid, uint16_t tci)
{
	uint8_t bytes[128];

	expect_frame(g, bytes, tagged(bytes, 60, tpid, tci));
}

static void
nobody_else(struct world *w, int n)
{
	for (int i = 0; i < n; i++)
		expect_nothing(&w->guest[i]);
}

static void
check_vlan(struct world *w)
{
	enum { A10, B10, C20, TRUNK, OTHER, GUESTS };
	struct guest *g = w->guest;

	for (int i = 0; i < GUESTS; i++)
		plan(w, i);
	g[A10].cfg.vlan = g[B10].cfg.vlan = 10;
	g[C20].cfg.vlan = 20;
	carry(&g[TRUNK], 10);
	g[TRUNK].cfg.native_vlan = 20;
	carry(&g[OTHER], 10);
	carry(&g[OTHER], 20);
	snprintf(g[OTHER].cfg.network, NAME_MAX_LEN, "another");
	snprintf(g[OTHER].cfg.segment, NAME_MAX_LEN, "net"); /* a network that shares the segment */
	for (int i = 0; i < GUESTS; i++)
		guest_up(w, &g[i], RING);
	send_from(w, A10, 60, 1, 0);
	expect_frame(&g[B10], frame, 60);
	expect_tagged(&g[TRUNK], 0x8100, 10);
	expect_tagged(&g[OTHER], 0x8100, 10);
	send_from(w, C20, 60, 3, 0);
	expect_frame(&g[TRUNK], frame, 60);
	expect_tagged(&g[OTHER], 0x8100, 20);
	nobody_else(w, GUESTS);
	/* learnt, and with a priority from tag to tag */
	send_tagged(&g[TRUNK], 4, 1, 0x8100, 5 << 13 | 10);
	expect_frame(&g[A10], frame, 60);
	send_tagged(&g[OTHER], 5, 4, 0x8100, 6 << 13 | 10);
	expect_tagged(&g[TRUNK], 0x8100, 6 << 13 | 10);
	send_from(w, TRUNK, 60, 4, 3);
	expect_frame(&g[C20], frame, 60);
	/* what it does not carry */
	send_tagged(&g[TRUNK], 4, 0, 0x8100, 20);
	send_tagged(&g[TRUNK], 4, 0, 0x8100, 11);
	send_tagged(&g[TRUNK], 4, 0, 0x88a8, 10);
	expect_stat(w, &g[TRUNK], drops[DROP_VLAN], 3);
	send_from(w, OTHER, 60, 5, 0); /* untagged, and it has no native VLAN */
	expect_stat(w, &g[OTHER], drops[DROP_VLAN], 1);
	send_tagged(&g[A10], 1, 0, 0x8100, 10);
	expect_stat(w, &g[A10], drops[DROP_VLAN], 1);
	/* a tag inside the native VLAN's frames would be somebody else's tag at the next switch */
	send_tagged(&g[C20], 3, 4, 0x8100, 10);
	expect_stat(w, &g[C20], drops[DROP_VLAN], 1);
	nobody_else(w, GUESTS);
	/* the trunk becomes an access port of VLAN 20, and back */
	memset(g[TRUNK].cfg.trunk, 0, sizeof(g[TRUNK].cfg.trunk));
	g[TRUNK].cfg.vlan_mode = PORT_ACCESS;
	g[TRUNK].cfg.native_vlan = 0;
	g[TRUNK].cfg.vlan = 20;
	set(w, &g[TRUNK]);
	send_from(w, A10, 60, 1, 0);
	expect_frame(&g[B10], frame, 60);
	expect_tagged(&g[OTHER], 0x8100, 10);
	send_from(w, TRUNK, 60, 4, 3);
	expect_frame(&g[C20], frame, 60);
	nobody_else(w, GUESTS);
}

static void
check_qinq(struct world *w)
{
	enum { CUSTOMER, OTHER, UPLINK, GUESTS };
	struct guest *g = w->guest;
	uint8_t inner[128], outer[128];
	struct switch_req q = {.op = SWITCH_OP_ADD};
	struct switch_reply r;
	uint32_t len;

	for (int i = 0; i < GUESTS; i++)
		plan(w, i);
	for (int i = 0; i < UPLINK; i++) {
		g[i].cfg.vlan_mode = PORT_QINQ;
		g[i].cfg.vlan = 40;
	}
	carry(&g[UPLINK], 40);
	for (int i = 0; i < GUESTS; i++)
		guest_up(w, &g[i], RING);
	/* whatever the customer sends is carried, tags and all */
	frame_make(frame, 60, 1, 0);
	len = tagged(inner, 60, 0x8100, 3 << 13 | 7);
	guest_send(&g[CUSTOMER], 0, inner, len);
	expect_frame(&g[OTHER], inner, len);
	memcpy(frame, inner, len);
	len = tagged(outer, len, 0x88a8, 3 << 13 | 40); /* with the inner priority */
	expect_frame(&g[UPLINK], outer, len);
	send_tagged(&g[UPLINK], 3, 1, 0x88a8, 40);
	expect_frame(&g[CUSTOMER], frame, 60);
	send_tagged(&g[UPLINK], 3, 1, 0x8100, 40); /* not a service tag */
	expect_stat(w, &g[UPLINK], drops[DROP_VLAN], 1);
	nobody_else(w, GUESTS);
	/* an access port cannot be in a service VLAN */
	q.port = plan(w, GUESTS)->cfg;
	q.port.vlan = 40;
	r = world_call(w, &q);
	require(r.error == EBUSY && strstr(r.text, "service VLAN"), "%d %s", r.error, r.text);
}

/* UDP over IPv4 from station @src. */
static void
send_ip(struct guest *g, uint8_t src, uint8_t dst, const char *from)
{
	frame_make(frame, 60, src, dst);
	memset(frame + 14, 0, 46);
	frame[12] = 8;
	frame[13] = 0;
	frame[14] = 0x45;
	frame[23] = 17;
	inet_pton(AF_INET, from, frame + 26);
	guest_send(g, 0, frame, 60);
}

static void
check_sources(struct world *w)
{
	struct guest *g = w->guest;

	for (int i = 0; i < 2; i++)
		plan(w, i);
	g[0].cfg.any_mac = 0;
	g[0].cfg.static_mac[0][0] = 2;
	g[0].cfg.static_mac[0][5] = 9;
	for (int i = 0; i < 2; i++)
		guest_up(w, &g[i], RING);
	/* declared addresses are known before anybody heard them */
	send_from(w, 1, 60, 2, 9);
	expect_frame(&g[0], frame, 60);
	send_from(w, 0, 60, 1, 2);
	expect_frame(&g[1], frame, 60);
	send_from(w, 0, 60, 9, 2);
	expect_frame(&g[1], frame, 60);
	send_from(w, 0, 60, 7, 2);
	expect_stat(w, &g[0], drops[DROP_SPOOFED], 1);
	/* and the other one cannot steal them */
	send_from(w, 1, 60, 9, 1);
	expect_stat(w, &g[1], drops[DROP_SPOOFED], 1);
	g[0].cfg.ip[0] = (struct port_ip){.family = 4, .prefix = 32, .addr = {10, 0, 0, 1}};
	set(w, &g[0]);
	send_ip(&g[0], 1, 2, "10.0.0.1");
	expect_frame(&g[1], frame, 60);
	send_ip(&g[0], 1, 2, "10.0.0.2");
	expect_stat(w, &g[0], drops[DROP_SPOOFED], 2);
	g[0].cfg.any_ip = g[0].cfg.any_mac = 1;
	set(w, &g[0]);
	send_ip(&g[0], 7, 2, "10.0.0.2");
	expect_frame(&g[1], frame, 60);
	nobody_else(w, 2);
}

static void
check_limits(struct world *w)
{
	struct guest *g = w->guest;
	uint64_t passed = 0;
	double begun, took;

	for (int i = 0; i < 3; i++)
		plan(w, i);
	g[0].cfg.mac_limit = 2;
	g[0].cfg.isolated = g[1].cfg.isolated = 1;
	for (int i = 0; i < 3; i++)
		guest_up(w, &g[i], RING);
	/* isolated ports see the third one only */
	for (uint8_t i = 0; i < 2; i++) {
		send_from(w, i, 60, (uint8_t)(i + 1), 0);
		expect_frame(&g[2], frame, 60);
	}
	send_from(w, 0, 60, 1, 2);
	expect_stat(w, &g[0], drops[DROP_ISOLATED], 1);
	send_from(w, 2, 60, 3, 1);
	expect_frame(&g[0], frame, 60);
	/* a second address is one more, a third one too many */
	send_from(w, 0, 60, 11, 3);
	expect_frame(&g[2], frame, 60);
	send_from(w, 0, 60, 12, 3);
	expect_stat(w, &g[0], drops[DROP_MAC_LIMIT], 1);
	nobody_else(w, 3);
	/* broadcasts beyond the limit go nowhere */
	g[0].cfg.storm[0] = 10;
	set(w, &g[0]);
	begun = seconds();
	for (int i = 0; i < 60; i++)
		send_from(w, 0, 60, 1, 0);
	expect_stat(w, &g[0], rx_packets, 60 + 4);
	took = seconds() - begun;
	for (uint8_t got[FRAME_ROOM]; guest_receive(&g[2], 0, got, 50) == 60;)
		passed++;
	require(passed >= 10 && (double)passed <= 10 + took * 10 + 1, "%d of 60 passed in %.3f s",
		(int)passed, took);
	expect_stat(w, &g[0], drops[DROP_STORM], 60 - passed);
	send_from(w, 0, 60, 1, 3); /* one receiver is no storm */
	expect_frame(&g[2], frame, 60);
}

/* Sends @n frames of 1,000 bytes from 0 to 1, at once; returns how many arrive. */
static uint64_t
pour(struct world *w, int n)
{
	uint8_t got[FRAME_ROOM];
	uint64_t passed = 0;

	for (int i = 0; i < n; i++)
		send_from(w, 0, 1000, 1, 2);
	while (guest_receive(&w->guest[1], 0, got, 100) == 1000)
		passed++;
	return passed;
}

static void
check_police(struct world *w)
{
	const struct port_policer rate = {.rate = 20000, .burst = 10000, .excess = 10000};
	const struct port_policer none = {0};
	struct guest *g = w->guest;
	uint64_t passed;
	double begun;

	for (int i = 0; i < 2; i++) {
		plan(w, i);
		guest_up(w, &g[i], RING);
	}
	introduce(w, 2);
	require(pour(w, 100) == 100, "not all of 100 frames without a policer");
	g[0].cfg.police_in = rate;
	begun = seconds();
	set(w, &g[0]);
	passed = pour(w, 100);
	require(passed >= 20 && (double)passed <= 20 + (seconds() - begun) * 20 + 1,
		"in: %d of 100 frames passed", (int)passed);
	expect_stat(w, &g[0], drops[DROP_POLICED], 100 - passed);
	require(world_stats(w, &g[0]).yellow >= 9, "no frames above the committed rate counted");
	g[0].cfg.police_in = none;
	set(w, &g[0]);
	g[1].cfg.police_out = rate;
	begun = seconds();
	set(w, &g[1]);
	passed = pour(w, 100);
	require(passed >= 20 && (double)passed <= 20 + (seconds() - begun) * 20 + 1,
		"out: %d of 100 frames passed", (int)passed);
	expect_stat(w, &g[1], drops[DROP_POLICED], 100 - passed);
	g[1].cfg.police_out = none;
	set(w, &g[1]);
	require(pour(w, 100) == 100, "not all of 100 frames after the policers");
}

/* Serial numbers and priorities of what the second guest gets, until @n frames came. */
static void
collect(struct world *w, int n, uint8_t *ret_pcp, int ms)
{
	uint8_t got[FRAME_ROOM];
	int last[8] = {0};

	for (int i = 0; i < n; i++) {
		require(guest_receive(&w->guest[1], 0, got, ms) == 1000 + TAG_LEN,
			"frame %d of %d did not come out of the shaper", i + 1, n);
		ret_pcp[i] = got[14] >> 5;
		require(got[500] > last[ret_pcp[i]], "the order within priority %d", ret_pcp[i]);
		last[ret_pcp[i]] = got[500];
	}
}

static void
send_priority(struct world *w, uint8_t pcp, uint8_t serial)
{
	uint8_t bytes[1000 + TAG_LEN];

	frame_make(frame, 1000, 1, 2);
	tagged(bytes, 1000, 0x8100, (uint16_t)(pcp << 13 | 10));
	bytes[500] = serial;
	guest_send(&w->guest[0], 0, bytes, sizeof(bytes));
}

static void
shape(struct world *w, uint64_t rate, bool strict)
{
	struct guest *g = &w->guest[1];

	g->cfg.shape_out = (struct port_policer){.rate = rate, .burst = rate ? 2008 : 0};
	g->cfg.strict = strict;
	set(w, g);
}

static void
check_shape(struct world *w)
{
	struct guest *g = w->guest;
	double begun, took;
	uint8_t pcp[40];
	int first = 0;

	for (int i = 0; i < 2; i++) {
		carry(plan(w, i), 10);
		guest_up(w, &g[i], RING);
	}
	/* a frame a second, so that they wait for sure, then as fast as they can */
	shape(w, 1000, true);
	for (uint8_t i = 1; i <= 15; i++)
		send_priority(w, 0, i);
	for (uint8_t i = 1; i <= 5; i++)
		send_priority(w, 6, i);
	expect_stat(w, &g[0], rx_packets, 20);
	shape(w, 100000000, true);
	collect(w, 20, pcp, 5000);
	for (int i = 0; i < 20; i++)
		first += pcp[i] == 6 && i < 12;
	require(first == 5, "%d of 5 frames of priority 6 came among the first 12", first);
	/* what waits goes on waiting when priorities end to count, and no faster than it may */
	shape(w, 1000, true);
	for (uint8_t i = 1; i <= 20; i++)
		send_priority(w, i % 4, i);
	expect_stat(w, &g[0], rx_packets, 40);
	begun = seconds();
	shape(w, 20000, false);
	collect(w, 14, pcp, 5000);
	took = seconds() - begun;
	/* 50 ms a frame, two at once; and some went on their way at the old rate */
	require(took >= 6 * 0.05, "14 frames came in %.3f s", took);
	shape(w, 0, false);
	expect_stat(w, &g[1], tx_packets, 40 - world_stats(w, &g[1]).drops[DROP_SHAPED]);
	send_priority(w, 0, 40);
	do
		require(guest_receive(&g[1], 0, frame, 5000) > 0, "nothing without a shaper");
	while (frame[500] != 40);
}

/* Everything about c changes fifty times; between a and b nothing is lost. */
static void
check_changes(struct world *w)
{
	struct guest *g = w->guest, *c = &w->guest[2];
	struct port_cfg plain;

	for (int i = 0; i < 3; i++) {
		plan(w, i);
		guest_up(w, &g[i], RING);
	}
	introduce(w, 3);
	plain = c->cfg;
	for (int round = 0; round < 50; round++) {
		c->cfg = plain;
		if (round & 1)
			c->cfg.police_in = (struct port_policer){.rate = 1000, .burst = 2000};
		if (round & 2)
			c->cfg.shape_out = (struct port_policer){.rate = 1000, .burst = 2000};
		c->cfg.strict = (round & 2) && (round & 4);
		if (round & 8)
			carry(c, (uint16_t)(1 + round));
		c->cfg.isolated = round & 1;
		c->cfg.any_mac = !(round & 4);
		c->cfg.storm[0] = (uint32_t)round;
		for (int i = 0; i < 50; i++) {
			send_from(w, 0, 60, 1, 2);
			if (i == 25)
				set(w, c);
		}
		for (int i = 0; i < 50; i++)
			expect_frame(&g[1], frame, 60);
	}
	expect_nothing(&g[1]);
	c->cfg = plain;
	set(w, c);
	send_from(w, 2, 60, 3, 2);
	expect_frame(&g[1], frame, 60);
	send_from(w, 0, 60, 1, 3);
	expect_frame(c, frame, 60);
}

static const struct scenario scenarios[] = {
	{"vlan", check_vlan},
	{"qinq", check_qinq},
	{"sources", check_sources},
	{"limits", check_limits},
	{"police", check_police},
	{"shape", check_shape},
	{"jumbo-chains", check_jumbo_chains},
	{"changes", check_changes},
};

int
main(int argc, char **argv)
{
	return scenarios_run(scenarios, ARRAY_SIZE(scenarios), argc, argv);
}
