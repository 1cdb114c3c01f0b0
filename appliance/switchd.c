/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the switch: start, ready, gone, started again, stopped. */
#include "appliance/switchd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/switchd_upgrade.h"
#include "appliance/telemetry_dir.h"
#include "appliance/translate.h"
#include "base/log.h"

#define READY_MS       30000 /* DPDK maps and clears its hugepages first */
#define LIST_MS        1000
#define FAILURES_MAX   5
#define BACKOFF_MS     100 /* from the second end in a row on, doubled with each... */
#define BACKOFF_MAX_MS 10000
#define STABLE_NS      10000000000ull /* ...which one that was ready for so long begins anew */

static void on_child(void *arg, uint32_t events);

int
switchd_init(struct switchd *s, const struct run_env *env, struct err *e)
{
	*s = (struct switchd){.env = env, .child = CHILD_NONE, .link = SWITCH_LINK_CLOSED};
	telemetry_dir_remove(env->dir); /* of a run that was killed */
	return switchd_ports_make(env, env->plan, &s->ports, e);
}

static void
disconnect(struct switchd *s)
{
	evloop_timer_off(s->env->loop, &s->timer);
	evloop_del(s->env->loop, &s->child_source);
	switch_link_close(&s->link);
}

/* A switch that is alive and does not answer is no use: on_child() decides what follows. */
static void
on_silence(void *arg)
{
	struct switchd *s = arg;

	log_err("switch: does not answer; killed");
	child_kill(&s->child, SIGKILL);
}

/* Closed: its end is seen by on_child(). Nonsense: make it so. */
static void
on_lost(void *arg, int error)
{
	if (error != -ENODATA)
		on_silence(arg);
}

static void
fail(struct switchd *s, const char *why)
{
	s->state = SWITCHD_OFF;
	s->failed(s->arg, why);
}

static void
now_ready(struct switchd *s)
{
	evloop_timer_off(s->env->loop, &s->timer);
	s->state = SWITCHD_READY;
	s->failures = 0;
	s->ready_ns = evloop_now();
	if (s->was_ready) {
		log_info("switch: started again, %zu ports", s->ports.n);
		return;
	}
	s->was_ready = true;
	s->ready(s->arg);
}

static void
on_added(void *arg, const struct switch_reply *reply)
{
	struct switchd *s = arg;
	char why[512];

	if (!reply || s->state != SWITCHD_ADDING)
		return;
	if (reply->error) {
		snprintf(why, sizeof(why), "%.250s",
			 reply->text[0] ? reply->text : strerror(reply->error));
		child_destroy(&s->child);
		disconnect(s);
		fail(s, why);
		return;
	}
	if (--s->waiting == 0)
		now_ready(s);
}

/* Everything at once: the time until frames pass again is what counts. */
static int
tell_all(struct switchd *s)
{
	s->waiting = 0;
	for (size_t i = 0; i < s->ports.n; i++) {
		int n = switchd_tell(s, &s->ports.port[i], on_added, s);

		if (n < 0)
			return n;
		s->waiting += (size_t)n;
	}
	return 0;
}

static int
watch(struct switchd *s, int control_fd)
{
	struct evloop *l = s->env->loop;
	int r;

	r = switch_link_open(&s->link, l, control_fd, on_lost, s);
	if (r == 0)
		r = evloop_add(l, &s->child_source, s->child.pidfd, EPOLLIN, on_child, s);
	if (r == 0)
		r = rundir_record(s->env->dir, s->child.pid, s->child.start, "switch");
	if (r == 0)
		r = tell_all(s);
	return r;
}

int
switchd_start(struct switchd *s, struct err *e)
{
	const char *program = s->env->programs->switch_program;
	struct switch_args *args = malloc(sizeof(*args));
	int pair[2], r;

	if (!args)
		return err_set(e, ENOMEM, "switch: no memory");
	r = fdmsg_pair(pair);
	if (r < 0) {
		err_sys(e, -r, "switch: control socket");
		goto free_args;
	}
	translate_switch(s->env->plan, program, pair[1], args);
	telemetry_dir_add(s->env->plan, s->env->dir, args);
	r = child_start(program, args->argv, &pair[1], 1, &s->child);
	close(pair[1]);
	if (r < 0) {
		err_sys(e, -r, "switch: %s", program);
		close(pair[0]);
		goto disconnect;
	}
	s->starts++;
	s->state = SWITCHD_ADDING;
	r = watch(s, pair[0]);
	if (r < 0) {
		err_sys(e, -r, "switch");
		goto disconnect;
	}
	evloop_timer(s->env->loop, &s->timer, READY_MS, on_silence, s);
	goto free_args;
disconnect:
	child_destroy(&s->child);
	s->state = SWITCHD_OFF;
	disconnect(s);
free_args:
	free(args);
	return r;
}

static void
start_again(void *arg)
{
	struct switchd *s = arg;
	struct err e = {0};

	if (switchd_start(s, &e) < 0)
		fail(s, e.text);
}

static void
end_list(void *arg)
{
	struct switchd *s = arg;

	evloop_timer_off(s->env->loop, &s->timer);
	switch_link_forget(&s->link, s);
	if (s->state == SWITCHD_LISTING)
		s->state = SWITCHD_READY;
	s->listed(s->arg);
}

static void
on_listed(void *arg, const struct switch_reply *reply)
{
	struct switchd *s = arg;
	struct switchd_port *port;

	if (!reply || s->state != SWITCHD_LISTING)
		return; /* on_child() ends the list */
	port = reply->has_port ? switchd_find(&s->ports, reply->port.name) : NULL;
	if (port) {
		port->stats = reply->stats;
		port->has_stats = true;
	}
	if (!reply->more || reply->error)
		end_list(s);
}

static void
describe(int status, char *ret, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(ret, size, "killed: %s", strsignal(WTERMSIG(status)));
	else
		snprintf(ret, size, "ended with status %d", WEXITSTATUS(status));
}

/* At once the first time: every millisecond is frames that are lost. */
static unsigned int
backoff_ms(unsigned int crashes)
{
	if (crashes == 0)
		return 0;
	return MIN_OF((unsigned int)BACKOFF_MS << MIN_OF(crashes - 1, 8u),
		      (unsigned int)BACKOFF_MAX_MS);
}

static void
wait_and_start(struct switchd *s, const char *how)
{
	unsigned int ms;

	if (s->ready_ns && evloop_now() - s->ready_ns >= STABLE_NS)
		s->crashes = 0;
	ms = backoff_ms(s->crashes++);
	s->ready_ns = 0;
	if (ms == 0)
		log_warn("switch: %s; starting it again", how);
	else
		log_warn("switch: %s; starting it again in %u ms", how, ms);
	s->state = SWITCHD_WAITING;
	evloop_timer(s->env->loop, &s->timer, ms, start_again, s);
}

void
switchd_again(struct switchd *s, const char *how)
{
	wait_and_start(s, how);
}

void
switchd_adopt(struct switchd *s, struct child *child, struct switch_link *link)
{
	int r;

	s->child = *child;
	*child = CHILD_NONE;
	s->starts++;
	s->state = SWITCHD_READY;
	s->ready_ns = evloop_now();
	r = switch_link_move(&s->link, link, on_lost, s);
	if (r == 0)
		r = evloop_add(s->env->loop, &s->child_source, s->child.pidfd, EPOLLIN, on_child,
			       s);
	if (r < 0) {
		log_err("switch: cannot be watched: %s; killed", strerror(-r));
		child_destroy(&s->child);
		disconnect(s);
		wait_and_start(s, "killed");
	}
}

static void
on_child(void *arg, uint32_t events)
{
	struct switchd *s = arg;
	enum switchd_state was = s->state;
	char how[128];
	int status;

	(void)events;
	child_reap(&s->child, &status);
	/* Whoever is told that no answer comes must not ask on. */
	if (was != SWITCHD_STOPPING && was != SWITCHD_UPGRADING)
		s->state = SWITCHD_WAITING;
	disconnect(s);
	if (was != SWITCHD_STOPPING && switchd_upgrade_ended(s))
		return;
	for (size_t i = 0; i < s->ports.n && was != SWITCHD_STOPPING; i++)
		s->ports.port[i].has_stats = false;
	if (was == SWITCHD_STOPPING) {
		s->state = SWITCHD_OFF;
		s->stopped(s->arg);
		return;
	}
	switchd_change_lost(s);
	describe(status, how, sizeof(how));
	/* One that never came up and says why with its status would only say it again. */
	if (++s->failures > FAILURES_MAX || (!s->was_ready && WIFEXITED(status)))
		fail(s, how);
	else
		wait_and_start(s, how);
	if (was == SWITCHD_LISTING)
		s->listed(s->arg);
}

void
switchd_list(struct switchd *s)
{
	const struct switch_req req = {.op = SWITCH_OP_LIST};

	if (s->state != SWITCHD_READY || switch_link_ask(&s->link, &req, -1, on_listed, s) < 0) {
		s->listed(s->arg);
		return;
	}
	s->state = SWITCHD_LISTING;
	evloop_timer(s->env->loop, &s->timer, LIST_MS, end_list, s);
}

static void
kill_now(void *arg)
{
	struct switchd *s = arg;

	log_warn("switch: does not stop; killed");
	child_kill(&s->child, SIGKILL);
}

void
switchd_stop(struct switchd *s, unsigned int patience_ms)
{
	const struct switch_req req = {.op = SWITCH_OP_STOP};

	evloop_timer_off(s->env->loop, &s->timer);
	s->state = SWITCHD_STOPPING;
	switchd_upgrade_ended(s);
	if (s->child.pid <= 0) {
		s->state = SWITCHD_OFF;
		s->stopped(s->arg);
		return;
	}
	switchd_change_lost(s);
	if (patience_ms == 0 || switch_link_ask(&s->link, &req, -1, NULL, NULL) < 0)
		child_kill(&s->child, SIGKILL);
	else
		evloop_timer(s->env->loop, &s->timer, patience_ms, kill_now, s);
}

void
switchd_fini(struct switchd *s)
{
	s->state = SWITCHD_STOPPING;
	if (s->env)
		switchd_upgrade_ended(s);
	child_destroy(&s->child);
	if (s->env)
		disconnect(s);
	switchd_change_lost(s);
	if (s->env)
		telemetry_dir_remove(s->env->dir);
	switchd_ports_free(&s->ports);
}
