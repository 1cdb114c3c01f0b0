/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the switch that come from outside: {"action": "switch", "op": OP, ...} is asked of it,
 * what it replies becomes JSON. The event loop never waits.
 */
#include <errno.h>
#include <string.h>

#include "appliance/command_priv.h"
#include "appliance/port_json.h"
#include "appliance/switchd_upgrade.h"
#include "config/near.h"
#include "config/rule.h"
#include "config/text.h"

#define TAKE_MAX 500 /* of a list, in one answer */

enum needs {
	NEEDS_PORT = 1,
	MAY_PORT = 2,
	NEEDS_FD = 4,
	HAS_DIRECTION = 8,
};

struct question {
	const char *name;
	enum switch_op op;
	unsigned int needs;
	const char *key; /* of the list in the answer; NULL: none */
	/* Adds what a reply says to the list. */
	void (*add)(struct command *cmd, const struct switch_reply *reply);
};

/* Items outside of what was asked for are only counted. */
static void
add_item(struct command *cmd, json_t *item)
{
	if (cmd->skip > 0)
		cmd->skip--;
	else if (json_array_size(cmd->json) < TAKE_MAX) {
		json_array_append_new(cmd->json, item);
		return;
	} else {
		cmd->take++;
	}
	json_decref(item);
}

static void
add_port(struct command *cmd, const struct switch_reply *r)
{
	if (r->has_port)
		add_item(cmd, port_json_full(&r->port, &r->stats));
}

static void
add_macs(struct command *cmd, const struct switch_reply *r)
{
	for (uint32_t i = 0; i < r->n && i < SWITCH_MACS_A_REPLY; i++)
		add_item(cmd, port_json_mac(&r->mac[i]));
}

static void
add_lane(struct command *cmd, const struct switch_reply *r)
{
	if (r->n || r->more)
		add_item(cmd, port_json_lane(&r->lane));
}

static void
add_counts(struct command *cmd, const struct switch_reply *r)
{
	for (uint32_t i = 0; i < r->n && i < SWITCH_COUNTS_A_REPLY; i++) {
		const struct filter_count *c = &r->rule_count[i];
		json_t *name = json_stringn(c->name, strnlen(c->name, sizeof(c->name)));

		add_item(cmd, json_pack("{s:o, s:I, s:I}", "name", name ? name : json_string("?"),
					"packets", (json_int_t)c->packets, "bytes",
					(json_int_t)c->bytes));
	}
}

static void
add_traces(struct command *cmd, const struct switch_reply *r)
{
	for (uint32_t i = 0; i < r->n && i < SWITCH_TRACES_A_REPLY; i++)
		add_item(cmd, port_json_trace(&r->trace[i]));
}

static const struct question questions[] = {
	{"list", SWITCH_OP_LIST, 0, "ports", add_port},
	{"stats", SWITCH_OP_STATS, NEEDS_PORT, "ports", add_port},
	{"macs", SWITCH_OP_MACS, MAY_PORT, "macs", add_macs},
	{"lanes", SWITCH_OP_LANES, 0, "lanes", add_lane},
	{"counts", SWITCH_OP_COUNTS, NEEDS_PORT | HAS_DIRECTION, "rules", add_counts},
	{"trace", SWITCH_OP_TRACE, NEEDS_PORT, NULL, NULL},
	{"traced", SWITCH_OP_TRACED, NEEDS_PORT, "traces", add_traces},
	{"capture", SWITCH_OP_CAPTURE, NEEDS_PORT | NEEDS_FD, NULL, NULL},
	{"release", SWITCH_OP_RELEASE, NEEDS_PORT, "counts", add_counts},
	{"move", SWITCH_OP_MOVE, NEEDS_PORT, NULL, NULL},
};

static const struct question *
find(const char *name, struct near *near)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(questions); i++) {
		if (strcmp(questions[i].name, name) == 0)
			return &questions[i];
		near_try(near, questions[i].name);
	}
	return NULL;
}

/* Which question it is stands in cmd->index. */
static void
on_reply(void *arg, const struct switch_reply *reply)
{
	struct command *cmd = arg;
	const struct question *q = &questions[cmd->index];
	json_t *answer;

	if (!reply) {
		command_fail(cmd, "failed", "the switch ended before it had answered; try again");
		return;
	}
	if (reply->error) {
		command_fail(cmd, "refused", "switch: %s",
			     reply->text[0] ? reply->text : strerror(reply->error));
		return;
	}
	if (q->add)
		q->add(cmd, reply);
	if (reply->more)
		return;
	answer = json_pack("{s:b}", "ok", 1);
	if (answer && q->key) {
		json_object_set(answer, q->key, cmd->json);
		json_object_set_new(answer, "more",
				    json_boolean(cmd->take > 0 || reply->more_later));
	} else if (answer) {
		json_object_set_new(answer, "text",
				    reply->text[0] ? json_string(reply->text)
						   : json_string("done"));
	}
	command_finish(cmd, answer ? answer : json_null());
}

static void
let_go(struct command *cmd)
{
	switch_link_forget(&cmd->all->sw->link, cmd);
}

/* A number of a request, or @dflt when there is none; -1: it is no proper one. */
static json_int_t
number(const json_t *request, const char *key, json_int_t dflt)
{
	const json_t *v = json_object_get(request, key);

	if (!v)
		return dflt;
	return json_is_integer(v) && json_integer_value(v) >= 0 ? json_integer_value(v) : -1;
}

/* Fills @ret. false: the command has failed. */
static bool
take_port(struct command *cmd, const struct question *q, const json_t *request,
	  struct switch_req *ret)
{
	const json_t *v = json_object_get(request, "port");
	const char *name = json_string_value(v);
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	const struct switchd_ports *ports = &cmd->all->sw->ports;
	struct near near = {.word = name};

	if (!v && !(q->needs & NEEDS_PORT))
		return true;
	if (!name || !(q->needs & (NEEDS_PORT | MAY_PORT))) {
		command_fail(cmd, "invalid", "port is missing, not a text or not for this op");
		return false;
	}
	if (!switchd_find(ports, name)) {
		for (size_t i = 0; i < ports->n; i++)
			near_try(&near, ports->port[i].cfg.name);
		command_fail(cmd, "unknown", "the switch has no port %s%s",
			     text_quote(name, quoted), near_hint(&near, hint));
		return false;
	}
	snprintf(ret->port.name, sizeof(ret->port.name), "%s", name);
	return true;
}

/* {"protocol": "tcp", "source": "10.0.0.0/8"} becomes a rule, in the words of a declaration. */
static bool
take_rule(struct command *cmd, const json_t *request, struct switch_req *ret)
{
	json_t *rule = json_object_get(request, "rule"), *value;
	char why[RULE_WHY_LEN];
	struct site_rule r;
	const char *key;
	int bad = 0;

	rule_init(&r);
	json_object_foreach(rule, key, value)
	{
		const char *text = json_string_value(value);

		if (bad == 0)
			bad = rule_set(&r, key, text ? text : "", why);
	}
	if (bad == 0)
		bad = rule_finish(&r, why);
	if (bad < 0) {
		command_fail(cmd, "invalid", "rule: %s", why);
		return false;
	}
	ret->rule = r.rule;
	return true;
}

static bool
take_numbers(struct command *cmd, const struct question *q, const json_t *request,
	     struct switch_req *ret)
{
	json_int_t count = number(request, "count", 0), lane = number(request, "lane", 0);
	json_int_t skip = number(request, "skip", 0);
	const char *dir = json_string_value(json_object_get(request, "direction"));

	if (count < 0 || lane < 0 || lane > UINT32_MAX || skip < 0) {
		command_fail(cmd, "invalid", "count, lane and skip are numbers from 0");
		return false;
	}
	if (dir && strcmp(dir, "in") != 0 && strcmp(dir, "out") != 0) {
		command_fail(cmd, "invalid", "direction is in or out");
		return false;
	}
	ret->count = (uint64_t)count;
	ret->arg = (uint32_t)lane;
	if (q->needs & HAS_DIRECTION)
		ret->arg = dir && strcmp(dir, "out") == 0 ? FILTER_TO : FILTER_FROM;
	cmd->skip = (size_t)skip;
	return true;
}

static void
on_upgraded(void *arg, bool ok, unsigned int ports, const char *words)
{
	struct command *cmd = arg;
	const char *said = words ? words : "";

	cmd->gone = NULL;
	if (!ok)
		command_fail(cmd, "refused", "switch: %s", said);
	else
		command_finish(cmd,
			       json_pack("{s:b, s:o}", "ok", 1, "text",
					 json_sprintf("upgraded: %u ports were handed over%s%s",
						      ports, said[0] ? "; " : "", said)));
}

static void
upgrade_let_go(struct command *cmd)
{
	switchd_upgrade_forget(cmd->all->sw);
}

static void
upgrade(struct command *cmd, const json_t *request)
{
	const json_t *v = json_object_get(request, "program");
	const char *program = json_string_value(v);
	struct err e = {0};

	if (v && (!program || program[0] != '/')) {
		command_fail(cmd, "invalid", "program is not an absolute path");
		return;
	}
	cmd->gone = upgrade_let_go;
	if (switchd_upgrade(cmd->all->sw, cmd->all->vnf, program, on_upgraded, cmd, &e) < 0) {
		cmd->gone = NULL;
		command_fail(cmd, "refused", "%s", e.text);
	}
}

void
command_switch(struct command *cmd, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "op"));
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};
	const struct question *q = find(name, &near);
	struct switch_req req = {0};
	int r, fd;

	if (name && strcmp(name, "upgrade") == 0 && cmd->all->sw) {
		upgrade(cmd, request);
		return;
	}
	if (!q) {
		command_fail(cmd, "invalid", "there is no op %s of the switch%s",
			     name ? text_quote(name, quoted) : "like that", near_hint(&near, hint));
		return;
	}
	if (!cmd->all->sw) {
		command_fail(cmd, "conflict", "this site has no switch: no interface needs it");
		return;
	}
	req.op = q->op;
	cmd->index = (uint32_t)(q - questions);
	if (!take_port(cmd, q, request, &req) || !take_numbers(cmd, q, request, &req) ||
	    !take_rule(cmd, request, &req))
		return;
	if ((q->needs & NEEDS_FD) && cmd->fd < 0) {
		command_fail(cmd, "invalid", "no descriptor came with the request");
		return;
	}
	cmd->json = json_array();
	fd = q->needs & NEEDS_FD ? cmd->fd : -1;
	if (fd >= 0)
		cmd->fd = -1;
	r = switch_link_ask(&cmd->all->sw->link, &req, fd, on_reply, cmd);
	if (r < 0)
		command_fail(cmd, "failed", "the switch cannot be asked: %s",
			     r == -ENOTCONN ? "it is being started again" : strerror(-r));
	else
		cmd->gone = let_go;
}
