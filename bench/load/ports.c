/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corelane-ports: adds ports to a running corelane-switch by its control socket, or prints their
 * counters; for measurements and tests that need no site. Not an operator's tool.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdmsg.h"
#include "base/switch_msg.h"
#include "base/util.h"

#define RULES 1000

static const char usage[] =
	"usage: corelane-ports CONTROL add NETWORK MTU [KEY=VALUE...] SOCKET...\n"
	"                              first=N     named NETWORK/pN, pN+1, ... (default: 0)\n"
	"                              vlan=N      access ports of this VLAN\n"
	"                              listen=1    the switch listens on the sockets\n"
	"                              dressed=1   with every feature that a port can have\n"
	"                              shape=RATE  let out so many bytes a second\n"
	"       corelane-ports CONTROL stats                       (one JSON line a port)\n"
	"       corelane-ports CONTROL stop\n"
	"       corelane-ports CONTROL upgrade NEW          hands all ports over to the switch at "
	"NEW\n";

/* @fd goes along, unless -1. */
static int
ask_with(int sock, const struct switch_req *req, int fd, struct switch_reply *ret)
{
	const struct msg_head want = {.magic = SWITCH_REPLY_MAGIC,
				      .version = SWITCH_MSG_VERSION,
				      .size = sizeof(*ret)};
	size_t n;
	int r = req ? fdmsg_send(sock, &req->head, &fd, fd >= 0) : 0;

	return r < 0 ? r : fdmsg_recv(sock, &want, ret, NULL, 0, &n);
}

static int
ask(int sock, const struct switch_req *req, struct switch_reply *ret)
{
	return ask_with(sock, req, -1, ret);
}

static int
answered(const char *whom, const struct switch_reply *reply)
{
	if (reply->error)
		fprintf(stderr, "corelane-ports: %s: %s\n", whom, reply->text);
	return -reply->error;
}

static struct switch_req
request(enum switch_op op)
{
	return (struct switch_req){.head = {.magic = SWITCH_REQ_MAGIC,
					    .version = SWITCH_MSG_VERSION,
					    .size = sizeof(struct switch_req)},
				   .op = op};
}

/* What the ports of one call have in common. */
struct wish {
	const char *network;
	unsigned long mtu, first, vlan, dressed, listen, shape;
};

/* Takes the KEY=VALUE words; returns how many there were, or -EINVAL. */
static int
parse_wish(struct wish *w, char **words, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		unsigned long *to = NULL;
		char *eq = strchr(words[i], '='), *end;

		if (!eq || words[i][0] == '/')
			break;
		if (strncmp(words[i], "first=", 6) == 0)
			to = &w->first;
		else if (strncmp(words[i], "vlan=", 5) == 0)
			to = &w->vlan;
		else if (strncmp(words[i], "dressed=", 8) == 0)
			to = &w->dressed;
		else if (strncmp(words[i], "listen=", 7) == 0)
			to = &w->listen;
		else if (strncmp(words[i], "shape=", 6) == 0)
			to = &w->shape;
		if (!to)
			return -EINVAL;
		*to = strtoul(eq + 1, &end, 10);
		if (end == eq + 1 || *end)
			return -EINVAL;
	}
	return i;
}

/* Every feature at once; the rates are far above what any machine forwards. */
static void
dress(struct port_cfg *c, const struct wish *w, bool mirrored, unsigned long last)
{
	const struct port_policer fast = {.rate = 100000000000, .burst = 100000000};

	c->vlan = VLAN_NONE;
	c->vlan_mode = PORT_TRUNK;
	c->native_vlan = 100;
	c->trunk[0] = UINT64_C(0xfffffffffffffffe);
	c->trunk[1] = UINT64_C(1) << (100 - 64);
	c->isolated = 1;
	c->snoop = 1;
	c->mac_limit = 64;
	for (int i = 0; i < 3; i++)
		c->storm[i] = 1000000;
	c->police_in = c->police_out = c->shape_out = fast;
	c->strict = 1;
	c->static_mac[0][0] = 0x06;
	memcpy(&c->static_mac[0][1], &c->mac[1], 5);
	c->ip[0] = (struct port_ip){.family = 4, .prefix = 8, .addr = {10}};
	/* the last one is what the others are mirrored to */
	if (mirrored) {
		snprintf(c->mirror_to, sizeof(c->mirror_to), "%s/p%lu", w->network, last);
		c->mirror_in = c->mirror_out = 1;
	}
}

/* 1,000 rules in each direction, none of which is about what the load sends. */
static int
send_rules(int sock, const char *name)
{
	int fd = memfd_create("rules", MFD_CLOEXEC), r = fd < 0 ? -errno : 0;

	for (uint16_t i = 0; r == 0 && i < RULES; i++) {
		struct filter_rule rule = {.action = FILTER_DENY,
					   .family = 4,
					   .has_protocol = 1,
					   .protocol = 6,
					   .source = {192, 168, (uint8_t)(i >> 8), (uint8_t)i},
					   .source_prefix = 32,
					   .target_port = {i, i}};

		snprintf(rule.name, sizeof(rule.name), "r%u", i);
		if (write(fd, &rule, sizeof(rule)) != sizeof(rule))
			r = -EIO;
	}
	for (uint32_t way = 0; r == 0 && way < FILTER_DIRECTIONS; way++) {
		struct switch_req req = request(SWITCH_OP_RULES);
		struct switch_reply reply;

		req.arg = way;
		req.count = RULES;
		snprintf(req.port.name, sizeof(req.port.name), "%s", name);
		r = ask_with(sock, &req, fd, &reply);
		if (r == 0)
			r = answered(name, &reply);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static int
add_port(int sock, const struct wish *w, unsigned long number, unsigned long last, const char *path)
{
	struct switch_req req = request(SWITCH_OP_ADD);
	struct switch_reply reply;
	struct port_cfg *c = &req.port;
	int r;

	c->queues = 1;
	c->mtu = (uint16_t)w->mtu;
	c->vlan = (uint16_t)w->vlan;
	c->any_mac = 1;
	c->socket_listen = w->listen != 0;
	c->mac_age_s = 300;
	c->mac[0] = 0x02;
	c->mac[5] = (uint8_t)(number + 1);
	c->mac[4] = (uint8_t)((number + 1) >> 8);
	snprintf(c->name, sizeof(c->name), "%s/p%lu", w->network, number);
	snprintf(c->network, sizeof(c->network), "%s", w->network);
	snprintf(c->socket, sizeof(c->socket), "%s", path);
	if (w->dressed)
		dress(c, w, number != last, last);
	if (w->shape)
		c->shape_out = (struct port_policer){.rate = w->shape, .burst = 2 * w->mtu + 100};
	r = ask(sock, &req, &reply);
	if (r == 0)
		r = answered(path, &reply);
	if (r == 0 && w->dressed)
		r = send_rules(sock, c->name);
	return r;
}

/* The last one first: others are mirrored to it. */
static int
add_ports(int sock, struct wish *w, char **words, int n)
{
	int used = parse_wish(w, words, n), r = used < 0 ? used : 0;

	if (w->mtu < MTU_MIN || w->mtu > MTU_MAX || w->vlan > VLAN_MAX)
		return -ERANGE;
	for (int i = n - 1; r == 0 && i >= used; i--)
		r = add_port(sock, w, w->first + (unsigned long)(i - used),
			     w->first + (unsigned long)(n - 1 - used), words[i]);
	return r;
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

/* The new switch says when its connections are set up; then the old one is told to let go. */
static int
upgrade(int sock, const char *path)
{
	struct switch_req req = request(SWITCH_OP_HANDOVER);
	struct switch_reply reply;
	int pair[2], new = -1, r;

	r = fdmsg_pair(pair);
	if (r < 0)
		return r;
	r = fdmsg_connect(path, SOCK_SEQPACKET, &new);
	if (r == 0)
		r = ask_with(new, &req, pair[1], &reply);
	if (r == 0 && reply.text[0])
		fprintf(stderr, "corelane-ports: %s: %s\n", path, reply.text);
	if (r == 0 && (reply.error || !reply.more))
		r = reply.error ? -reply.error : -EPROTO;
	if (r == 0)
		r = ask_with(sock, &req, pair[0], &reply);
	if (r == 0)
		r = answered("the old switch", &reply);
	if (r == 0)
		r = ask(new, NULL, &reply);
	if (r == 0)
		r = answered("the new switch", &reply);
	if (r == 0)
		printf("{\"handed_over\": %u}\n", reply.n);
	if (new >= 0)
		close(new);
	close(pair[0]);
	close(pair[1]);
	return r;
}

int
main(int argc, char **argv)
{
	struct switch_req stop = request(SWITCH_OP_STOP);
	struct switch_reply reply;
	struct wish wish = {0};
	int sock, r;

	if (argc < 3 || (strcmp(argv[2], "add") == 0 && argc < 6)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (argc > 5)
		wish = (struct wish){.network = argv[3], .mtu = strtoul(argv[4], NULL, 10)};
	r = fdmsg_connect(argv[1], SOCK_SEQPACKET, &sock);
	if (r == 0 && strcmp(argv[2], "add") == 0)
		r = add_ports(sock, &wish, argv + 5, argc - 5);
	else if (r == 0 && strcmp(argv[2], "stats") == 0)
		r = print_stats(sock);
	else if (r == 0 && strcmp(argv[2], "upgrade") == 0 && argc == 4)
		r = upgrade(sock, argv[3]);
	else if (r == 0 && strcmp(argv[2], "stop") == 0)
		r = ask(sock, &stop, &reply);
	else if (r == 0)
		r = -EINVAL;
	if (r < 0)
		fprintf(stderr, "corelane-ports: %s: %s\n", argv[1], strerror(-r));
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}
