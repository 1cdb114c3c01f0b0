/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/vnf_event.h"
#include "appliance/vnf_health.h"
#include "appliance/vnf_open.h"
#include "appliance/vnf_stream.h"
#include "base/log.h"
#include "base/tsc.h"

/* More resets than this within the time is a guest that cannot boot. */
#define RESETS_MAX       5
#define RESETS_WITHIN_NS 10000000000ull

static void on_child(void *arg, uint32_t events);

const char *
vnf_result_name(enum vnf_result r)
{
	static const char *const name[] = {
		[VNF_NOT_STARTED] = "not started", [VNF_RUNNING] = "running",
		[VNF_POWERED_OFF] = "powered off", [VNF_STOPPED] = "stopped",
		[VNF_FAULTED] = "faulted",         [VNF_KILLED] = "killed",
		[VNF_FAILED] = "failed",
	};

	return name[r];
}

void
vnf_init(struct vnf *v, const struct run_env *env, size_t index,
	 void (*ended)(void *, struct vnf *), void *arg)
{
	const char *name = env->plan->vnf[index].vnf->name;

	*v = (struct vnf){
		.env = env,
		.index = index,
		.name = name,
		.child = CHILD_NONE,
		.start_fd = -1,
		.control_fd = -1,
		.vfs = VNF_VFS_CLOSED,
		.json = env->keep_lines ? json_array() : NULL,
		.log = CONSOLE_LOG_CLOSED,
		.ended = ended,
		.arg = arg,
	};
	vnf_stream_init(&v->serial, v, "");
	vnf_stream_init(&v->console, v, "/console");
	for (unsigned int i = 0; i < VMM_NICS_MAX; i++)
		v->nic[i] = (struct vnf_nic){.vnf = v, .index = i};
	for (unsigned int i = 0; i < VMM_NICS_MAX; i++)
		v->listen_fd[i] = v->health.tap[i] = -1;
}

int
vnf_prepare(struct vnf *v, struct err *e)
{
	const struct site_vnf *site = v->env->plan->vnf[v->index].vnf;
	int r;

	if (site->n_interfaces > VMM_NICS_MAX)
		return err_set(e, E2BIG, "vnf %s: more than %d interfaces", v->name, VMM_NICS_MAX);
	v->listens = true;
	if (site->console.log_size &&
	    console_log_open(&v->log, v->env->log_dir, v->env->plan->site->host.name, v->name,
			     site->console.log_size, e) < 0)
		return err_prefix(e, "vnf %s", v->name);
	r = vnf_open_listen(v->env, v->index, v->listen_fd, e);
	/* What only opening can tell, a group that is taken for instance, is told before anything starts. */
	return r < 0 ? r : vnf_vf_open(v->env, v->index, &v->vfs, e);
}

/* Everything that belongs to one life of the VMM, which has ended. */
static void
forget_vmm(struct vnf *v)
{
	struct evloop *l = v->env->loop;

	vnf_stream_close(&v->serial);
	vnf_stream_close(&v->console);
	evloop_del(l, &v->start_source);
	evloop_del(l, &v->child_source);
	vnf_ctl_close(v);
	evloop_timer_off(l, &v->kill_timer);
	for (unsigned int i = 0; i < VMM_NICS_MAX; i++)
		evloop_timer_off(l, &v->nic[i].retry);
	if (v->start_fd >= 0)
		close(v->start_fd);
	if (v->control_fd >= 0)
		close(v->control_fd);
	v->start_fd = v->control_fd = -1;
	vnf_vf_close(&v->vfs);
}

static void
finish(struct vnf *v, enum vnf_result result)
{
	v->result = result;
	vnf_watch_tell(v, NULL);
	v->ended(v->arg, v);
}

/* Starts the program; the start message waits for it in the socket. */
static int
launch(struct vnf *v, struct handin *h, struct err *e)
{
	char fd_text[16];
	char *argv[] = {(char *)v->env->programs->vmm, (char *)"--start-fd", fd_text, NULL};
	int pair[2], r;

	r = fdmsg_pair(pair);
	if (r < 0)
		return err_sys(e, -r, "vnf %s: socket pair", v->name);
	snprintf(fd_text, sizeof(fd_text), "%d", pair[1]);
	h->start.exec_tsc = tsc_now();
	r = fdmsg_send(pair[0], &h->start.head, h->fd, h->start.n_fds);
	if (r < 0) {
		err_sys(e, -r, "vnf %s: start message", v->name);
		goto close_pair;
	}
	r = child_start(v->env->programs->vmm, argv, &pair[1], 1, &v->child);
	if (r < 0) {
		err_sys(e, -r, "vnf %s: %s", v->name, v->env->programs->vmm);
		goto close_pair;
	}
	close(pair[1]);
	v->start_fd = pair[0];
	return 0;
close_pair:
	close(pair[0]);
	close(pair[1]);
	return r;
}

static int
watch(struct vnf *v, struct err *e)
{
	struct evloop *l = v->env->loop;
	int flags = fcntl(v->start_fd, F_GETFL);
	int r;

	if (flags < 0 || fcntl(v->start_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(e, errno, "vnf %s", v->name);
	r = evloop_add(l, &v->start_source, v->start_fd, EPOLLIN, vnf_event_ready, v);
	if (r == 0)
		r = evloop_add(l, &v->child_source, v->child.pidfd, EPOLLIN, on_child, v);
	if (r == 0)
		r = vnf_ctl_open(v);
	if (r == 0)
		r = rundir_record(v->env->dir, v->child.pid, v->child.start, v->name);
	return r < 0 ? err_sys(e, -r, "vnf %s", v->name) : 0;
}

int
vnf_start(struct vnf *v, struct err *e)
{
	struct handin *h = malloc(sizeof(*h));
	struct vnf_ends ends;
	int r;

	if (!h)
		return err_set(e, ENOMEM, "vnf %s: no memory", v->name);
	r = vnf_open(v->env, v->index, v->listen_fd, &v->vfs, h, &ends, e);
	if (r < 0)
		goto free_handin;
	vnf_health_life_begins(v, h);
	if (v->stats)
		munmap((void *)v->stats, sizeof(*v->stats));
	v->stats = ends.stats;
	v->control_fd = ends.control;
	v->detail[0] = '\0';
	memset(v->detached, 0, sizeof(v->detached));
	r = vnf_stream_open(&v->serial, ends.serial);
	if (r == 0)
		r = vnf_stream_open(&v->console, ends.console);
	else
		close(ends.console);
	if (r < 0)
		err_sys(e, -r, "vnf %s: console", v->name);
	if (r == 0)
		r = launch(v, h, e);
	vnf_open_close(h);
	if (r == 0)
		r = watch(v, e);
	if (r < 0) {
		child_destroy(&v->child);
		forget_vmm(v);
	} else {
		v->result = VNF_RUNNING;
	}
free_handin:
	free(h);
	return r;
}

static void
restart(void *arg)
{
	struct vnf *v = arg;
	struct err e = {0};

	if (vnf_start(v, &e) == 0)
		return;
	snprintf(v->detail, sizeof(v->detail), "could not be started again: %.240s", e.text);
	finish(v, VNF_FAILED);
}

static void
start_now(struct vnf *v)
{
	v->resets++;
	evloop_timer(v->env->loop, &v->restart_timer, 0, restart, v);
	vnf_watch_tell(v, NULL);
}

static void
start_again(struct vnf *v, const char *what)
{
	uint64_t now = evloop_now();
	uint64_t *oldest = &v->reset_ns[v->own_resets % RESETS_MAX];

	if (v->own_resets >= RESETS_MAX && now - *oldest < RESETS_WITHIN_NS) {
		snprintf(v->detail, sizeof(v->detail), "%s %d times in %d s", what, RESETS_MAX + 1,
			 (int)(RESETS_WITHIN_NS / 1000000000));
		finish(v, VNF_FAULTED);
		return;
	}
	*oldest = now;
	v->own_resets++;
	start_now(v);
}

static void
guest_reset(struct vnf *v)
{
	log_info("vnf %s: the guest asked for a reset; starting it again", v->name);
	start_again(v, "the guest reset itself");
}

/* What the operator asked for is no sign of a guest that cannot boot. */
static void
start_as_asked(struct vnf *v, const char *what)
{
	log_info("vnf %s: %s; starting it again, as asked", v->name, what);
	start_now(v);
}

static void
classify(struct vnf *v)
{
	bool reboot = v->reboot, ordered = v->ordered;

	v->reboot = v->ordered = false;
	if (vnf_health_life_ended(v) && !v->stopping) {
		start_again(v, "its watchdog expired");
		return;
	}
	if (WIFSIGNALED(v->status)) {
		snprintf(v->detail, sizeof(v->detail), "%s", strsignal(WTERMSIG(v->status)));
		finish(v, v->stopping ? VNF_STOPPED : VNF_KILLED);
		return;
	}
	switch (WEXITSTATUS(v->status)) {
	case EXIT_OK:
		if (reboot && !v->stopping)
			start_as_asked(v, "the guest has powered off");
		else
			finish(v, v->stopping ? VNF_STOPPED : VNF_POWERED_OFF);
		break;
	case EXIT_GUEST_RESET:
		if (v->stopping)
			finish(v, VNF_STOPPED);
		else if (ordered)
			start_as_asked(v, "it was reset");
		else
			guest_reset(v);
		break;
	case EXIT_GUEST_FAULT:
		if (!v->detail[0])
			snprintf(v->detail, sizeof(v->detail), "guest fault");
		finish(v, VNF_FAULTED);
		break;
	default:
		if (!v->detail[0])
			snprintf(v->detail, sizeof(v->detail), "corelane-vmm ended with status %d",
				 WEXITSTATUS(v->status));
		finish(v, VNF_FAILED);
		break;
	}
}

static void
on_child(void *arg, uint32_t events)
{
	struct vnf *v = arg;

	(void)events;
	/* What it said before it ended is still in the sockets and pipes. */
	if (v->start_source.ready)
		vnf_event_ready(v, 0);
	vnf_stream_drain(&v->serial);
	vnf_stream_drain(&v->console);
	evloop_del(v->env->loop, &v->child_source);
	child_reap(&v->child, &v->status);
	forget_vmm(v);
	classify(v);
}

static void
kill_now(void *arg)
{
	struct vnf *v = arg;

	log_warn("vnf %s: its VMM does not end; killed", v->name);
	child_kill(&v->child, SIGKILL);
}

void
vnf_end(struct vnf *v, enum vmm_op op, unsigned int patience_ms)
{
	uint64_t now = evloop_now(), due = v->kill_timer.at_ns;

	if (due)
		patience_ms =
			MIN_OF(patience_ms, due > now ? (unsigned int)((due - now) / 1000000) : 0);
	if (patience_ms == 0 || vnf_ctl_call(v, op, 0, 0, NULL) < 0)
		child_kill(&v->child, SIGKILL);
	else
		evloop_timer(v->env->loop, &v->kill_timer, patience_ms, kill_now, v);
}

void
vnf_stop(struct vnf *v, unsigned int patience_ms)
{
	v->stopping = true;
	if (v->restart_timer.at_ns) {
		evloop_timer_off(v->env->loop, &v->restart_timer);
		finish(v, VNF_STOPPED);
		return;
	}
	if (v->child.pid > 0)
		vnf_end(v, VMM_OP_STOP, patience_ms);
}

/* Our VMM is gone: if somebody still listens there, it is theirs. */
static void
remove_socket(const char *path)
{
	struct stat st;
	int fd, r;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	r = fdmsg_connect(path, SOCK_STREAM | SOCK_NONBLOCK, &fd);
	if (r == 0)
		close(fd);
	if (r == -ECONNREFUSED)
		unlink(path);
}

void
vnf_fini(struct vnf *v)
{
	const struct site_vnf *site = v->env->plan->vnf[v->index].vnf;

	child_destroy(&v->child);
	evloop_timer_off(v->env->loop, &v->restart_timer);
	forget_vmm(v);
	vnf_stream_fini(&v->serial);
	vnf_stream_fini(&v->console);
	console_log_close(&v->log);
	vnf_health_fini(v);
	for (unsigned int i = 0; i < VMM_NICS_MAX; i++)
		if (v->listen_fd[i] >= 0)
			close(v->listen_fd[i]);
	if (v->listens) {
		/* Sockets that the declaration put elsewhere. */
		for (size_t i = 0; i < site->n_interfaces; i++) {
			char path[SOCK_PATH_LEN];

			if (site->interfaces[i].kind == IF_VHOST_USER &&
			    site->interfaces[i].role == SOCKET_LISTEN &&
			    env_nic_socket(v->env, v->index, i, path, sizeof(path)) == 0)
				remove_socket(path);
		}
	}
	if (v->stats)
		munmap((void *)v->stats, sizeof(*v->stats));
	v->stats = NULL;
	json_decref(v->json);
	v->json = NULL;
}
