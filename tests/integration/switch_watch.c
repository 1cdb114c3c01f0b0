/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What judges and watches frames, through real rings: rules that come in a file, captures, traces,
 * mirrors, snooping, statistics by network and on DPDK's telemetry socket. Run by switch_watch.sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"
#include "tests/integration/switch_scenario.h"
#include "tests/integration/switch_watch.h"

static int
rules_file(const struct filter_rule *rules, size_t n)
{
	int fd = memfd_create("rules", MFD_CLOEXEC);

	require(fd >= 0, "memfd");
	require(write(fd, rules, n * sizeof(*rules)) == (ssize_t)(n * sizeof(*rules)), "write");
	return fd;
}

static struct switch_reply
set_rules(struct world *w, const char *name, enum filter_direction d,
	  const struct filter_rule *rules, size_t n)
{
	int fd = rules_file(rules, n);
	struct switch_reply r = watch_ask_one(w, SWITCH_OP_RULES, name, d, n, fd);

	close(fd);
	return r;
}

static const struct filter_rule no_dns[] = {
	{.name = "ssh", .has_protocol = 1, .protocol = 17, .target_port = {22, 22}},
	{.name = "no-dns",
	 .action = FILTER_DENY,
	 .family = 4,
	 .has_protocol = 1,
	 .protocol = 17,
	 .target_port = {53, 53},
	 .source = {10, 0, 0, 0},
	 .source_prefix = 24},
};

static void
expect_rule(struct world *w, const char *port, enum filter_direction d, const char *name,
	    uint64_t packets)
{
	struct switch_reply r = watch_ask_one(w, SWITCH_OP_COUNTS, port, d, 0, -1);

	for (uint32_t i = 0; i < r.n; i++) {
		if (strcmp(r.rule_count[i].name, name) != 0)
			continue;
		require(r.rule_count[i].packets == packets, "rule %s met %llu frames, not %llu",
			name, (unsigned long long)r.rule_count[i].packets,
			(unsigned long long)packets);
		return;
	}
	fail("rule %s is not there", name);
}

static void
check_rules(struct world *w)
{
	struct switch_reply r;

	guests(w, 2);
	introduce(w, 2);
	r = set_rules(w, "a", FILTER_FROM, no_dns, ARRAY_SIZE(no_dns));
	require(r.error == 0, "%s", r.text);
	watch_udp(frame, 1, 2, 53, 0);
	guest_send(&w->guest[0], 0, frame, 60);
	expect_stat(w, &w->guest[0], drops[DROP_FILTER], 1);
	expect_nothing(&w->guest[1]);
	watch_udp(frame, 1, 2, 54, 0);
	guest_send(&w->guest[0], 0, frame, 60);
	expect_frame(&w->guest[1], frame, 60);
	watch_udp(frame, 2, 1, 53, 0); /* the other way */
	guest_send(&w->guest[1], 0, frame, 60);
	expect_frame(&w->guest[0], frame, 60);
	r = set_rules(w, "a", FILTER_TO, no_dns + 1, 1);
	require(r.error == 0, "%s", r.text);
	guest_send(&w->guest[1], 0, frame, 60);
	expect_stat(w, &w->guest[0], drops[DROP_FILTER], 2);
	expect_nothing(&w->guest[0]);
	expect_rule(w, "a", FILTER_FROM, "no-dns", 1);
	expect_rule(w, "a", FILTER_FROM, "ssh", 0);
	expect_rule(w, "a", FILTER_TO, "no-dns", 1);
	/* replaced: the name's counter goes on; none at all: everything passes */
	r = set_rules(w, "a", FILTER_FROM, no_dns + 1, 1);
	require(r.error == 0, "%s", r.text);
	expect_rule(w, "a", FILTER_FROM, "no-dns", 1);
	require(watch_ask_one(w, SWITCH_OP_RULES, "a", FILTER_FROM, 0, -1).error == 0, "no rules");
	watch_udp(frame, 1, 2, 53, 0);
	guest_send(&w->guest[0], 0, frame, 60);
	expect_frame(&w->guest[1], frame, 60);
}

static void
check_refused(struct world *w)
{
	struct filter_rule bad = {.name = "odd", .vlan = 5000};
	int fd, p[2];

	guests(w, 1);
	watch_refused(set_rules(w, "nobody", 0, no_dns, 1), ENOENT, "no such port");
	watch_refused(set_rules(w, "a", FILTER_FROM, &bad, 1), EINVAL, "rule odd");
	watch_refused(set_rules(w, "a", FILTER_DIRECTIONS, no_dns, 1), EINVAL, "direction");
	watch_refused(watch_ask_one(w, SWITCH_OP_RULES, "a", 0, 1, -1), EBADF, "no file");
	watch_refused(watch_ask_one(w, SWITCH_OP_RULES, "a", 0, 1u << 20, -1), EBADF, "no file");
	fd = rules_file(no_dns, 2);
	watch_refused(watch_ask_one(w, SWITCH_OP_RULES, "a", 0, 3, fd), EINVAL, "does not hold");
	watch_refused(watch_ask_one(w, SWITCH_OP_RULES, "a", 0, 1u << 20, fd), E2BIG, "rules");
	require(pipe(p) == 0, "pipe");
	watch_refused(watch_ask_one(w, SWITCH_OP_RULES, "a", 0, 1, p[0]), EINVAL, "file");
	watch_refused(watch_ask_one(w, SWITCH_OP_CAPTURE, "a", 0, 0, p[0]), EBADF, "writing");
	watch_refused(watch_ask_one(w, SWITCH_OP_CAPTURE, "a", 0, 0, -1), EBADF, "no file");
	watch_refused(watch_ask_one(w, SWITCH_OP_CAPTURE, "a", 1u << 20, 0, p[1]), EINVAL, "bytes");
	watch_refused(watch_ask_one(w, SWITCH_OP_RELEASE, "a", 0, 0, -1), ENOENT,
		      "not being captured");
	watch_refused(watch_ask_one(w, SWITCH_OP_TRACED, "a", 0, 0, -1), ENOENT, "not traced");
	watch_refused(watch_ask_one(w, SWITCH_OP_TRACE, "a", 0, UINT64_MAX, -1), EINVAL, "1..");
	close(fd);
	close(p[0]);
	close(p[1]);
}

/* 10,000 rules of one port come and go; a neighbour's frames all arrive. */
static void
check_many_rules(struct world *w)
{
	static struct filter_rule rules[10000];
	uint8_t got[FRAME_ROOM];
	unsigned int sent = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(rules); i++) {
		rules[i].action = FILTER_DENY;
		rules[i].family = 4;
		rules[i].source_prefix = (uint8_t)(20 + i % 13);
		rules[i].source[0] = 11;
		rules[i].source[1] = (uint8_t)(i >> 8);
		rules[i].source[2] = (uint8_t)i;
		rules[i].target_port[0] = rules[i].target_port[1] = (uint16_t)(1 + i);
	}
	guests(w, 3);
	introduce(w, 3);
	for (int round = 0; round < 10; round++) {
		int fd = rules_file(rules, ARRAY_SIZE(rules) - (size_t)round);
		struct switch_req q = {.op = SWITCH_OP_RULES,
				       .count = ARRAY_SIZE(rules) - (uint64_t)round,
				       .port.name = "a"};
		const struct msg_head want = {.magic = SWITCH_REPLY_MAGIC,
					      .version = SWITCH_MSG_VERSION,
					      .size = sizeof(struct switch_reply)};
		struct pollfd answered = {.fd = w->control, .events = POLLIN};
		struct switch_reply r;
		size_t n;

		q.head = (struct msg_head){.magic = SWITCH_REQ_MAGIC,
					   .version = SWITCH_MSG_VERSION,
					   .size = sizeof(q),
					   .seq = ++w->seq};
		require(fdmsg_send(w->control, &q.head, &fd, 1) == 0, "send");
		close(fd);
		do { /* frames of neighbours while the rules are made */
			watch_udp(frame, 2, 3, 1000, (uint8_t)sent++);
			guest_send(&w->guest[1], 0, frame, 60);
			require(guest_receive(&w->guest[2], 0, got, 5000) == 60 &&
					got[59] == frame[59],
				"frame %u of a neighbour was lost", sent);
		} while (poll(&answered, 1, 0) == 0);
		require(fdmsg_recv(w->control, &want, &r, NULL, 0, &n) == 0 && r.error == 0,
			"rules: %s", r.text);
	}
	expect_stat(w, &w->guest[1], rx_packets, sent + 1);
	expect_stat(w, &w->guest[2], tx_packets, sent + 2);
	expect_stat(w, &w->guest[2], drops[DROP_RING_FULL], 0);
	/* and they do what they say */
	watch_udp(frame, 1, 2, 1, 0);
	memcpy(frame + 26, "\x0b\0\0\1", 4);
	guest_send(&w->guest[0], 0, frame, 60);
	expect_stat(w, &w->guest[0], drops[DROP_FILTER], 1);
}

/* Port a both ways into the file that the script then reads, port b with a rule and an end. */
static void
check_capture(struct world *w)
{
	struct switch_req q = {.op = SWITCH_OP_CAPTURE, .count = 3, .port.name = "b"};
	const char *path = getenv("SWITCH_WATCH_PCAP");
	struct switch_reply r;
	double end;
	int fd;

	guests(w, 2);
	introduce(w, 2);
	fd = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	require(fd >= 0, "%s: %s", path, strerror(errno));
	r = watch_ask_one(w, SWITCH_OP_CAPTURE, "a", 100, 0, fd);
	require(r.error == 0, "%s", r.text);
	watch_refused(watch_ask_one(w, SWITCH_OP_CAPTURE, "a", 0, 0, fd), EBUSY, "release");
	close(fd);
	q.rule.target_port[0] = q.rule.target_port[1] = 7;
	fd = memfd_create("capture", MFD_CLOEXEC);
	watch_ask(w, &q, fd, &r, 1);
	require(r.error == 0, "%s", r.text);
	for (uint8_t i = 0; i < 10; i++) {
		watch_udp(frame, 1, 2, i % 2 ? 7 : 9, i);
		guest_send(&w->guest[0], 0, frame, 60);
		expect_frame(&w->guest[1], frame, 60);
	}
	watch_udp(frame, 2, 1, 9, 10);
	guest_send(&w->guest[1], 0, frame, 60);
	expect_frame(&w->guest[0], frame, 60);
	send_from(w, 0, 1514, 1, 2);
	expect_frame(&w->guest[1], frame, 1514);
	/* b's has what it wanted */
	for (end = watch_seconds() + PATIENCE_S; watch_seconds() < end; usleep(5000)) {
		r = watch_ask_one(w, SWITCH_OP_RELEASE, "b", 1, 0, -1);
		if (!r.more_later)
			break;
	}
	require(r.error == 0 && !r.more_later && r.n == 2 && r.rule_count[0].packets == 3,
		"%u: %llu frames were captured at b: %s", r.n,
		(unsigned long long)r.rule_count[0].packets, r.text);
	require(lseek(fd, 0, SEEK_END) == 24 + 3 * (16 + 60), "the file at b has another size");
	close(fd);
	r = watch_ask_one(w, SWITCH_OP_RELEASE, "a", 0, 0, -1);
	require(r.error == 0 && r.rule_count[0].packets == 12 && r.rule_count[1].packets == 0,
		"%llu frames were captured at a: %s", (unsigned long long)r.rule_count[0].packets,
		r.text);
	watch_refused(watch_ask_one(w, SWITCH_OP_RELEASE, "a", 0, 0, -1), ENOENT,
		      "not being captured");
	/* a port that goes leaves a whole file */
	fd = memfd_create("capture", MFD_CLOEXEC);
	r = watch_ask_one(w, SWITCH_OP_CAPTURE, "b", 0, 0, fd);
	require(r.error == 0, "%s", r.text);
	for (int i = 0; i < 5; i++) {
		send_from(w, 0, 100, 1, 2);
		expect_frame(&w->guest[1], frame, 100);
	}
	require(world_op(w, SWITCH_OP_REMOVE, "b").error == 0, "removing b");
	require(lseek(fd, 0, SEEK_END) == 24 + 5 * (16 + 100), "its file has another size");
	close(fd);
}

/* Collects what is told until the trace says that it is over. */
static uint32_t
collect(struct world *w, const char *port, struct switch_trace *ret, uint32_t max)
{
	struct switch_req q = {.op = SWITCH_OP_TRACED};
	struct switch_reply r[REPLIES_MAX];
	uint32_t n, k = 0;

	snprintf(q.port.name, sizeof(q.port.name), "%s", port);
	for (double end = watch_seconds() + PATIENCE_S; watch_seconds() < end; usleep(5000)) {
		n = watch_ask(w, &q, -1, r, REPLIES_MAX);
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t m = 0; m < r[i].n && k < max; m++)
				ret[k++] = r[i].trace[m];
		if (!r[n - 1].more_later)
			return k;
	}
	fail("the trace of %s does not end", port);
}

static void
expect_told(const struct switch_trace *t, uint32_t n, uint64_t of_frame, const char *port,
	    const char *what, uint32_t dropped)
{
	for (uint32_t i = 0; i < n; i++)
		if (t[i].frame == of_frame && strcmp(t[i].port, port) == 0 &&
		    strcmp(t[i].what, what) == 0 && t[i].dropped == dropped)
			return;
	for (uint32_t i = 0; i < n; i++)
		printf("[%llu %s: %s] ", (unsigned long long)t[i].frame, t[i].port, t[i].what);
	fail("of frame %llu it is not told: %s: %s", (unsigned long long)of_frame, port, what);
}

static void
check_trace(struct world *w)
{
	struct switch_trace t[64];
	uint32_t n;

	guests(w, 3);
	introduce(w, 3);
	require(set_rules(w, "a", FILTER_FROM, no_dns, 2).error == 0, "rules");
	require(watch_ask_one(w, SWITCH_OP_TRACE, "a", 0, 5, -1).error == 0, "trace");
	watch_udp(frame, 1, 2, 54, 0);
	guest_send(&w->guest[0], 0, frame, 60);
	expect_frame(&w->guest[1], frame, 60);
	watch_udp(frame, 1, 2, 53, 0);
	guest_send(&w->guest[0], 0, frame, 60);
	send_from(w, 0, 60, 8, 9);
	expect_frame(&w->guest[1], frame, 60);
	expect_frame(&w->guest[2], frame, 60);
	frame_make(frame, 60, 1, 2);
	frame[6] = 3;
	guest_send(&w->guest[0], 0, frame, 60);
	for (int i = 0; i < RING + 1; i++) /* the last one of these is traced */
		send_from(w, 1, 60, 2, 3);
	expect_stat(w, &w->guest[2], drops[DROP_RING_FULL], 1);
	send_from(w, 0, 60, 1, 3);
	n = collect(w, "a", t, ARRAY_SIZE(t));
	expect_told(t, n, 1, "a", "in", 0);
	expect_told(t, n, 1, "a", "filter: no rule: allow", 0);
	expect_told(t, n, 1, "a", "to b", 0);
	expect_told(t, n, 1, "b", "put", 0);
	expect_told(t, n, 2, "a", "filter no-dns: deny", 0);
	expect_told(t, n, 2, "a", "dropped: filter", 1 + DROP_FILTER);
	expect_told(t, n, 3, "a", "its source is learnt", 0);
	expect_told(t, n, 3, "a", "flooded", 0);
	expect_told(t, n, 3, "b", "put", 0);
	expect_told(t, n, 3, "c", "put", 0);
	expect_told(t, n, 4, "a", "dropped: source", 1 + DROP_SOURCE);
	expect_told(t, n, 5, "c", "dropped: ring-full", 1 + DROP_RING_FULL);
	require(memcmp(t[0].head + 26, "\x0a\0\0\1", 4) == 0, "the head is another frame's");
	require(watch_ask_one(w, SWITCH_OP_TRACE, "a", 0, 0, -1).error == 0, "no trace");
	watch_refused(watch_ask_one(w, SWITCH_OP_TRACED, "a", 0, 0, -1), ENOENT, "not traced");
	send_from(w, 0, 60, 1, 2);
	expect_frame(&w->guest[1], frame, 60);
}

int
main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{"rules", check_rules},
		{"refused", check_refused},
		{"many-rules", check_many_rules},
		{"capture", check_capture},
		{"trace", check_trace},
		{"mirror", watch_check_mirror},
		{"snoop", watch_check_snoop},
		{"networks", watch_check_networks},
		{"telemetry", watch_check_telemetry},
	};

	return scenarios_run(scenarios, ARRAY_SIZE(scenarios), argc, argv);
}
