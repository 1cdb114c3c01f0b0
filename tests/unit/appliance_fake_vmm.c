/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for corelane-vmm in unit tests of the supervisor: takes a real start message and then does
 * what its first word says.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/vmm_msg.h"

static struct vmm_start start;
static int fds[FDMSG_FDS_MAX];
static bool refuses; /* to be turned off or reset */

static int
take(enum vmm_fd_role role)
{
	for (uint32_t i = 0; i < start.n_fds; i++)
		if (start.fd[i].role == role)
			return fds[i];
	return -1;
}

static void
say(const char *text)
{
	if (write(take(VMM_FD_SERIAL), text, strlen(text)) < 0)
		exit(99);
}

static void
event(int sock, enum vmm_event_kind kind, uint32_t index, const char *text)
{
	struct vmm_event ev = {.head = {.magic = VMM_EVENT_MAGIC,
					.version = VMM_MSG_VERSION,
					.size = sizeof(ev)},
			       .kind = kind,
			       .index = index};

	snprintf(ev.text, sizeof(ev.text), "%s", text);
	fdmsg_send(sock, &ev.head, NULL, 0);
}

/* Until somebody asks for the end through the control socket. */
static int
serve(void)
{
	const struct msg_head want = {.magic = VMM_REQ_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_req)};
	struct vmm_req req;
	size_t n;
	int c = accept(take(VMM_FD_CONTROL), NULL, NULL);

	if (c < 0 || fdmsg_recv(c, &want, &req, NULL, 0, &n) < 0 || req.op != VMM_OP_STOP)
		return 98;
	say("asked to stop\n");
	return 0;
}

/* Asks for a new connection of NIC 0, as after its back end went away, and expects it to say "hello". */
static int
want_fd(int sock)
{
	const struct msg_head want = {.magic = VMM_NICFD_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_nic_fd)};
	struct vmm_nic_fd msg;
	char hello[6] = "";
	int fd;
	size_t n;

	event(sock, VMM_EV_NIC_WANTS_FD, 0, "");
	event(sock, VMM_EV_NIC_WANTS_FD, 77, ""); /* there is no such NIC: must be harmless */
	if (fdmsg_recv(sock, &want, &msg, &fd, 1, &n) < 0 || n != 1 || msg.index != 0)
		return 97;
	if (read(fd, hello, 5) != 5)
		return 96;
	say(hello);
	say("\n");
	return 0;
}

/* Asks five times, as when a back end takes each connection and closes it at once. */
static int
want_again(int sock)
{
	const struct msg_head want = {.magic = VMM_NICFD_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_nic_fd)};
	struct vmm_nic_fd msg;
	size_t n;
	int fd;

	for (int i = 0; i < 5; i++) {
		event(sock, VMM_EV_NIC_WANTS_FD, 0, "");
		if (fdmsg_recv(sock, &want, &msg, &fd, 1, &n) < 0 || n != 1)
			return 91;
		close(fd);
		event(sock, VMM_EV_NIC_UP, 0, "");
		event(sock, VMM_EV_NIC_DOWN, 0, "");
	}
	return 0;
}

/* A guest that panicked and then hung: what is asked of the VMM then is its end, and is printed. */
static int
unwell(int sock)
{
	const struct msg_head want = {.magic = VMM_REQ_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_req)};
	struct vmm_stats *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, take(VMM_FD_STATS), 0);
	struct vmm_req req;
	size_t n;
	int c;

	if (s == MAP_FAILED)
		return 93;
	s->magic = VMM_STATS_MAGIC;
	s->panics = 2;
	s->watchdogs = 1;
	event(sock, VMM_EV_PANIC, 0, "the guest's kernel panicked");
	event(sock, VMM_EV_WATCHDOG, 0, "");
	c = accept(take(VMM_FD_CONTROL), NULL, NULL);
	if (c < 0 || fdmsg_recv(c, &want, &req, NULL, 0, &n) < 0)
		return 92;
	say(req.op == VMM_OP_RESET ? "reset\n" : req.op == VMM_OP_STOP ? "stop\n" : "pause\n");
	return req.op == VMM_OP_RESET ? EXIT_GUEST_RESET : EXIT_OK;
}

/* Whether the machine ends: its exit status in *@ret_status. */
static bool
obey_one(int sock, int c, const struct vmm_req *req, bool stubborn, int *ret_status)
{
	static struct vmm_reply reply;

	reply.head = (struct msg_head){.magic = VMM_REPLY_MAGIC,
				       .version = VMM_MSG_VERSION,
				       .size = sizeof(reply),
				       .seq = req->head.seq};
	reply.state = reply.state ? reply.state : VMM_STATE_RUNNING;
	reply.error = 0;
	if (req->op == VMM_OP_PAUSE && reply.state == VMM_STATE_PAUSED) {
		reply.error = EINVAL;
		snprintf(reply.text, sizeof(reply.text), "cannot pause: it is paused");
	} else if (req->op == VMM_OP_PAUSE || req->op == VMM_OP_RESUME) {
		reply.state = req->op == VMM_OP_PAUSE ? VMM_STATE_PAUSED : VMM_STATE_RUNNING;
	}
	if (refuses && (req->op == VMM_OP_POWER_BUTTON || req->op == VMM_OP_RESET)) {
		reply.error = EAGAIN;
		snprintf(reply.text, sizeof(reply.text), "not now");
	}
	if (req->op == VMM_OP_BALLOON)
		reply.balloon.target = req->value;
	else if (!stubborn && reply.balloon.actual != reply.balloon.target)
		reply.balloon.actual = reply.balloon.target;
	reply.stats.panics = 3;
	fdmsg_send(c, &reply.head, NULL, 0);
	if (req->op == VMM_OP_DETACH && !stubborn) {
		event(sock, VMM_EV_NIC_DETACHED, req->index + 1, "another");
		event(sock, VMM_EV_NIC_DETACHED, req->index, "");
		event(sock, VMM_EV_NIC_DETACHED, 77, "there is none such");
	}
	*ret_status = req->op == VMM_OP_RESET ? EXIT_GUEST_RESET : EXIT_OK;
	return req->op == VMM_OP_STOP ||
	       (!stubborn && !refuses &&
		(req->op == VMM_OP_RESET || req->op == VMM_OP_POWER_BUTTON));
}

/* Does what it is asked to do, or only says so. */
static int
obey(int sock, bool stubborn)
{
	const struct msg_head want = {.magic = VMM_REQ_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_req)};
	int c = accept(take(VMM_FD_CONTROL), NULL, NULL), status = 93;
	struct vmm_req req;
	size_t n;

	event(sock, VMM_EV_STARTED, 0, "");
	while (c >= 0 && fdmsg_recv(c, &want, &req, NULL, 0, &n) == 0)
		if (obey_one(sock, c, &req, stubborn, &status))
			return status;
	return 93;
}

/* Answers with what is no answer, to questions that nobody asked. */
static int
lie(void)
{
	struct vmm_reply reply = {.head = {.magic = VMM_REPLY_MAGIC,
					   .version = VMM_MSG_VERSION,
					   .size = sizeof(reply),
					   .seq = 12345}};
	int c = accept(take(VMM_FD_CONTROL), NULL, NULL);
	char any[64];

	memset(reply.text, 'x', sizeof(reply.text)); /* no end */
	fdmsg_send(c, &reply.head, NULL, 0);
	if (recv(c, any, sizeof(any), 0) <= 0 || write(c, "nonsense", 8) < 0)
		return 92;
	for (;;)
		pause();
}

static int
act(int sock, const char *what)
{
	if (strcmp(what, "poweroff") == 0) {
		say("one\ntwo\r\n{\"probe\":\"end\",\"ok\":true}\nthree");
		return 0;
	}
	if (strcmp(what, "reset") == 0)
		return EXIT_GUEST_RESET;
	if (strcmp(what, "fault") == 0) {
		event(sock, VMM_EV_FAULT, 0, "triple fault at 0x1000");
		return EXIT_GUEST_FAULT;
	}
	if (strcmp(what, "nonsense") == 0) {
		if (write(sock, "nonsense", 8) < 0)
			return 95;
		return 0;
	}
	if (strcmp(what, "killed") == 0)
		raise(SIGKILL);
	if (strcmp(what, "hang") == 0)
		for (;;)
			pause();
	if (strcmp(what, "serve") == 0)
		return serve();
	if (strcmp(what, "wants-again") == 0)
		return want_again(sock);
	if (strcmp(what, "unwell") == 0)
		return unwell(sock);
	if (strcmp(what, "deaf") == 0) {
		event(sock, VMM_EV_WATCHDOG, 0, "");
		for (;;)
			pause();
	}
	if (strcmp(what, "deaf-again") == 0) /* and its watchdog goes on */
		for (;;) {
			event(sock, VMM_EV_WATCHDOG, 0, "");
			usleep(300000);
		}
	if (strcmp(what, "stubborn") == 0)
		return obey(sock, true);
	if (strcmp(what, "obey") == 0 || strcmp(what, "refuse") == 0) {
		refuses = what[0] == 'r';
		return obey(sock, false);
	}
	if (strcmp(what, "lie") == 0)
		return lie();
	if (strcmp(what, "wants") == 0)
		return want_fd(sock);
	return 7;
}

int
main(int argc, char **argv)
{
	const struct msg_head want = {.magic = VMM_START_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_start)};
	size_t n;
	int sock;

	if (argc != 3 || strcmp(argv[1], "--start-fd") != 0)
		return EXIT_USAGE;
	sock = atoi(argv[2]);
	if (fdmsg_recv(sock, &want, &start, fds, FDMSG_FDS_MAX, &n) < 0 || n != start.n_fds)
		return 94;
	return act(sock, start.cmdline);
}
