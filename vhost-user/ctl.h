/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol (base/switch_msg.h), apart from sockets and DPDK: one request in, replies out.
 * A request is bytes from a stranger until ctl_handle() has looked at all of it.
 */
#ifndef CORELANE_VHOST_USER_CTL_H
#define CORELANE_VHOST_USER_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/switch_msg.h"

/* Sends one reply; false when the client is gone or does not read, which ends the answer. */
typedef bool (*ctl_reply_fn)(void *client, const struct switch_reply *reply);

/* What the switch can do; @cfg is checked. Each returns 0 or -errno with words in @e. */
struct ctl_ops {
	int (*add)(void *sw, const struct port_cfg *cfg, struct err *e);
	/* A port that is there gets @cfg; NULL: not known here. */
	int (*set)(void *sw, const struct port_cfg *cfg, struct err *e);
	int (*remove)(void *sw, const char *name, struct err *e);
	int (*stats)(void *sw, const char *name, struct port_cfg *ret_cfg,
		     struct port_stats *ret_stats, struct err *e);
	/* The first port at or after slot *@at, which is then moved behind it; false at the end. */
	bool (*next)(void *sw, uint32_t *at, struct port_cfg *ret_cfg,
		     struct port_stats *ret_stats);
	/*
	 * Operations that watch frames or judge them (watch.h); NULL: not known here. @fd as in
	 * struct ctl. Answers by itself.
	 */
	void (*watch)(void *sw, const struct switch_req *req, int *fd, ctl_reply_fn reply,
		      void *client);
	/* Addresses, lanes, moves: answers by itself. NULL: not known here. */
	void (*ask)(void *sw, const struct switch_req *req, ctl_reply_fn reply, void *client);
	/*
	 * What is to be done now and then. Called between requests; returns in how many milliseconds
	 * at the latest it wants to be called again, -1: no matter. NULL: nothing ever.
	 */
	int (*tick)(void *sw);
};

struct ctl {
	const struct ctl_ops *ops;
	void *sw;
	bool stop; /* a client asked the switch to end */
	/*
	 * SWITCH_OP_HANDOVER; NULL: not known here. @sock: came with it; -1: none. Answers by itself. true:
	 * another switch has taken over, and this one is to end.
	 */
	bool (*handover)(void *arg, const struct switch_req *req, int sock, ctl_reply_fn reply,
			 void *client);
	void *handover_arg;
	/* The descriptor that came with the request; NULL: none. Who keeps it sets it to -1. */
	int *fd;
};

/* Answers @req, whose head is already checked. Control thread. */
void ctl_handle(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client);

/* A reply to @req that says nothing yet. */
struct switch_reply ctl_make_reply(const struct switch_req *req);

/* Sends @r, the last reply, with what @e says, if it says anything. */
void ctl_answer(struct switch_reply *r, const struct err *e, ctl_reply_fn reply, void *client);

/* Ends inside its array, is not empty, and prints on one line without surprises. */
bool ctl_is_text(const char *s, size_t size);

/* -EINVAL with words, naming the field. */
int ctl_check_port(const struct port_cfg *cfg, struct err *e);

#endif
