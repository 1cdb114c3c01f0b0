/* SPDX-License-Identifier: Apache-2.0 */
/* What the switch is told: ports, their rules, and which thread serves them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/switchd.h"

static int
copy_rules(const struct plan_port *from, struct switchd_port *ret)
{
	for (int dir = 0; dir < FILTER_DIRECTIONS; dir++) {
		size_t n = 0;

		for (size_t i = 0; i < from->n_rules; i++)
			n += from->rule[i].direction == (enum filter_direction)dir;
		if (n == 0)
			continue;
		ret->rule[dir] = calloc(n, sizeof(ret->rule[dir][0]));
		if (!ret->rule[dir])
			return -ENOMEM;
		for (size_t i = 0; i < from->n_rules; i++)
			if (from->rule[i].direction == (enum filter_direction)dir)
				ret->rule[dir][ret->n_rules[dir]++] = from->rule[i].rule;
	}
	return 0;
}

static int
fill(const struct run_env *env, const struct plan_port *p, struct switchd_port *ret, struct err *e)
{
	ret->cfg = p->cfg;
	ret->lane = p->lane;
	if (copy_rules(p, ret) < 0)
		return err_set(e, ENOMEM, "switch: no memory");
	if (p->vnf == PLAN_UPLINK)
		return 0;
	if (env_nic_socket(env, p->vnf, p->interface, ret->cfg.socket, sizeof(ret->cfg.socket)) < 0)
		return err_set(e, ENAMETOOLONG,
			       "port %s: the path of its socket is too long; choose a shorter "
			       "folder with --run-dir",
			       ret->cfg.name);
	return 0;
}

int
switchd_ports_make(const struct run_env *env, const struct plan *plan, struct switchd_ports *ret,
		   struct err *e)
{
	struct switchd_ports p = {.port = calloc(plan->n_ports + 1, sizeof(*p.port))};
	int r = 0;

	if (!p.port)
		return err_set(e, ENOMEM, "switch: no memory");
	for (p.n = 0; p.n < plan->n_ports && r == 0; p.n++)
		r = fill(env, &plan->port[p.n], &p.port[p.n], e);
	if (r < 0) {
		switchd_ports_free(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void
switchd_ports_free(struct switchd_ports *p)
{
	for (size_t i = 0; i < p->n; i++)
		for (int dir = 0; dir < FILTER_DIRECTIONS; dir++)
			free(p->port[i].rule[dir]);
	free(p->port);
	*p = (struct switchd_ports){0};
}

struct switchd_port *
switchd_find(const struct switchd_ports *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strncmp(p->port[i].cfg.name, name, PORT_NAME_LEN) == 0)
			return &p->port[i];
	return NULL;
}

int
switchd_tell_rules(struct switchd *s, const struct switchd_port *port, enum filter_direction dir,
		   switch_reply_fn *reply, void *arg)
{
	struct switch_req req = {.op = SWITCH_OP_RULES,
				 .arg = (uint32_t)dir,
				 .count = port->n_rules[dir],
				 .port = port->cfg};
	int fd = switch_link_rules_fd(port->rule[dir], port->n_rules[dir]);

	return fd < 0 ? fd : switch_link_ask(&s->link, &req, fd, reply, arg);
}

/* The rules of both directions. How many answers come, or -errno. */
static int
tell_filter(struct switchd *s, const struct switchd_port *port, switch_reply_fn *reply, void *arg)
{
	int n = 0, r = 0;

	for (int dir = 0; dir < FILTER_DIRECTIONS && r == 0; dir++) {
		if (port->n_rules[dir] == 0)
			continue;
		r = switchd_tell_rules(s, port, (enum filter_direction)dir, reply, arg);
		n++;
	}
	return r < 0 ? r : n;
}

/*
 * Not one frame may pass a filter that is still to come: until it has its rules, a port is alone in a
 * segment whose name no declaration can have.
 */
int
switchd_tell(struct switchd *s, const struct switchd_port *port, switch_reply_fn *reply, void *arg)
{
	struct switch_req req = {.op = SWITCH_OP_ADD, .port = port->cfg};
	bool alone = port->n_rules[FILTER_FROM] || port->n_rules[FILTER_TO];
	int n, r;

	if (alone)
		snprintf(req.port.segment, sizeof(req.port.segment), "#%u", s->link.seq);
	r = switch_link_ask(&s->link, &req, -1, reply, arg);
	n = r < 0 ? r : tell_filter(s, port, reply, arg);
	if (n < 0)
		return n;
	n++;
	req.port = port->cfg;
	if (alone) {
		req.op = SWITCH_OP_SET;
		r = switch_link_ask(&s->link, &req, -1, reply, arg);
		n++;
	}
	if (r == 0 && s->env->plan->n_lanes > 1) {
		req.op = SWITCH_OP_MOVE;
		req.arg = port->lane;
		r = switch_link_ask(&s->link, &req, -1, reply, arg);
		n++;
	}
	return r < 0 ? r : n;
}
