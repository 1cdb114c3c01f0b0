/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/switch_world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 5000
#define SILENCE_MS 30

uint8_t frame[FRAME_ROOM];

static int
allowed_cpu(bool last)
{
	cpu_set_t set;
	int found = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		found = cpu;
		if (!last)
			break;
	}
	return found;
}

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void
exec_switch(const struct world *w, int control)
{
	char fd[16], cpus[32], keep[16];
	/* several lanes share what CPUs there are: each sleeps when it has nothing to do */
	const char *args[16] = {w->program, w->lanes ? "--cpus" : "--cpu",
				cpus,       "--housekeeping",
				keep,       "--control-fd",
				fd,         "--memory",
				"32",       "--mac-table",
				"64"};
	unsigned int n = 11;

	fcntl(control, F_SETFD, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(fd, sizeof(fd), "%d", control);
	snprintf(keep, sizeof(keep), "%d", allowed_cpu(false));
	if (w->lanes)
		snprintf(cpus, sizeof(cpus), "%d,%d", allowed_cpu(false), allowed_cpu(true));
	else
		snprintf(cpus, sizeof(cpus), "%d", allowed_cpu(true));
	if (w->lanes)
		args[n++] = "--shared-cpu";
	if (w->telemetry || w->rings) {
		args[n++] = w->telemetry ? "--telemetry" : "--rings";
		args[n++] = w->telemetry ? w->telemetry : w->rings;
	}
	execv(w->program, (char *const *)args);
	_exit(127);
}

bool
world_start(struct world *w)
{
	int fds[2], status;

	snprintf(w->dir, sizeof(w->dir), "/tmp/switch-check.XXXXXX");
	require(mkdtemp(w->dir), "mkdtemp: %s", strerror(errno));
	require(fdmsg_pair(fds) == 0, "socketpair");
	fflush(stdout);
	w->pid = fork();
	require(w->pid >= 0, "fork: %s", strerror(errno));
	if (w->pid == 0)
		exec_switch(w, fds[1]);
	close(fds[1]);
	w->control = fds[0];
	/* it answers as soon as it runs, or is gone */
	if (world_op(w, SWITCH_OP_LIST, "").head.size)
		return true;
	status = world_wait(w);
	rmdir(w->dir);
	require(WIFEXITED(status) && WEXITSTATUS(status) == 4, "the switch ended with status %#x",
		(unsigned int)status);
	return false;
}

int
world_wait(struct world *w)
{
	int status = -1;

	for (double end = now_ms() + TIMEOUT_MS; now_ms() < end; usleep(10000))
		if (waitpid(w->pid, &status, WNOHANG) == w->pid)
			return status;
	kill(w->pid, SIGKILL);
	fail("the switch did not end");
}

void
world_stop(struct world *w)
{
	struct switch_reply r = world_op(w, SWITCH_OP_STOP, "");
	int status;

	require(r.head.size && r.error == 0, "stop was answered with %d", r.error);
	status = world_wait(w);
	require(status == 0, "after stop the status was %#x", (unsigned int)status);
	for (int i = 0; i < WORLD_GUESTS_MAX; i++)
		guest_down(&w->guest[i]);
	close(w->control);
	w->control = -1;
	require(rmdir(w->dir) == 0, "%s is not empty", w->dir);
}

struct switch_reply
world_call(struct world *w, const struct switch_req *req)
{
	const struct msg_head want = {.magic = SWITCH_REPLY_MAGIC,
				      .version = SWITCH_MSG_VERSION,
				      .size = sizeof(struct switch_reply)};
	struct switch_reply r = {0}, more;
	struct switch_req q = *req;
	size_t n;

	q.head = (struct msg_head){.magic = SWITCH_REQ_MAGIC,
				   .version = SWITCH_MSG_VERSION,
				   .size = sizeof(q),
				   .seq = ++w->seq};
	if (fdmsg_send(w->control, &q.head, NULL, 0) < 0 ||
	    fdmsg_recv(w->control, &want, &r, NULL, 0, &n) < 0)
		return (struct switch_reply){0};
	require(r.head.seq == w->seq, "a reply to another request");
	for (more = r; more.more;)
		require(fdmsg_recv(w->control, &want, &more, NULL, 0, &n) == 0, "half an answer");
	return r;
}

struct switch_reply
world_op(struct world *w, uint32_t op, const char *name)
{
	struct switch_req q = {.op = op};

	snprintf(q.port.name, sizeof(q.port.name), "%s", name);
	return world_call(w, &q);
}

struct port_stats
world_stats(struct world *w, const struct guest *g)
{
	struct switch_reply r = world_op(w, SWITCH_OP_STATS, g->cfg.name);

	require(r.has_port && r.error == 0, "no statistics of %s: %s", g->cfg.name, r.text);
	return r.stats;
}

struct guest *
guest_plan(struct world *w, int n)
{
	struct guest *g = &w->guest[n];
	char path[sizeof(w->dir) + 2];

	memset(g, 0, sizeof(*g));
	g->cfg = (struct port_cfg){.any_mac = 1,
				   .network = "net",
				   .queues = 1,
				   .mtu = 1500,
				   .mac_age_s = 300,
				   .mac = {2}};
	g->cfg.name[0] = (char)('a' + n);
	memcpy(path, w->dir, sizeof(w->dir));
	strcat(path, "/");
	memcpy(g->cfg.socket, path, strlen(path));
	g->cfg.socket[strlen(path)] = g->cfg.name[0];
	return g;
}

void
guest_up(struct world *w, struct guest *g, uint16_t ring_size)
{
	const struct port_opts opts = {.path = g->cfg.socket,
				       .packed = w->packed,
				       .small_pages = !g->huge,
				       .ring_size = ring_size,
				       .one_buffer = g->one_buffer,
				       .max_frame = g->max_frame ? g->max_frame : FRAME_MAX,
				       .queues = g->cfg.queues,
				       .features = g->features};
	struct switch_req q = {.op = SWITCH_OP_ADD, .port = g->cfg};
	struct switch_reply r;
	struct err e = {0};

	require(port_open(&g->port, (unsigned int)(g - w->guest), &opts, &e) == 0, "%s", e.text);
	g->open = true;
	r = world_call(w, &q);
	require(r.head.size && r.error == 0, "adding %s: %s", g->cfg.name, r.text);
	require(port_attach(&g->port, TIMEOUT_MS, &e) == 0, "%s", e.text);
	expect_stat(w, g, connects, 1);
}

void
guest_down(struct guest *g)
{
	if (g->open)
		port_close(&g->port);
	g->open = false;
}

void
frame_make(uint8_t *bytes, uint32_t len, uint8_t src, uint8_t dst)
{
	const uint8_t head[14] = {2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 0x88, 0xb5};

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + len + src);
	memcpy(bytes, head, len < sizeof(head) ? len : sizeof(head));
	if (dst == 0)
		memset(bytes, 0xff, 6);
}

void
guest_send(struct guest *g, unsigned int queue, const uint8_t *bytes, uint32_t len)
{
	struct ring *tx = port_tx(&g->port, queue);
	uint16_t id;
	uint8_t *buf;

	for (double end = now_ms() + TIMEOUT_MS; tx->n_free == 0 && now_ms() < end;)
		port_reap(tx, 1);
	require(tx->n_free > 0, "%s: the switch takes no frames", g->cfg.name);
	id = tx->free[tx->free_at++ & (tx->size - 1)];
	tx->n_free--;
	buf = tx->buf + id * tx->stride;
	memset(buf, 0, FRAME_VNET_HDR);
	memcpy(buf + FRAME_VNET_HDR, bytes, len);
	ring_put(tx, &id, 1, FRAME_VNET_HDR + len);
	ring_kick(tx);
}

int
guest_receive(struct guest *g, unsigned int queue, uint8_t *ret, int ms)
{
	struct ring *rx = port_rx(&g->port, queue);
	struct ring_done done;
	uint32_t len;

	for (double end = now_ms() + ms; ring_take(rx, &done, 1, 1) == 0;)
		if (now_ms() >= end)
			return -1;
	require(done.len >= FRAME_VNET_HDR && done.len <= FRAME_VNET_HDR + FRAME_ROOM,
		"%s: %u bytes written", g->cfg.name, done.len);
	len = done.len - FRAME_VNET_HDR;
	memcpy(ret, rx->buf + done.id * rx->stride + FRAME_VNET_HDR, len);
	ring_put(rx, &done.id, 1, (uint32_t)rx->stride);
	return (int)len;
}

void
expect_frame(struct guest *g, const uint8_t *bytes, uint32_t len)
{
	uint8_t got[FRAME_ROOM];
	int n = guest_receive(g, 0, got, TIMEOUT_MS);

	require(n >= 0, "%s: a frame of %u bytes did not come", g->cfg.name, len);
	require((uint32_t)n == len, "%s: %d bytes came instead of %u", g->cfg.name, n, len);
	require(memcmp(got, bytes, len) == 0, "%s: a frame of %u bytes came damaged", g->cfg.name,
		len);
}

void
expect_frame_among(struct guest *g, const uint8_t *bytes, uint32_t len)
{
	uint8_t got[FRAME_ROOM];
	int n;

	do
		n = guest_receive(g, 0, got, TIMEOUT_MS);
	while (n >= 0 && ((uint32_t)n != len || memcmp(got, bytes, len) != 0));
	require(n >= 0, "%s: a frame of %u bytes did not come", g->cfg.name, len);
}

void
expect_nothing(struct guest *g)
{
	uint8_t got[FRAME_ROOM];
	int n = guest_receive(g, 0, got, SILENCE_MS);

	require(n < 0, "%s: got a frame of %d bytes that is not for it", g->cfg.name, n);
}

void
expect_count(struct world *w, const struct guest *g, size_t offset, uint64_t want, const char *what)
{
	uint64_t got = 0;

	for (double end = now_ms() + TIMEOUT_MS; now_ms() < end; usleep(2000)) {
		struct port_stats s = world_stats(w, g);

		memcpy(&got, (char *)&s + offset, sizeof(got));
		if (got == want)
			return;
	}
	fail("%s: %s is %llu, not %llu", g->cfg.name, what, (unsigned long long)got,
	     (unsigned long long)want);
}

/* Guests 0..n-1 in one network. */
void
guests(struct world *w, int n)
{
	for (int i = 0; i < n; i++)
		guest_up(w, guest_plan(w, i), RING);
}

/* Station i+1 lives behind guest i: everybody says hello, everybody hears it. */
void
introduce(struct world *w, int n)
{
	for (int i = 0; i < n; i++) {
		frame_make(frame, 60, (uint8_t)(i + 1), 0);
		guest_send(&w->guest[i], 0, frame, 60);
		for (int k = 0; k < n; k++)
			if (k != i)
				expect_frame(&w->guest[k], frame, 60);
	}
}

void
send_from(struct world *w, int guest, uint32_t len, uint8_t src, uint8_t dst)
{
	frame_make(frame, len, src, dst);
	guest_send(&w->guest[guest], 0, frame, len);
}
