/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for corelane-switch in unit tests of the supervisor: answers the control protocol. What
 * goes wrong is in the environment: FAKE_SWITCH=refuse|silent|nonsense|die-early|die-late|die-always,
 * die-late once only: the file FAKE_ONCE remembers. Hand-overs: hand-refuse, hand-die (the old one), take-die,
 * take-refuse (the new one).
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/switch_msg.h"

static struct port_cfg port[8];
static uint32_t n_ports;
static uint64_t rules_bytes;

static void
answer(int sock, uint32_t seq, int error, const char *text, bool more, const struct port_cfg *p)
{
	struct switch_reply r = {.head = {.magic = SWITCH_REPLY_MAGIC,
					  .version = SWITCH_MSG_VERSION,
					  .size = sizeof(r),
					  .seq = seq},
				 .error = error,
				 .more = more,
				 .has_port = p != NULL};

	snprintf(r.text, sizeof(r.text), "%s", text);
	if (p) {
		r.port = *p;
		r.stats.rx_packets = 41 + n_ports;
	}
	fdmsg_send(sock, &r.head, NULL, 0);
}

/* true the first time. */
static bool
once(void)
{
	const char *path = getenv("FAKE_ONCE");
	FILE *f = path && access(path, F_OK) < 0 ? fopen(path, "w") : NULL;

	if (!f)
		return false;
	fclose(f);
	return true;
}

/* What goes wrong, if anything; returns only when all is well. */
static void
go_wrong(int sock, const struct switch_req *req)
{
	const char *how = getenv("FAKE_SWITCH");

	if (!how)
		return;
	if (strcmp(how, "refuse") == 0)
		answer(sock, req->head.seq, EEXIST, "port fw1/lan: there is a port of that name",
		       false, NULL);
	else if (strcmp(how, "nonsense") == 0 && write(sock, "nonsense", 8) != 8)
		exit(99);
	else if (strcmp(how, "die-early") == 0)
		exit(EXIT_REFUSED);
	else if (strcmp(how, "die-late") == 0 && req->op == SWITCH_OP_LIST && once())
		raise(SIGKILL);
	else if (strcmp(how, "die-always") == 0 && req->op == SWITCH_OP_LIST)
		raise(SIGKILL);
	else if (strcmp(how, "silent") != 0 && strcmp(how, "refuse") != 0 &&
		 strcmp(how, "nonsense") != 0)
		return;
	for (;;)
		pause();
}

static bool
how_is(const char *word)
{
	const char *how = getenv("FAKE_SWITCH");

	return how && strcmp(how, word) == 0;
}

/* Over the socket that both have: the new one says a word, the old one answers it, and ends. */
static void
hand_over(int sock, const struct switch_req *req, int peer)
{
	char word;

	if (how_is("hand-refuse")) {
		answer(sock, req->head.seq, EPERM, "will not", false, NULL);
		return;
	}
	if (how_is("hand-die"))
		raise(SIGKILL);
	if (recv(peer, &word, 1, 0) != 1 || send(peer, &word, 1, MSG_NOSIGNAL) != 1) {
		answer(sock, req->head.seq, ECONNRESET, "it is gone", false, NULL);
		return;
	}
	answer(sock, req->head.seq, 0, "", false, NULL);
	exit(0);
}

static void
take_over(int sock, const struct switch_req *req, int peer)
{
	char word = 'x';

	answer(sock, req->head.seq, 0, how_is("hand-words") ? "one port is late" : "", true, NULL);
	if (how_is("take-die"))
		raise(SIGKILL);
	if (send(peer, &word, 1, MSG_NOSIGNAL) != 1 || recv(peer, &word, 1, 0) != 1 ||
	    how_is("take-refuse"))
		answer(sock, req->head.seq, ECONNRESET, "it did not come", false, NULL);
	else
		answer(sock, req->head.seq, 0, "", false, NULL);
}

static struct port_cfg *
find(const char *name)
{
	for (uint32_t i = 0; i < n_ports; i++)
		if (strcmp(port[i].name, name) == 0)
			return &port[i];
	return NULL;
}

/* What changes a port that is there. A VLAN of 666 is refused. */
static void
change(int sock, const struct switch_req *req)
{
	struct port_cfg *p = find(req->port.name);
	char text[256] = "";

	if (!p || req->port.vlan == 666)
		snprintf(text, sizeof(text), "port %s: %s", req->port.name,
			 p ? "not this VLAN" : "no such port");
	else if (req->op == SWITCH_OP_SET)
		*p = req->port;
	else if (req->op == SWITCH_OP_REMOVE)
		*p = port[--n_ports];
	else if (req->op == SWITCH_OP_RULES &&
		 rules_bytes != req->count * sizeof(struct filter_rule))
		snprintf(text, sizeof(text), "port %s: bad rules", p->name);
	else if (req->op == SWITCH_OP_RULES)
		p->mac_limit = (uint32_t)req->count;
	answer(sock, req->head.seq, text[0] ? EINVAL : 0, text, false, NULL);
}

static void
serve(int sock, const struct switch_req *req)
{
	uint32_t seq = req->head.seq;

	switch (req->op) {
	case SWITCH_OP_ADD:
		if (req->port.vlan == 666) {
			answer(sock, seq, EINVAL, "port: not this VLAN", false, NULL);
			break;
		}
		if (n_ports < ARRAY_SIZE(port))
			port[n_ports++] = req->port;
		answer(sock, seq, 0, "", false, NULL);
		break;
	case SWITCH_OP_SET:
	case SWITCH_OP_REMOVE:
	case SWITCH_OP_RULES:
	case SWITCH_OP_MOVE:
		change(sock, req);
		break;
	case SWITCH_OP_LIST:
		answer(sock, seq - 1, 0, "stale: of another request", false, &port[0]);
		for (uint32_t i = 0; i < n_ports; i++)
			answer(sock, seq, 0, "", true, &port[i]);
		answer(sock, seq, 0, "", false, NULL);
		break;
	case SWITCH_OP_STOP:
		answer(sock, seq, 0, "", false, NULL);
		exit(0);
	default:
		answer(sock, seq, EOPNOTSUPP, "not here", false, NULL);
		break;
	}
}

int
main(int argc, char **argv)
{
	const struct msg_head want = {.magic = SWITCH_REQ_MAGIC,
				      .version = SWITCH_MSG_VERSION,
				      .size = sizeof(struct switch_req)};
	struct switch_req req;
	bool takes = false;
	int sock = -1, fd;
	size_t n;

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--control-fd") == 0)
			sock = atoi(argv[i + 1]);
	for (int i = 1; i < argc; i++)
		takes |= strcmp(argv[i], "--takeover") == 0;
	while (fdmsg_recv(sock, &want, &req, &fd, 1, &n) == 0) {
		rules_bytes = n ? (uint64_t)lseek(fd, 0, SEEK_END) : 0;
		go_wrong(sock, &req);
		if (req.op == SWITCH_OP_HANDOVER && n) {
			(takes ? take_over : hand_over)(sock, &req, fd);
			takes = false;
		} else {
			serve(sock, &req);
		}
		if (n)
			close(fd);
	}
	return 0;
}
