/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a VMM's control socket: "vmm_ctl SOCKET OP [INDEX [VALUE]]", OP being status, pause, resume,
 * stop, power, reset, detach, balloon, resized or a number. Prints the reply as one line of JSON; ends with 0, 1 (an error in the reply) or 2 (no
 * reply). Two hostile ones: "garbage" sends what is no request and wants to be closed for it;
 * "deaf" sends requests for as long as they are taken and never reads a reply.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "base/vmm_msg.h"

static int
garbage(int fd)
{
	static const char noise[] = "what is no request";
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	if (send(fd, noise, sizeof(noise), MSG_NOSIGNAL) < 0)
		return 2;
	return poll(&p, 1, 2000) == 1 && recv(fd, &c, 1, 0) <= 0 ? 0 : 1;
}

static int
deaf(int fd, struct vmm_req *q)
{
	for (int i = 0; i < 100000; i++)
		if (fdmsg_send(fd, &q->head, NULL, 0) < 0)
			return 0; /* we were closed */
	return 1;
}

static void
print(const struct vmm_reply *p)
{
	static const char *const state[] = {"?", "starting", "running", "paused", "stopping"};
	uint64_t exits[VMM_EXIT_REASONS] = {0}, unhandled = 0;

	for (uint32_t i = 0; i < p->stats.n_vcpus && i < VMM_VCPUS_MAX; i++) {
		unhandled += p->stats.vcpu[i].unhandled;
		for (int k = 0; k < VMM_EXIT_REASONS; k++)
			exits[k] += p->stats.vcpu[i].exits[k];
	}
	printf("{\"error\": %d, \"state\": \"%s\", \"name\": \"%s\", \"text\": \"%s\"", p->error,
	       p->state < ARRAY_SIZE(state) ? state[p->state] : "?", p->name, p->text);
	for (int k = 0; k < VMM_EXIT_REASONS; k++)
		printf(", \"%s\": %" PRIu64, vmm_exit_name(k), exits[k]);
	printf(", \"unhandled\": %" PRIu64 ", \"guest_errors\": %" PRIu64 "}\n", unhandled,
	       p->stats.guest_errors);
}

int
main(int argc, char **argv)
{
	static const char *const ops[] = {NULL,    "status", "pause",  "resume",  "stop",
					  "power", "reset",  "detach", "balloon", "resized"};
	const struct msg_head want = {.magic = VMM_REPLY_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_reply)};
	struct vmm_req q = {.head = {.magic = VMM_REQ_MAGIC,
				     .version = VMM_MSG_VERSION,
				     .size = sizeof(q),
				     .seq = 77}};
	static struct vmm_reply reply;
	size_t n;
	int fd;

	if (argc < 3 || argc > 5 || fdmsg_connect(argv[1], SOCK_SEQPACKET, &fd) < 0) {
		fprintf(stderr, "usage: vmm_ctl SOCKET OP [INDEX [VALUE]] (a listening socket)\n");
		return 2;
	}
	q.op = (uint32_t)atoi(argv[2]);
	q.index = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 0) : 0;
	q.value = argc > 4 ? strtoull(argv[4], NULL, 0) : 0;
	for (uint32_t i = 1; i < ARRAY_SIZE(ops); i++)
		if (strcmp(argv[2], ops[i]) == 0)
			q.op = i;
	if (strcmp(argv[2], "garbage") == 0)
		return garbage(fd);
	if (strcmp(argv[2], "deaf") == 0) {
		q.op = VMM_OP_STATUS;
		return deaf(fd, &q);
	}
	if (fdmsg_send(fd, &q.head, NULL, 0) < 0 ||
	    fdmsg_recv(fd, &want, &reply, NULL, 0, &n) < 0 || reply.head.seq != 77)
		return 2;
	print(&reply);
	return reply.error ? 1 : 0;
}
