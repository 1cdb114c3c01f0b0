/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the running switch, any number at once, and its answers (base/switch_msg.h). They are
 * sent in order, without waiting for answers; what the socket has no room for waits here. One thread,
 * that of the event loop.
 */
#ifndef CORELANE_APPLIANCE_SWITCH_LINK_H
#define CORELANE_APPLIANCE_SWITCH_LINK_H

#include "appliance/evloop.h"
#include "base/switch_msg.h"

/*
 * One reply; the last one has more == 0. NULL: there will be none, the switch has gone. May ask again,
 * must not close the link.
 */
typedef void switch_reply_fn(void *arg, const struct switch_reply *reply);

struct switch_call;

struct switch_link {
	struct evloop *loop;
	int fd; /* owned; -1: closed */
	struct evsource source;
	bool full; /* waits until the socket takes more */
	uint32_t seq;
	struct switch_call *first, **end;   /* in the order of asking */
	void (*lost)(void *arg, int error); /* -ENODATA: hung up; else nonsense came */
	void *arg;
};

#define SWITCH_LINK_CLOSED ((struct switch_link){.fd = -1})

/* Takes @fd over. 0 or -errno. */
int switch_link_open(struct switch_link *l, struct evloop *loop, int fd,
		     void (*lost)(void *arg, int error), void *arg);
/*
 * @to (closed) becomes what @from is, which is closed then; calls that wait go along. Not from an answer.
 * 0 or -errno, and @to is as it was.
 */
int switch_link_move(struct switch_link *to, struct switch_link *from,
		     void (*lost)(void *arg, int error), void *arg);
/* Every call that waits gets NULL. No-op when closed. */
void switch_link_close(struct switch_link *l);

/*
 * Asks; @req needs no head. @fd (-1: none) goes along and is closed in any case. 0, and @reply follows;
 * or -ENOTCONN, -ENOMEM.
 */
int switch_link_ask(struct switch_link *l, const struct switch_req *req, int fd,
		    switch_reply_fn *reply, void *arg);
/* Answers to calls with @arg are of no interest any more. */
void switch_link_forget(struct switch_link *l, const void *arg);

/* A file of @n rules for SWITCH_OP_RULES, to be read by its descriptor. -errno. */
int switch_link_rules_fd(const struct filter_rule *rule, size_t n);

#endif
