/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/switchd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/translate.h"
#include "base/log.h"

#define READY_MS       30000 /* DPDK maps and clears its hugepages first */
#define LIST_MS        1000
#define FAILURES_MAX   5
#define BACKOFF_MS     100 /* from the second end in a row on, doubled with each... */
#define BACKOFF_MAX_MS 10000
#define STABLE_NS      10000000000ull /* ...which one that was ready for so long begins anew */

static void on_control(void *arg, uint32_t events);
static void on_child(void *arg, uint32_t events);

int
switchd_init(struct switchd *s, const struct run_env *env, struct err *e)
{
	const struct plan *plan = env->plan;

	*s = (struct switchd){.env = env, .child = CHILD_NONE, .control_fd = -1};
	s->port = calloc(plan->n_ports + 1, sizeof(*s->port));
	if (!s->port)
		return err_set(e, ENOMEM, "switch: no memory");
	for (size_t i = 0; i < plan->n_ports; i++) {
		const struct plan_port *p = &plan->port[i];
		struct port_cfg *cfg = &s->port[i].cfg;
		int r;

		*cfg = p->cfg;
		r = env_nic_socket(env, p->vnf, p->interface, cfg->socket, sizeof(cfg->socket));
		if (r < 0)
			return err_set(e, -r,
				       "port %s: the path of its socket is too long; choose a "
				       "shorter folder with --run-dir",
				       cfg->name);
	}
	return 0;
}

static void
disconnect(struct switchd *s)
{
	evloop_timer_off(s->env->loop, &s->timer);
	evloop_del(s->env->loop, &s->control_source);
	evloop_del(s->env->loop, &s->child_source);
	if (s->control_fd >= 0)
		close(s->control_fd);
	s->control_fd = -1;
}

static int
request(struct switchd *s, enum switch_op op, const struct port_cfg *port)
{
	struct switch_req req = {.head = {.magic = SWITCH_REQ_MAGIC,
					  .version = SWITCH_MSG_VERSION,
					  .size = sizeof(req),
					  .seq = ++s->seq},
				 .op = op};

	if (port)
		req.port = *port;
	return fdmsg_send(s->control_fd, &req.head, NULL, 0);
}

/* A switch that is alive and does not answer is no use: on_child() decides what follows. */
static void
on_silence(void *arg)
{
	struct switchd *s = arg;

	log_err("switch: does not answer; killed");
	child_kill(&s->child, SIGKILL);
}

static int
watch(struct switchd *s)
{
	struct evloop *l = s->env->loop;
	int r;

	if (fcntl(s->control_fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return -errno;
	r = evloop_add(l, &s->child_source, s->child.pidfd, EPOLLIN, on_child, s);
	if (r == 0)
		r = evloop_add(l, &s->control_source, s->control_fd, EPOLLIN, on_control, s);
	if (r == 0)
		r = rundir_record(s->env->dir, s->child.pid, s->child.start, "switch");
	if (r == 0)
		r = request(s, SWITCH_OP_ADD, &s->port[0].cfg);
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
	s->control_fd = pair[0];
	translate_switch(s->env->plan, program, pair[1], args);
	r = child_start(program, args->argv, &pair[1], 1, &s->child);
	close(pair[1]);
	if (r < 0) {
		err_sys(e, -r, "switch: %s", program);
		goto disconnect;
	}
	s->starts++;
	s->next = 0;
	s->state = SWITCHD_ADDING;
	r = watch(s);
	if (r < 0) {
		err_sys(e, -r, "switch");
		goto disconnect;
	}
	evloop_timer(s->env->loop, &s->timer, READY_MS, on_silence, s);
	goto free_args;
disconnect:
	child_destroy(&s->child);
	disconnect(s);
	s->state = SWITCHD_OFF;
free_args:
	free(args);
	return r;
}

static void
fail(struct switchd *s, const char *why)
{
	s->state = SWITCHD_OFF;
	s->failed(s->arg, why);
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
handle_added(struct switchd *s, const struct switch_reply *reply)
{
	char why[512];

	if (reply->error) {
		snprintf(why, sizeof(why), "port %s: %.250s", s->port[s->next].cfg.name,
			 reply->text[0] ? reply->text : strerror(reply->error));
		child_destroy(&s->child);
		disconnect(s);
		fail(s, why);
		return;
	}
	if (++s->next < s->env->plan->n_ports) {
		request(s, SWITCH_OP_ADD, &s->port[s->next].cfg);
		return;
	}
	evloop_timer_off(s->env->loop, &s->timer);
	s->state = SWITCHD_READY;
	s->failures = 0;
	s->ready_ns = evloop_now();
	if (s->was_ready) {
		log_info("switch: started again, %zu ports", s->next);
		return;
	}
	s->was_ready = true;
	s->ready(s->arg);
}

static void
end_list(void *arg)
{
	struct switchd *s = arg;

	evloop_timer_off(s->env->loop, &s->timer);
	if (s->state == SWITCHD_LISTING)
		s->state = SWITCHD_READY;
	s->listed(s->arg);
}

static void
handle_listed(struct switchd *s, const struct switch_reply *reply)
{
	for (size_t i = 0; reply->has_port && i < s->env->plan->n_ports; i++)
		if (strncmp(s->port[i].cfg.name, reply->port.name, PORT_NAME_LEN) == 0) {
			s->port[i].stats = reply->stats;
			s->port[i].has_stats = true;
		}
	if (!reply->more || reply->error)
		end_list(s);
}

static void
on_control(void *arg, uint32_t events)
{
	const struct msg_head want = {.magic = SWITCH_REPLY_MAGIC,
				      .version = SWITCH_MSG_VERSION,
				      .size = sizeof(struct switch_reply)};
	struct switchd *s = arg;
	struct switch_reply reply;
	size_t n;
	int r;

	(void)events;
	r = fdmsg_recv(s->control_fd, &want, &reply, NULL, 0, &n);
	if (r == -EAGAIN)
		return;
	if (r < 0) {
		/* Closed: its end is seen by on_child(). Nonsense: make it so. */
		evloop_del(s->env->loop, &s->control_source);
		if (r != -ENODATA && r != -ECONNRESET)
			on_silence(s);
		return;
	}
	reply.text[sizeof(reply.text) - 1] = '\0';
	if (reply.head.seq != s->seq)
		return; /* the rest of a list that we gave up */
	if (s->state == SWITCHD_ADDING)
		handle_added(s, &reply);
	else if (s->state == SWITCHD_LISTING)
		handle_listed(s, &reply);
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
on_child(void *arg, uint32_t events)
{
	struct switchd *s = arg;
	enum switchd_state was = s->state;
	unsigned int ms;
	char how[128];
	int status;

	(void)events;
	child_reap(&s->child, &status);
	disconnect(s);
	for (size_t i = 0; i < s->env->plan->n_ports && was != SWITCHD_STOPPING; i++)
		s->port[i].has_stats = false;
	if (was == SWITCHD_STOPPING) {
		s->state = SWITCHD_OFF;
		s->stopped(s->arg);
		return;
	}
	describe(status, how, sizeof(how));
	/* One that never came up and says why with its status would only say it again. */
	if (++s->failures > FAILURES_MAX || (!s->was_ready && WIFEXITED(status))) {
		fail(s, how);
		if (was == SWITCHD_LISTING)
			s->listed(s->arg);
		return;
	}
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
	if (was == SWITCHD_LISTING)
		s->listed(s->arg);
}

void
switchd_list(struct switchd *s)
{
	if (s->state != SWITCHD_READY || request(s, SWITCH_OP_LIST, NULL) < 0) {
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
	evloop_timer_off(s->env->loop, &s->timer);
	if (s->child.pid <= 0) {
		s->state = SWITCHD_OFF;
		s->stopped(s->arg);
		return;
	}
	s->state = SWITCHD_STOPPING;
	if (patience_ms == 0 || request(s, SWITCH_OP_STOP, NULL) < 0)
		child_kill(&s->child, SIGKILL);
	else
		evloop_timer(s->env->loop, &s->timer, patience_ms, kill_now, s);
}

void
switchd_fini(struct switchd *s)
{
	child_destroy(&s->child);
	if (s->env)
		disconnect(s);
	free(s->port);
	s->port = NULL;
}
