/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/switchd_upgrade.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "appliance/telemetry_dir.h"
#include "appliance/translate.h"
#include "base/log.h"

#define UPGRADE_S     30  /* from its start to the hand-over */
#define LAST_WORDS_MS 200 /* of a new one that ends */

enum step {
	STEP_TELL, /* the new switch hears of its ports */
	STEP_TAKE, /* it waits until front ends have set its connections up */
	STEP_GIVE, /* the old one was told to hand over */
	STEP_OVER, /* it has; the new one is about to say that it serves */
	STEP_END,  /* on_end() is about to be called */
};

struct switchd_upgrade {
	struct switchd *s;
	enum step step;
	struct switchd next; /* the new switch: env, child, link and ports (the old one's) */
	bool old_refused;    /* the old one will not hand over */
	size_t waiting;      /* answers about its ports */
	int pair[2];         /* what the two switches talk over; -1 */
	struct evtimer timer;
	bool serves;   /* the new one, it says */
	bool old_gone; /* the old one has ended, after it handed over, or instead */
	unsigned int ports;
	struct vnf *vnf;
	switchd_upgraded_fn *done; /* NULL: nobody waits */
	void *arg;
	char words[300];
};

static void on_next_child(void *arg, uint32_t events);

/* The VMMs take a second switch for a while, or no more. */
static void
expect(struct switchd_upgrade *u, unsigned int seconds)
{
	const struct plan *plan = u->s->env->plan;

	for (size_t i = 0; u->vnf && i < plan->n_vnfs; i++) {
		const struct site_vnf *v = plan->vnf[i].vnf;

		for (size_t k = 0; k < v->n_interfaces; k++)
			if (v->interfaces[k].kind == IF_SWITCH)
				/* one that does not run now will see one switch only */
				(void)vnf_ctl_call(&u->vnf[i], VMM_OP_HANDOVER, (uint32_t)k,
						   seconds, NULL);
	}
}

static void
close_pair(struct switchd_upgrade *u)
{
	for (int i = 0; i < 2; i++) {
		if (u->pair[i] >= 0)
			close(u->pair[i]);
		u->pair[i] = -1;
	}
}

static void
finish(struct switchd_upgrade *u, bool ok)
{
	struct switchd *s = u->s;

	evloop_timer_off(s->env->loop, &u->timer);
	close_pair(u);
	expect(u, 0);
	s->upgrade = NULL;
	if (u->done)
		u->done(u->arg, ok, u->ports, u->words);
	free(u);
}

/* The new one goes; the old one is as it was, or is gone too: then one is started as ever. */
static void
give_up(struct switchd_upgrade *u)
{
	struct switchd *s = u->s;
	bool again = u->old_gone && s->state == SWITCHD_UPGRADING;

	log_warn("switch: not replaced: %s", u->words);
	evloop_del(s->env->loop, &u->next.child_source);
	switch_link_forget(&s->link, u);
	switch_link_forget(&u->next.link, u);
	switch_link_close(&u->next.link);
	child_destroy(&u->next.child);
	if (s->state == SWITCHD_UPGRADING)
		s->state = SWITCHD_READY;
	finish(u, false);
	if (again)
		switchd_again(s, "handed over to one that does not serve");
}

/* --- the new one serves --- */

static void
on_uplink(void *arg, const struct switch_reply *reply)
{
	(void)arg;
	if (reply && reply->error)
		log_err("switch: %s", reply->text[0] ? reply->text : strerror(reply->error));
}

/* A device, or a socket that is listened on: one process has it. */
static bool
is_uplink(const struct switchd_port *p)
{
	return p->cfg.kind != PORT_VHOST || p->cfg.socket_listen;
}

/* The new one serves, and the old one has ended. */
static void
swap(struct switchd_upgrade *u)
{
	struct switchd *s = u->s;

	evloop_del(s->env->loop, &u->next.child_source);
	switchd_adopt(s, &u->next.child, &u->next.link);
	for (size_t i = 0; i < s->ports.n; i++)
		if (is_uplink(&s->ports.port[i]))
			switchd_tell(s, &s->ports.port[i], on_uplink, s);
	log_info("switch: replaced; %u ports were handed over", u->ports);
	finish(u, true);
}

static void
on_end(void *arg)
{
	struct switchd_upgrade *u = arg;

	if (u->serves)
		swap(u);
	else
		give_up(u);
}

/* Outside of the answers of a link that is about to be closed or moved. */
static void
end_soon(struct switchd_upgrade *u, const char *why)
{
	if (why)
		snprintf(u->words, sizeof(u->words), "%s", why);
	u->step = STEP_END;
	evloop_timer(u->s->env->loop, &u->timer, 0, on_end, u);
}

static const char *
words_of(const struct switch_reply *reply)
{
	return reply->text[0] ? reply->text : strerror(reply->error);
}

static void
on_taken(struct switchd_upgrade *u, const struct switch_reply *reply)
{
	if (reply->error) {
		end_soon(u, words_of(reply));
		return;
	}
	u->ports = reply->n;
	u->serves = true;
	if (u->old_gone)
		end_soon(u, NULL);
}

/* --- before --- */

static void
on_given(void *arg, const struct switch_reply *reply)
{
	struct switchd_upgrade *u = arg;

	if (!reply || u->step != STEP_GIVE)
		return;
	if (!reply->error) {
		u->step = STEP_OVER;
		return;
	}
	/* Perhaps because the new one has just died: its end, a moment later, says more. */
	end_soon(u, words_of(reply));
	u->old_refused = true;
	evloop_timer(u->s->env->loop, &u->timer, LAST_WORDS_MS, on_end, u);
}

/* Two answers: its connections are set up; it has taken over. */
static void
on_take(void *arg, const struct switch_reply *reply)
{
	const struct switch_req req = {.op = SWITCH_OP_HANDOVER};
	struct switchd_upgrade *u = arg;
	int fd, r;

	if (!reply || u->step == STEP_END)
		return;
	if (!reply->more || u->step != STEP_TAKE) {
		on_taken(u, reply);
		return;
	}
	if (reply->text[0]) {
		snprintf(u->words, sizeof(u->words), "%s", reply->text);
		log_warn("switch: %s", u->words);
	}
	fd = u->pair[0];
	u->pair[0] = -1;
	u->step = STEP_GIVE;
	r = switch_link_ask(&u->s->link, &req, fd, on_given, u);
	if (r < 0)
		end_soon(u, strerror(-r));
}

static void
on_told(void *arg, const struct switch_reply *reply)
{
	const struct switch_req req = {.op = SWITCH_OP_HANDOVER};
	struct switchd_upgrade *u = arg;
	int fd, r;

	if (!reply || u->step == STEP_END)
		return;
	if (reply->error) {
		end_soon(u, words_of(reply));
		return;
	}
	if (--u->waiting > 0)
		return;
	fd = u->pair[1];
	u->pair[1] = -1;
	u->step = STEP_TAKE;
	r = switch_link_ask(&u->next.link, &req, fd, on_take, u);
	if (r < 0)
		end_soon(u, strerror(-r));
}

static void
on_next_lost(void *arg, int error)
{
	struct switchd_upgrade *u = arg;

	if (error != -ENODATA)
		child_kill(&u->next.child, SIGKILL);
}

static void
on_next_child(void *arg, uint32_t events)
{
	struct switchd_upgrade *u = arg;
	int status;

	(void)events;
	child_reap(&u->next.child, &status);
	u->serves = false;
	if (u->step != STEP_END || u->old_refused)
		snprintf(u->words, sizeof(u->words), "the new switch ended; its log says why");
	give_up(u);
}

static void
on_late(void *arg)
{
	struct switchd_upgrade *u = arg;

	snprintf(u->words, sizeof(u->words), "the new switch was not ready within %d s", UPGRADE_S);
	give_up(u);
}

static int
tell_next(struct switchd_upgrade *u)
{
	struct switchd *s = u->s;

	for (size_t i = 0; i < s->ports.n; i++) {
		int n;

		if (is_uplink(&s->ports.port[i]))
			continue;
		n = switchd_tell(&u->next, &s->ports.port[i], on_told, u);
		if (n < 0)
			return n;
		u->waiting += (size_t)n;
	}
	return u->waiting ? 0 : -ENOENT;
}

static int
start_next(struct switchd_upgrade *u, const char *program, struct err *e)
{
	const struct run_env *env = u->s->env;
	struct switch_args *args = calloc(1, sizeof(*args));
	int control[2], r;

	if (!args)
		return err_set(e, ENOMEM, "switch: no memory");
	r = fdmsg_pair(control);
	if (r < 0) {
		err_sys(e, -r, "switch: control socket");
		goto out;
	}
	translate_switch(env->plan, program, control[1], args);
	translate_switch_takeover(args);
	telemetry_dir_add(env->plan, env->dir, args);
	r = child_start(program, args->argv, &control[1], 1, &u->next.child);
	close(control[1]);
	if (r < 0) {
		err_sys(e, -r, "switch: %s", program);
		close(control[0]);
		goto out;
	}
	r = switch_link_open(&u->next.link, env->loop, control[0], on_next_lost, u);
	if (r == 0)
		r = evloop_add(env->loop, &u->next.child_source, u->next.child.pidfd, EPOLLIN,
			       on_next_child, u);
	if (r == 0)
		r = rundir_record(env->dir, u->next.child.pid, u->next.child.start, "switch");
	if (r == 0)
		r = tell_next(u);
	if (r == -ENOENT)
		err_set(e, ENOENT, "switch: it has no ports to hand over");
	else if (r < 0)
		err_sys(e, -r, "switch");
out:
	free(args);
	return r;
}

int
switchd_upgrade(struct switchd *s, struct vnf *vnf, const char *program, switchd_upgraded_fn *done,
		void *arg, struct err *e)
{
	struct switchd_upgrade *u;
	int r;

	if (s->state != SWITCHD_READY)
		return err_set(e, EBUSY,
			       "the switch is busy (it starts, or is being changed); try "
			       "again");
	u = calloc(1, sizeof(*u));
	if (!u)
		return err_set(e, ENOMEM, "switch: no memory");
	*u = (struct switchd_upgrade){.s = s, .pair = {-1, -1}, .vnf = vnf, .arg = arg};
	u->next = (struct switchd){.env = s->env, .child = CHILD_NONE, .link = SWITCH_LINK_CLOSED};
	s->upgrade = u;
	s->state = SWITCHD_UPGRADING;
	r = fdmsg_pair(u->pair);
	if (r < 0)
		err_sys(e, -r, "switch: socket");
	if (r == 0) {
		expect(u, UPGRADE_S);
		r = start_next(u, program ? program : s->env->programs->switch_program, e);
	}
	if (r < 0) {
		snprintf(u->words, sizeof(u->words), "%.*s", (int)sizeof(u->words) - 1, e->text);
		give_up(u);
		return r;
	}
	u->done = done;
	evloop_timer(s->env->loop, &u->timer, UPGRADE_S * 1000, on_late, u);
	return 0;
}

void
switchd_upgrade_forget(struct switchd *s)
{
	if (s->upgrade)
		s->upgrade->done = NULL;
}

bool
switchd_upgrade_ended(struct switchd *s)
{
	struct switchd_upgrade *u = s->upgrade;

	if (!u)
		return false;
	/* Whether it had handed over the new one knows, and says, perhaps it has said so already. */
	if (u->step >= STEP_GIVE && s->state == SWITCHD_UPGRADING) {
		u->old_gone = true;
		if (u->serves)
			swap(u);
		return true;
	}
	snprintf(u->words, sizeof(u->words), "the old switch ended");
	give_up(u);
	return false;
}
