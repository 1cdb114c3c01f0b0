/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket in the run folder through which a running site takes commands: "control.sock",
 * SOCK_SEQPACKET, one JSON object a message. Only the owner of the folder can connect. A client has
 * one command at a time; what it sends meanwhile waits in its socket.
 */
#ifndef CORELANE_APPLIANCE_CONTROL_SOCK_H
#define CORELANE_APPLIANCE_CONTROL_SOCK_H

#include "appliance/command.h"

#define CONTROL_NAME        "control" /* no VNF's socket is called so, see rundir_socket() */
#define CONTROL_REQUEST_MAX 65536
#define CONTROL_CLIENTS_MAX 8

struct control_client {
	struct control_sock *sock;
	int fd; /* owned; -1: free */
	struct evsource source;
	bool busy;            /* its command has not been answered */
	struct command *runs; /* that one, once command_start() has returned it */
};

struct control_sock {
	struct evloop *loop;
	struct commands *commands;
	int fd; /* owned; -1: not open */
	struct evsource source;
	struct evtimer pause; /* after accept failed for want of descriptors */
	struct control_client client[CONTROL_CLIENTS_MAX];
	unsigned long refused; /* messages that are no request, and clients that are too many */
};

#define CONTROL_SOCK_CLOSED ((struct control_sock){.fd = -1})

/* Listens in @dir. 0, or -errno in words. */
int control_sock_open(struct control_sock *s, struct evloop *loop, const struct rundir *dir,
		      struct commands *commands, struct err *e);
/* No-op when it is not open. Commands of its clients go on without them. */
void control_sock_close(struct control_sock *s);

#endif
