/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: accepts, receives, answers, until somebody says stop. One thread, poll(2).
 */
#ifndef CORELANE_VHOST_USER_SERVER_H
#define CORELANE_VHOST_USER_SERVER_H

#include "vhost-user/ctl.h"

#define SERVER_CLIENTS_MAX 16

struct server {
	struct ctl ctl;
	int listen_fd;                  /* or -1 */
	int signal_fd;                  /* SIGTERM, SIGINT */
	int parent_fd;                  /* --control-fd: when it closes, the switch ends; or -1 */
	int client[SERVER_CLIENTS_MAX]; /* accepted ones; -1: free */
	/* As ctl_ops.tick, and beside it; NULL: nothing. */
	int (*also)(void *arg);
	void *also_arg;
	unsigned long no_fd; /* times that there was no descriptor for a client */
};

/* Runs until SWITCH_OP_STOP, a signal, or the parent's end of parent_fd closes. 0 or -errno. */
int server_run(struct server *s);

#endif
