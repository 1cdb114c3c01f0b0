/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of what the running switch is told: steps one after the other, each with what takes it back.
 * All or nothing: at the first refusal the steps that were done are taken back in reverse.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/switchd.h"
#include "base/log.h"

#define STEP_MS 30000 /* a device may take a while */

enum step_kind { STEP_ADD, STEP_REMOVE, STEP_SET, STEP_RULES };

struct step {
	enum step_kind kind;
	enum filter_direction dir;
	const struct switchd_port *before, *after; /* NULL: it was not, will not be there */
};

struct switchd_change {
	struct switchd *s;
	struct switchd_ports next; /* what it will be told; what it was told once that is done */
	struct step *step;
	size_t n, at;   /* steps; those that are done */
	bool back;      /* being taken back: at counts down */
	size_t waiting; /* answers to the present step */
	bool refused;   /* one of them said no... */
	bool partly;    /* ...and another one yes */
	char why[300];
	void (*done)(void *arg, const char *why);
	void *arg;
};

static void run_step(struct switchd_change *c);

/* Whether the switch has to forget the port and make a new one. */
static bool
is_other(const struct port_cfg *a, const struct port_cfg *b)
{
	if (a->kind != b->kind || strcmp(a->network, b->network) != 0 ||
	    strcmp(a->socket, b->socket) != 0 || a->queues != b->queues ||
	    a->bond_mode != b->bond_mode || memcmp(a->device, b->device, sizeof(a->device)) != 0)
		return true;
	/* Both grew from zeroes; a difference in padding would only cost a new port.
	 * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	return memcmp(&a->vxlan, &b->vxlan, sizeof(a->vxlan)) != 0;
}

/* Likewise: a difference in padding would only cost a step that changes nothing. */
static bool
is_same(const struct port_cfg *a, const struct port_cfg *b)
{
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool
same_rules(const struct switchd_port *a, const struct switchd_port *b, int dir)
{
	return a->n_rules[dir] == b->n_rules[dir] &&
	       (a->n_rules[dir] == 0 ||
		memcmp(a->rule[dir], b->rule[dir], a->n_rules[dir] * sizeof(a->rule[dir][0])) == 0);
}

static void
add_step(struct switchd_change *c, enum step_kind kind, const struct switchd_port *before,
	 const struct switchd_port *after, int dir)
{
	c->step[c->n++] = (struct step){kind, (enum filter_direction)dir, before, after};
}

/* First what goes, so that its devices are free; then what comes, and what the others then say. */
static int
make_steps(struct switchd_change *c)
{
	const struct switchd_ports *old = &c->s->ports, *new = &c->next;

	c->step = calloc(old->n + 4 * new->n + 1, sizeof(*c->step));
	if (!c->step)
		return -ENOMEM;
	/* Tunnels stand last, and go before what they go over. */
	for (size_t i = old->n; i-- > 0;) {
		const struct switchd_port *p = switchd_find(new, old->port[i].cfg.name);

		if (!p || is_other(&old->port[i].cfg, &p->cfg))
			add_step(c, STEP_REMOVE, &old->port[i], NULL, 0);
	}
	for (size_t i = 0; i < new->n; i++) {
		const struct switchd_port *p = switchd_find(old, new->port[i].cfg.name);

		if (!p || is_other(&p->cfg, &new->port[i].cfg))
			add_step(c, STEP_ADD, NULL, &new->port[i], 0);
	}
	for (size_t i = 0; i < new->n; i++) {
		const struct switchd_port *p = switchd_find(old, new->port[i].cfg.name);

		if (!p || is_other(&p->cfg, &new->port[i].cfg))
			continue;
		/* A port that gets stricter has its rules first. */
		for (int dir = 0; dir < FILTER_DIRECTIONS; dir++)
			if (!same_rules(p, &new->port[i], dir))
				add_step(c, STEP_RULES, p, &new->port[i], dir);
		if (!is_same(&p->cfg, &new->port[i].cfg))
			add_step(c, STEP_SET, p, &new->port[i], 0);
	}
	return 0;
}

static void
end(struct switchd_change *c)
{
	struct switchd *s = c->s;

	s->change = NULL;
	evloop_timer_off(s->env->loop, &s->timer);
	switch_link_forget(&s->link, c);
	if (s->state == SWITCHD_CHANGING)
		s->state = SWITCHD_READY;
	switchd_ports_free(&c->next);
	free(c->step);
	c->done(c->arg, c->why);
	free(c);
}

/* The counters of ports that stay are kept until the next list. */
static void
take_over(struct switchd_change *c)
{
	struct switchd_ports old = c->s->ports;

	for (size_t i = 0; i < c->next.n; i++) {
		const struct switchd_port *p = switchd_find(&old, c->next.port[i].cfg.name);

		if (p) {
			c->next.port[i].stats = p->stats;
			c->next.port[i].has_stats = p->has_stats;
		}
	}
	c->s->ports = c->next;
	c->next = old;
}

static void
refuse(struct switchd_change *c, const char *why)
{
	if (c->back) { /* it was like this before */
		log_err("switch: a change cannot be taken back: %s", why);
		return;
	}
	c->refused = true;
	if (!c->why[0])
		snprintf(c->why, sizeof(c->why), "%.290s", why);
}

static void
next_step(struct switchd_change *c)
{
	/* A port may be there and only its rules refused: that counts as done, to be taken back. */
	bool there = c->refused && c->partly && c->step[c->at].kind == STEP_ADD;

	if ((!c->refused && !c->back) || there)
		c->at++;
	c->back |= c->refused;
	c->refused = c->partly = false;
	if (c->at == (c->back ? 0 : c->n)) {
		if (!c->back)
			take_over(c);
		end(c);
		return;
	}
	c->at -= c->back;
	run_step(c);
}

static void
on_step(void *arg, const struct switch_reply *reply)
{
	struct switchd_change *c = arg;
	char why[320];

	if (!reply)
		return; /* switchd_change_lost() comes */
	if (reply->error) {
		snprintf(why, sizeof(why), "%.250s",
			 reply->text[0] ? reply->text : strerror(reply->error));
		refuse(c, why);
	} else {
		c->partly = true;
	}
	if (--c->waiting == 0)
		next_step(c);
}

/* Asks for one port's step; how many answers come, or -errno. */
static int
ask(struct switchd_change *c, const struct step *t)
{
	const struct switchd_port *to = c->back ? t->before : t->after;
	const struct switchd_port *from = c->back ? t->after : t->before;
	struct switch_req req = {.op = t->kind == STEP_SET ? SWITCH_OP_SET : SWITCH_OP_REMOVE};
	int r;

	if (t->kind == STEP_RULES) {
		r = switchd_tell_rules(c->s, to, t->dir, on_step, c);
		return r < 0 ? r : 1;
	}
	if (t->kind != STEP_SET && to)
		return switchd_tell(c->s, to, on_step, c);
	assert(to || from);
	req.port = (to ? to : from)->cfg;
	r = switch_link_ask(&c->s->link, &req, -1, on_step, c);
	return r < 0 ? r : 1;
}

static void
on_silence(void *arg)
{
	struct switchd *s = arg;

	log_err("switch: does not answer; killed");
	child_kill(&s->child, SIGKILL);
}

/* On failure to ask at all the switch is not what we think it is: its end puts that right. */
static void
run_step(struct switchd_change *c)
{
	struct switchd *s = c->s;
	int n = ask(c, &c->step[c->at]);

	if (n < 0) {
		snprintf(c->why, sizeof(c->why), "the switch cannot be asked: %s", strerror(-n));
		child_kill(&s->child, SIGKILL);
		return;
	}
	c->waiting = (size_t)n;
	evloop_timer(s->env->loop, &s->timer, STEP_MS, on_silence, s);
}

void
switchd_change_lost(struct switchd *s)
{
	struct switchd_change *c = s->change;

	if (!c)
		return;
	if (!c->why[0])
		snprintf(c->why, sizeof(c->why),
			 "the switch ended meanwhile; it is started again as it was");
	end(c);
}

int
switchd_change(struct switchd *s, const struct plan *plan, void (*done)(void *arg, const char *why),
	       void *arg, struct err *e)
{
	struct switchd_change *c;
	int r;

	if (s->state != SWITCHD_READY)
		return err_set(e, EBUSY, "switch: it is %s; try again",
			       s->state == SWITCHD_CHANGING ? "being changed already"
							    : "being started or stopped");
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ENOMEM, "switch: no memory");
	*c = (struct switchd_change){.s = s, .done = done, .arg = arg};
	r = switchd_ports_make(s->env, plan, &c->next, e);
	if (r == 0 && make_steps(c) < 0)
		r = err_set(e, ENOMEM, "switch: no memory");
	if (r < 0) {
		switchd_ports_free(&c->next);
		free(c->step);
		free(c);
		return r;
	}
	s->change = c;
	s->state = SWITCHD_CHANGING;
	if (c->n) {
		run_step(c);
	} else {
		take_over(c);
		end(c);
	}
	return 0;
}
