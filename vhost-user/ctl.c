/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/ctl.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAC_AGE_MAX (24u * 3600) /* a day; more than anybody's switch offers */

/* Ends inside its array, is not empty, and prints on one line without surprises. */
static bool
is_text(const char *s, size_t size)
{
	size_t len = strnlen(s, size);

	if (len == 0 || len == size)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)s[i]))
			return false;
	return true;
}

int
ctl_check_port(const struct port_cfg *cfg, struct err *e)
{
	static const uint8_t zero[6];

	if (!is_text(cfg->name, sizeof(cfg->name)))
		return err_set(e, EINVAL, "port name is empty, too long or not printable");
	if (!is_text(cfg->network, sizeof(cfg->network)))
		return err_set(e, EINVAL, "port %s: network is empty, too long or not printable",
			       cfg->name);
	if (!is_text(cfg->socket, sizeof(cfg->socket)) || cfg->socket[0] != '/')
		return err_set(e, EINVAL, "port %s: socket is not an absolute path below %d bytes",
			       cfg->name, SOCK_PATH_LEN);
	if (cfg->vlan > VLAN_MAX)
		return err_set(e, EINVAL, "port %s: vlan %u is not 0..%d", cfg->name, cfg->vlan,
			       VLAN_MAX);
	if (cfg->queues < 1 || cfg->queues > PORT_QUEUES_MAX)
		return err_set(e, EINVAL, "port %s: %u queue pairs; 1..%d are possible", cfg->name,
			       cfg->queues, PORT_QUEUES_MAX);
	if (cfg->mtu < MTU_MIN || cfg->mtu > MTU_MAX)
		return err_set(e, EINVAL, "port %s: mtu %u is not %d..%d", cfg->name, cfg->mtu,
			       MTU_MIN, MTU_MAX);
	if (cfg->mac_age_s < 1 || cfg->mac_age_s > MAC_AGE_MAX)
		return err_set(e, EINVAL, "port %s: address age %u s is not 1..%u", cfg->name,
			       cfg->mac_age_s, MAC_AGE_MAX);
	if ((cfg->mac[0] & 1) || memcmp(cfg->mac, zero, sizeof(zero)) == 0)
		return err_set(e, EINVAL, "port %s: its own address is zero or a group address",
			       cfg->name);
	return 0;
}

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

static void
answer(struct switch_reply *r, const struct err *e, ctl_reply_fn reply, void *client)
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

	if (!is_text(req->port.name, sizeof(req->port.name)))
		err_set(&e, EINVAL, "port name is empty, too long or not printable");
	else if (c->ops->stats(c->sw, req->port.name, &r.port, &r.stats, &e) == 0)
		r.has_port = 1;
	answer(&r, &e, reply, client);
}

static void
change(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	if (req->op == SWITCH_OP_ADD) {
		if (ctl_check_port(&req->port, &e) == 0)
			c->ops->add(c->sw, &req->port, &e);
	} else if (!is_text(req->port.name, sizeof(req->port.name))) {
		err_set(&e, EINVAL, "port name is empty, too long or not printable");
	} else {
		c->ops->remove(c->sw, req->port.name, &e);
	}
	answer(&r, &e, reply, client);
}

static void
watch(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	if (!is_text(req->port.name, sizeof(req->port.name)))
		err_set(&e, EINVAL, "port name is empty, too long or not printable");
	else if (!c->ops->watch)
		err_set(&e, ENOSYS, "no such operation here: %u", req->op);
	if (e.code)
		answer(&r, &e, reply, client);
	else
		c->ops->watch(c->sw, req, c->fd, reply, client);
}

void
ctl_handle(struct ctl *c, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	switch (req->op) {
	case SWITCH_OP_ADD:
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
		answer(&r, &e, reply, client);
		return;
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
		answer(&r, &e, reply, client);
	}
}
