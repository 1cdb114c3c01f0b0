/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct switch_reply
ctl_make_reply(const struct switch_req *req)
{
	return (struct switch_reply){
		.head = {.magic = SWITCH_REPLY_MAGIC,
			 .version = SWITCH_MSG_VERSION,
			 .size = sizeof(struct switch_reply),
			 .seq = req->head.seq},
	};
}

void
ctl_answer(struct switch_reply *r, const struct err *e, ctl_reply_fn reply, void *client)
{
	if (e->code) {
		r->error = e->code;
		snprintf(r->text, sizeof(r->text), "%.*s", (int)sizeof(r->text) - 1, e->text);
	}
	reply(client, r);
}

static void
list(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply last = ctl_make_reply(req);
	uint32_t at = 0;

	for (;;) {
		struct switch_reply r = ctl_make_reply(req);

		r.more = 1;
		r.has_port = 1;
		if (!c->ops->next(c->sw, &at, &r.port, &r.stats))
			break;
		if (!reply(client, &r))
			return;
	}
	reply(client, &last);
}

static void
stats(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	if (!ctl_is_text(req->port.name, sizeof(req->port.name)))
		err_set(&e, EINVAL, "port name is empty, too long or not printable");
	else if (c->ops->stats(c->sw, req->port.name, &r.port, &r.stats, &e) == 0)
		r.has_port = 1;
	ctl_answer(&r, &e, reply, client);
}

static void
change(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	if (req->op == SWITCH_OP_ADD) {
		if (ctl_check_port(&req->port, &e) == 0)
			c->ops->add(c->sw, &req->port, &e);
	} else if (req->op == SWITCH_OP_SET && c->ops->set) {
		if (ctl_check_port(&req->port, &e) == 0)
			c->ops->set(c->sw, &req->port, &e);
	} else if (!ctl_is_text(req->port.name, sizeof(req->port.name))) {
		err_set(&e, EINVAL, "port name is empty, too long or not printable");
	} else if (req->op == SWITCH_OP_SET) {
		err_set(&e, ENOSYS, "no such operation here: %u", req->op);
	} else {
		c->ops->remove(c->sw, req->port.name, &e);
	}
	ctl_answer(&r, &e, reply, client);
}

static void
watch(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	if (req->op != SWITCH_OP_NETWORKS && !ctl_is_text(req->port.name, sizeof(req->port.name))) {
		err_set(&e, EINVAL, "port name is empty, too long or not printable");
	} else if (!c->ops->watch) {
		err_set(&e, ENOSYS, "no such operation here: %u", req->op);
	} else {
		c->ops->watch(c->sw, req, c->fd, reply, client);
		return;
	}
	ctl_answer(&r, &e, reply, client);
}

/* A name, or none: what an operation makes of that is its own business. */
static void
ask(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	if (req->port.name[0] != '\0' && !ctl_is_text(req->port.name, sizeof(req->port.name))) {
		err_set(&e, EINVAL, "port name is too long or not printable");
	} else if (!c->ops->ask) {
		err_set(&e, ENOSYS, "no such operation here: %u", req->op);
	} else {
		c->ops->ask(c->sw, req, reply, client);
		return;
	}
	ctl_answer(&r, &e, reply, client);
}

static void
hand_over(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	if (!c->handover) {
		err_set(&e, ENOSYS, "no such operation here: %u", req->op);
		ctl_answer(&r, &e, reply, client);
	} else if (c->handover(c->handover_arg, req, c->fd ? *c->fd : -1, reply, client)) {
		c->stop = true;
	}
}

void
ctl_handle(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	switch (req->op) {
	case SWITCH_OP_ADD:
	case SWITCH_OP_SET:
	case SWITCH_OP_REMOVE:
		change(c, req, reply, client);
		return;
	case SWITCH_OP_LIST:
		list(c, req, reply, client);
		return;
	case SWITCH_OP_STATS:
		stats(c, req, reply, client);
		return;
	case SWITCH_OP_STOP:
		c->stop = true;
		ctl_answer(&r, &e, reply, client);
		return;
	case SWITCH_OP_HANDOVER:
		hand_over(c, req, reply, client);
		return;
	case SWITCH_OP_MACS:
	case SWITCH_OP_LANES:
	case SWITCH_OP_MOVE:
		ask(c, req, reply, client);
		return;
	case SWITCH_OP_NETWORKS:
	case SWITCH_OP_RULES:
	case SWITCH_OP_COUNTS:
	case SWITCH_OP_TRACE:
	case SWITCH_OP_TRACED:
	case SWITCH_OP_CAPTURE:
	case SWITCH_OP_RELEASE:
		watch(c, req, reply, client);
		return;
	default:
		err_set(&e, EINVAL, "no such operation: %u", req->op);
		ctl_answer(&r, &e, reply, client);
	}
}
