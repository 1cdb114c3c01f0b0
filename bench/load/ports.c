/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corelane-ports: adds ports to a running corelane-switch by its control socket, or prints their
 * counters; for measurements and tests that need no site. Not an operator's tool.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdmsg.h"
#include "base/switch_msg.h"
#include "base/util.h"

static const char usage[] =
	"usage: corelane-ports CONTROL add NETWORK MTU SOCKET...   (named NETWORK/p0, p1, ...)\n"
	"       corelane-ports CONTROL stats                       (one JSON line a port)\n"
	"       corelane-ports CONTROL stop\n";

static int
ask(int sock, const struct switch_req *req, struct switch_reply *ret)
{
	const struct msg_head want = {.magic = SWITCH_REPLY_MAGIC,
				      .version = SWITCH_MSG_VERSION,
				      .size = sizeof(*ret)};
	size_t n;
	int r = req ? fdmsg_send(sock, &req->head, NULL, 0) : 0;

	return r < 0 ? r : fdmsg_recv(sock, &want, ret, NULL, 0, &n);
}

static struct switch_req
request(enum switch_op op)
{
	return (struct switch_req){.head = {.magic = SWITCH_REQ_MAGIC,
					    .version = SWITCH_MSG_VERSION,
					    .size = sizeof(struct switch_req)},
				   .op = op};
}

static int
add_ports(int sock, const char *network, const char *mtu_text, char **paths, int n)
{
	unsigned long mtu = strtoul(mtu_text, NULL, 10);

	if (mtu < MTU_MIN || mtu > MTU_MAX)
		return -ERANGE;
	for (int i = 0; i < n; i++) {
		struct switch_req req = request(SWITCH_OP_ADD);
		struct switch_reply reply;
		int r;

		req.port.queues = 1;
		req.port.mtu = (uint16_t)mtu;
		req.port.mac_age_s = 300;
		req.port.mac[0] = 0x02;
		req.port.mac[5] = (uint8_t)(i + 1);
		req.port.mac[4] = (uint8_t)((i + 1) >> 8);
		snprintf(req.port.name, sizeof(req.port.name), "%s/p%d", network, i);
		snprintf(req.port.network, sizeof(req.port.network), "%s", network);
		snprintf(req.port.socket, sizeof(req.port.socket), "%s", paths[i]);
		r = ask(sock, &req, &reply);
		if (r == 0 && reply.error) {
			fprintf(stderr, "corelane-ports: %s: %s\n", paths[i], reply.text);
			return -reply.error;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static void
print_port(const struct switch_reply *m)
{
	const struct port_stats *s = &m->stats;

	printf("{\"name\": \"%s\", \"connected\": %u, \"connects\": %" PRIu64
	       ", \"rx_packets\": %" PRIu64 ", \"tx_packets\": %" PRIu64 ", \"flooded\": %" PRIu64
	       ", \"learned\": %" PRIu64 ", \"macs\": %u, \"bad_guest\": %" PRIu64,
	       m->port.name, s->connected, s->connects, s->rx_packets, s->tx_packets, s->flooded,
	       s->learned, s->macs, s->bad_guest);
	for (int c = 0; c < DROP_CAUSES; c++)
		if (s->drops[c])
			printf(", \"drop_%s\": %" PRIu64, switch_drop_name(c), s->drops[c]);
	puts("}");
}

static int
print_stats(int sock)
{
	struct switch_req req = request(SWITCH_OP_LIST);
	struct switch_reply reply;
	int r = ask(sock, &req, &reply);

	while (r == 0 && reply.error == 0) {
		if (reply.has_port)
			print_port(&reply);
		if (!reply.more)
			return 0;
		r = ask(sock, NULL, &reply);
	}
	return r < 0 ? r : -reply.error;
}

int
main(int argc, char **argv)
{
	struct switch_req stop = request(SWITCH_OP_STOP);
	struct switch_reply reply;
	int sock, r;

	if (argc < 3 || (strcmp(argv[2], "add") == 0 && argc < 6)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	r = fdmsg_connect(argv[1], SOCK_SEQPACKET, &sock);
	if (r == 0 && strcmp(argv[2], "add") == 0)
		r = add_ports(sock, argv[3], argv[4], argv + 5, argc - 5);
	else if (r == 0 && strcmp(argv[2], "stats") == 0)
		r = print_stats(sock);
	else if (r == 0 && strcmp(argv[2], "stop") == 0)
		r = ask(sock, &stop, &reply);
	else if (r == 0)
		r = -EINVAL;
	if (r < 0)
		fprintf(stderr, "corelane-ports: %s: %s\n", argv[1], strerror(-r));
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}
