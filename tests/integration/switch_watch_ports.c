/* SPDX-License-Identifier: Apache-2.0 */
/* Mirrors, snooping and statistics: the scenarios of switch_watch that are about more than one port. */
#include "tests/integration/switch_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

double
watch_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* One request with a descriptor (-1: none), all its replies. Returns how many. */
uint32_t
watch_ask(struct world *w, struct switch_req *q, int fd, struct switch_reply *ret, uint32_t max)
{
	const struct msg_head want = {.magic = SWITCH_REPLY_MAGIC,
				      .version = SWITCH_MSG_VERSION,
				      .size = sizeof(struct switch_reply)};
	uint32_t n = 0;
	size_t fds;

	q->head = (struct msg_head){.magic = SWITCH_REQ_MAGIC,
				    .version = SWITCH_MSG_VERSION,
				    .size = sizeof(*q),
				    .seq = ++w->seq};
	require(fdmsg_send(w->control, &q->head, &fd, fd >= 0) == 0, "the switch does not listen");
	do {
		require(n < max, "more than %u replies", max);
		require(fdmsg_recv(w->control, &want, &ret[n], NULL, 0, &fds) == 0, "no answer");
	} while (ret[n++].more);
	return n;
}

struct switch_reply
watch_ask_one(struct world *w, uint32_t op, const char *name, uint32_t arg, uint64_t count, int fd)
{
	struct switch_req q = {.op = op, .arg = arg, .count = count};
	struct switch_reply r;

	snprintf(q.port.name, sizeof(q.port.name), "%s", name);
	watch_ask(w, &q, fd, &r, 1);
	return r;
}

/* UDP from station @src to @dst with a serial number. 60 bytes. */
void
watch_udp(uint8_t *f, uint8_t src, uint8_t dst, uint16_t port, uint8_t serial)
{
	frame_make(f, 60, src, dst);
	memset(f + 14, 0, 40);
	memcpy(f + 12, "\x08\x00\x45", 3);
	f[22] = 64;
	f[23] = 17;
	memcpy(f + 26, "\x0a\0\0", 3);
	f[29] = src;
	memcpy(f + 30, "\x0a\0\0", 3);
	f[33] = dst;
	f[36] = (uint8_t)(port >> 8);
	f[37] = (uint8_t)port;
	f[59] = serial;
}

void
watch_refused(struct switch_reply r, int error, const char *words)
{
	require(r.error == error && strstr(r.text, words), "%d %s, not %d %s", r.error, r.text,
		error, words);
}

static void
change(struct world *w, const struct guest *g)
{
	const struct switch_req q = {.op = SWITCH_OP_SET, .port = g->cfg};
	struct switch_reply r = world_call(w, &q);

	require(r.head.size && r.error == 0, "changing %s: %s", g->cfg.name, r.text);
}

void
watch_check_mirror(struct world *w)
{
	struct switch_req q = {.op = SWITCH_OP_SET};
	struct switch_reply r;

	guests(w, 3);
	introduce(w, 3);
	strcpy(w->guest[0].cfg.mirror_to, "d"); /* which is not there yet */
	w->guest[0].cfg.mirror_in = 1;
	change(w, &w->guest[0]);
	send_from(w, 0, 60, 1, 2);
	expect_frame(&w->guest[1], frame, 60);
	guest_up(w, guest_plan(w, 3), RING);
	send_from(w, 0, 1514, 1, 2);
	expect_frame(&w->guest[1], frame, 1514);
	expect_frame(&w->guest[3], frame, 1514);
	send_from(w, 1, 60, 2, 1); /* to a: not asked for */
	expect_frame(&w->guest[0], frame, 60);
	send_from(w, 1, 60, 2, 0); /* to everybody but mirrors */
	expect_frame(&w->guest[0], frame, 60);
	expect_frame(&w->guest[2], frame, 60);
	expect_nothing(&w->guest[3]);
	w->guest[0].cfg.mirror_out = 1;
	w->guest[0].cfg.mirror_in = 0;
	change(w, &w->guest[0]);
	send_from(w, 1, 60, 2, 1);
	expect_frame(&w->guest[0], frame, 60);
	expect_frame(&w->guest[3], frame, 60);
	send_from(w, 0, 60, 1, 2);
	expect_frame(&w->guest[1], frame, 60);
	expect_nothing(&w->guest[3]);
	/* round and round */
	q.port = w->guest[3].cfg;
	strcpy(q.port.mirror_to, "a");
	q.port.mirror_in = 1;
	r = world_call(w, &q);
	watch_refused(r, EINVAL, "mirror both");
	/* the target goes, and comes back as another port in its place */
	require(world_op(w, SWITCH_OP_REMOVE, "d").error == 0, "removing d");
	guest_down(&w->guest[3]);
	send_from(w, 1, 60, 2, 1);
	expect_frame(&w->guest[0], frame, 60);
	guest_plan(w, 3)->cfg.mirror_also = 1;
	guest_up(w, &w->guest[3], RING);
	send_from(w, 1, 60, 2, 1);
	expect_frame(&w->guest[0], frame, 60);
	expect_frame(&w->guest[3], frame, 60);
	send_from(w, 2, 60, 3, 0); /* this time it takes others' frames too, and a's copy */
	expect_frame(&w->guest[3], frame, 60);
	expect_frame(&w->guest[3], frame, 60);
}

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* IGMP version 2 from station @src. */
static void
send_igmp(struct guest *g, uint8_t src, uint8_t type, const uint8_t group[4])
{
	uint8_t *ip = frame + 14, *m = ip + 24;
	uint32_t sum = 0;

	frame_make(frame, 60, src, 0);
	memset(frame + 12, 0, 48);
	memcpy(frame, "\x01\0\x5e\0\0\1", 6);
	memcpy(frame + 12, "\x08\0\x46\0\0\x20", 6);
	ip[8] = 1;
	ip[9] = 2;
	memcpy(ip + 12, "\x0a\0\0", 3);
	ip[15] = src;
	memcpy(ip + 16, "\xe0\0\0\1\x94\x04", 6);
	m[0] = type;
	memcpy(m + 4, group, 4);
	for (int i = 0; i < 8; i += 2)
		sum += (uint32_t)(m[i] << 8 | m[i + 1]);
	put16(m + 2, ~((sum & 0xffff) + (sum >> 16)));
	guest_send(g, 0, frame, 60);
}

static void
send_group(struct world *w, uint8_t serial)
{
	watch_udp(frame, 1, 0, 5000, serial);
	memcpy(frame, "\x01\0\x5e\1\2\3", 6);
	memcpy(frame + 30, "\xef\1\2\3", 4);
	guest_send(&w->guest[0], 0, frame, 60);
}

/*
 * How many copies of @bytes guest @n got before a frame that is sent now, to it alone. Everything else
 * that came meanwhile is thrown away.
 */
static unsigned int
count_until_now(struct world *w, int n, const uint8_t *bytes)
{
	static uint8_t serial;
	uint8_t mark[60], got[FRAME_ROOM];
	unsigned int count = 0;
	int len;

	watch_udp(mark, 1, (uint8_t)(n + 1), 6000, ++serial);
	guest_send(&w->guest[0], 0, mark, sizeof(mark));
	do {
		len = guest_receive(&w->guest[n], 0, got, PATIENCE_S * 1000);
		require(len >= 0, "guest %d hears nothing any more", n);
		count += len == 60 && memcmp(got, bytes, 60) == 0;
	} while (len != 60 || memcmp(got, mark, 60) != 0);
	return count;
}

/* Sends a frame for the group until guest 3, who did not join, gets it, or gets it no more. */
static void
until_stranger_gets(struct world *w, bool want)
{
	static uint8_t serial;
	uint8_t bytes[60];
	bool got = !want;

	for (double end = watch_seconds() + PATIENCE_S; watch_seconds() < end && got != want;) {
		unsigned int member;

		send_group(w, ++serial);
		memcpy(bytes, frame, sizeof(bytes));
		member = count_until_now(w, 1, bytes);
		require(member == 1, "the member got %u copies", member);
		got = count_until_now(w, 3, bytes) == 1;
		if (w->guest[2].open) /* so that its ring does not fill */
			count_until_now(w, 2, bytes);
	}
	require(got == want, "who did not join %s the group", want ? "never gets" : "always gets");
}

void
watch_check_snoop(struct world *w)
{
	static const uint8_t group[4] = {239, 1, 2, 3}, none[4];
	uint8_t report[60];

	for (int i = 0; i < 4; i++) {
		guest_plan(w, i)->cfg.snoop = 1;
		guest_up(w, &w->guest[i], RING);
	}
	introduce(w, 4);
	send_group(w, 1);
	for (int i = 1; i < 4; i++) /* nobody has asked */
		expect_frame(&w->guest[i], frame, 60);
	send_igmp(&w->guest[2], 3, 0x11, none); /* a router behind c */
	send_igmp(&w->guest[1], 2, 0x16, group);
	until_stranger_gets(w, false);
	/* a report is the router's business only; everybody's groups are everybody's */
	send_igmp(&w->guest[1], 2, 0x16, group);
	memcpy(report, frame, sizeof(report));
	expect_frame(&w->guest[2], report, 60);
	require(count_until_now(w, 3, report) == 0, "who is no router got a report");
	watch_udp(frame, 1, 0, 5000, 3);
	memcpy(frame, "\x01\0\x5e\0\0\5", 6);
	guest_send(&w->guest[0], 0, frame, 60);
	for (int i = 1; i < 4; i++)
		expect_frame(&w->guest[i], frame, 60);
	send_from(w, 0, 60, 1, 0);
	for (int i = 1; i < 4; i++)
		expect_frame(&w->guest[i], frame, 60);
	/* without the router everything is flooded again */
	require(world_op(w, SWITCH_OP_REMOVE, "c").error == 0, "removing c");
	guest_down(&w->guest[2]);
	until_stranger_gets(w, true);
}

void
watch_check_networks(struct world *w)
{
	struct switch_req q = {.op = SWITCH_OP_NETWORKS};
	struct switch_reply r[REPLIES_MAX];
	uint32_t n;

	guests(w, 2);
	strcpy(guest_plan(w, 2)->cfg.network, "other");
	guest_up(w, &w->guest[2], RING);
	introduce(w, 2);
	n = watch_ask(w, &q, -1, r, REPLIES_MAX);
	require(n == 3 && r[0].n == 2 && r[1].n == 1 && r[2].n == 0, "%u replies", n);
	require(strcmp(r[0].port.network, "net") == 0 && r[0].stats.rx_packets == 2 &&
			r[0].stats.tx_packets == 2 && r[0].stats.connected == 2,
		"%s: %llu, %llu frames", r[0].port.network,
		(unsigned long long)r[0].stats.rx_packets,
		(unsigned long long)r[0].stats.tx_packets);
	require(strcmp(r[1].port.network, "other") == 0 && r[1].stats.rx_packets == 0, "other");
}

/* The reply to one question; DPDK's answers are one packet each. */
static void
tell_me(int fd, const char *question, char *ret, size_t size)
{
	ssize_t n;

	require(send(fd, question, strlen(question), 0) > 0, "%s: %s", question, strerror(errno));
	n = recv(fd, ret, size - 1, 0);
	require(n > 0, "%s: no answer", question);
	ret[n] = '\0';
}

/* DPDK's own client, where it is installed. */
static void
check_client(const char *dir)
{
	char command[200], text[4000] = "";
	FILE *f;

	if (access("/usr/bin/dpdk-telemetry.py", X_OK) < 0)
		return;
	snprintf(command, sizeof(command),
		 "echo /corelane/ports | RUNTIME_DIRECTORY=%s /usr/bin/dpdk-telemetry.py -f "
		 "corelane",
		 dir);
	f = popen(command, "re");
	require(f, "popen");
	require(fread(text, 1, sizeof(text) - 1, f) > 0, "dpdk-telemetry.py says nothing");
	require(pclose(f) == 0 && strstr(text, "/corelane/ports"), "dpdk-telemetry.py: %s", text);
}

void
watch_check_telemetry(struct world *w)
{
	struct world second = {.program = w->program, .packed = w->packed, .lanes = w->lanes};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = PATIENCE_S};
	char dir[64] = "/tmp/switch-watch.XXXXXX", text[20000], path[200];
	struct stat st;
	int fd;

	world_stop(w); /* hugepages for one are enough */
	w->pid = 0;
	require(mkdtemp(dir), "mkdtemp");
	second.telemetry = dir;
	require(world_start(&second), "a second switch does not start");
	guests(&second, 2);
	introduce(&second, 2);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk/corelane/dpdk_telemetry.v2", dir);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	require(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0, "%s: %s", addr.sun_path,
		strerror(errno));
	snprintf(path, sizeof(path), "%s/dpdk/corelane", dir);
	require(stat(path, &st) == 0 && (st.st_mode & 077) == 0, "others may use the socket");
	require(recv(fd, text, sizeof(text), 0) > 0, "no greeting");
	tell_me(fd, "/corelane/ports", text, sizeof(text));
	require(strstr(text, "[\"a\",\"b\"]") || strstr(text, "[\"a\", \"b\"]"), "%s", text);
	tell_me(fd, "/corelane/port,a", text, sizeof(text));
	require(strstr(text, "rx_packets") && strstr(text, "drop_ring_full"), "%s", text);
	tell_me(fd, "/corelane/networks", text, sizeof(text));
	require(strstr(text, "[\"net\"]"), "%s", text);
	tell_me(fd, "/corelane/network,net", text, sizeof(text));
	require(strstr(text, "\"ports\":2") || strstr(text, "\"ports\": 2"), "%s", text);
	require(strstr(text, "\"rx_packets\":2") || strstr(text, "\"rx_packets\": 2"), "%s", text);
	tell_me(fd, "/corelane/lanes", text, sizeof(text));
	require(strstr(text, "[0"), "%s", text);
	tell_me(fd, "/corelane/lane,0", text, sizeof(text));
	require(strstr(text, "frames"), "%s", text);
	tell_me(fd, "/corelane/port,nobody", text, sizeof(text));
	require(strstr(text, "null"), "%s", text);
	/* ports go while they are asked about */
	for (int i = 0; i < 20; i++) {
		guest_up(&second, guest_plan(&second, 2), RING);
		for (int k = 0; k < 5; k++)
			require(send(fd, "/corelane/port,c", 16, 0) == 16, "send");
		require(world_op(&second, SWITCH_OP_REMOVE, "c").error == 0, "removing c");
		for (int k = 0; k < 5; k++)
			require(recv(fd, text, sizeof(text), 0) > 0, "no answer");
		guest_down(&second.guest[2]);
	}
	close(fd);
	check_client(dir);
	world_stop(&second);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/dpdk", dir);
	rmdir(path);
	require(rmdir(dir) == 0, "%s: %s", dir, strerror(errno));
}
