/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "appliance/check.h"
#include "appliance/control_sock.h"
#include "appliance/faults.h"
#include "appliance/limits.h"
#include "appliance/live.h"
#include "appliance/machine.h"
#include "appliance/report.h"
#include "appliance/site_input.h"
#include "appliance/sriov_apply.h"
#include "appliance/switchd.h"
#include "appliance/vnf.h"
#include "base/log.h"
#include "base/tsc.h"

#define STOP_MS       2000 /* from the request to SIGKILL */
#define TSC_WINDOW_NS 50000000ull

struct run {
	const struct cli_args *args;
	struct site_input in;
	struct eligibility eligibility;
	struct programs programs;
	struct tsc_mark mark;
	uint64_t tsc_hz;
	char probe_args[64];

	struct evloop loop;
	struct out out;
	struct rundir dir;
	int signal_fd;
	struct evsource signal_source;
	struct run_env env;
	struct switchd sw;
	struct faults faults;
	struct vnf *vnf; /* one for each of the plan's */
	struct live live;
	struct commands commands;
	struct control_sock control;
	size_t running;
	bool stopping, ending;
	int status;
	time_t started;
};

static void
fail(struct run *r)
{
	if (r->status == EXIT_OK)
		r->status = EXIT_FAILED;
}

/* The first failure decides; one whose VMM never came up says itself whether the input was at fault. */
static void
fail_vnf(struct run *r, const struct vnf *v)
{
	int n = v->result == VNF_FAILED && WIFEXITED(v->status) ? WEXITSTATUS(v->status) : 0;

	if (r->status == EXIT_OK && (n == EXIT_INVALID || n == EXIT_REFUSED))
		r->status = n;
	fail(r);
}

/* Every VNF has ended: the last counters, then the switch. */
static void
end(struct run *r)
{
	if (r->ending)
		return;
	r->ending = true;
	if (r->in.plan->has_switch)
		switchd_list(&r->sw);
	else
		evloop_stop(&r->loop);
}

static void
on_listed(void *arg)
{
	struct run *r = arg;

	switchd_stop(&r->sw, STOP_MS);
}

static void
on_switch_stopped(void *arg)
{
	struct run *r = arg;

	evloop_stop(&r->loop);
}

static void
stop(struct run *r, unsigned int patience_ms)
{
	r->stopping = true;
	r->out.hurry = true;
	for (size_t i = 0; i < r->in.plan->n_vnfs; i++)
		if (r->vnf[i].result == VNF_RUNNING)
			vnf_stop(&r->vnf[i], patience_ms);
	if (r->running == 0)
		end(r);
}

static void
on_switch_failed(void *arg, const char *why)
{
	struct run *r = arg;

	log_err("switch: %s", why);
	fail(r);
	if (r->ending)
		evloop_stop(&r->loop);
	else
		stop(r, STOP_MS);
}

static void
on_vnf_ended(void *arg, struct vnf *v)
{
	struct run *r = arg;
	const char *name = vnf_result_name(v->result);

	switch (v->result) {
	case VNF_POWERED_OFF:
	case VNF_STOPPED:
		log_info("vnf %s: %s", v->name, name);
		break;
	default:
		log_err("vnf %s: %s%s%s", v->name, name, v->detail[0] ? ": " : "", v->detail);
		fail_vnf(r, v);
		break;
	}
	if (--r->running == 0)
		end(r);
}

static void
start_vnfs(void *arg)
{
	struct run *r = arg;

	r->running = r->in.plan->n_vnfs;
	for (size_t i = 0; i < r->in.plan->n_vnfs; i++) {
		struct vnf *v = &r->vnf[i];
		struct err e = {0};

		if (vnf_start(v, &e) == 0)
			continue;
		log_err("%s", e.text);
		snprintf(v->detail, sizeof(v->detail), "%.290s", e.text);
		v->result = VNF_FAILED;
		fail(r);
		r->running--;
	}
	if (r->running == 0)
		end(r);
}

static void
on_signal(void *arg, uint32_t events)
{
	struct run *r = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(r->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (r->stopping && info.ssi_signo == SIGHUP)
		return;
	if (r->stopping) {
		log_warn("asked again: killing what still runs");
		stop(r, 0);
		if (r->ending)
			switchd_stop(&r->sw, 0);
		return;
	}
	if (info.ssi_signo == SIGHUP) {
		live_reread(&r->live, r->args->file);
		return;
	}
	log_info("stopping: %s", strsignal((int)info.ssi_signo));
	stop(r, STOP_MS);
}

static int
open_signals(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd < 0)
		return -errno;
	return evloop_add(&r->loop, &r->signal_source, r->signal_fd, EPOLLIN, on_signal, r);
}

static void
say_problem(void *arg, const char *text)
{
	(void)arg;
	log_err("%s", text);
}

static void
say_start(const struct run *r)
{
	const struct eligibility *el = &r->eligibility;
	size_t told = MIN_OF(r->in.plan->n_reasons, el->n); /* the plan's come first */

	plan_print(r->in.plan, r->in.topo, stdout);
	if (el->n == 0)
		printf("eligible for a real-time claim\n");
	else if (el->n > told)
		printf("this host, as it is now, is not eligible for a real-time claim:\n");
	for (size_t i = told; i < el->n; i++)
		printf("  - %s\n", el->reason[i]);
	printf("\n");
	fflush(stdout);
}

/* What was changed of virtual functions; nobody uses them any more. */
static void
put_back(struct run *r, const char *whose)
{
	unsigned int n = r->dir.fd >= 0 ? sriov_undo(&r->in.root, &r->dir) : 0;

	if (n)
		log_info("virtual functions: %u changes%s were put back", n, whose);
}

/* The lock first: a second start must hear "already running", not that hugepages are missing. */
static int
take_lock(struct run *r)
{
	struct err e = {0};
	int n = rundir_open(r->args->run_dir, r->in.site->host.name, &r->dir, &e);

	if (n < 0) {
		log_err("%s", e.text);
		return n == -EBUSY ? EXIT_BUSY : EXIT_FAILED;
	}
	if (r->dir.killed || r->dir.removed)
		log_info("cleaned up after an earlier run: %u processes, %u sockets", r->dir.killed,
			 r->dir.removed);
	put_back(r, " that an earlier run left");
	return EXIT_OK;
}

/* Everything that can be refused, before anything is started. */
static int
prepare(struct run *r)
{
	const struct cli_args *a = r->args;
	struct check check;
	int status, n;

	status = site_input_open(a, &r->in);
	if (status == EXIT_OK && r->in.site->n_vnfs == 0) {
		log_err("%s: declares no VNF; there is nothing to run", a->file);
		status = EXIT_INVALID;
	}
	if (status == EXIT_OK)
		status = limits_files(r->in.site);
	if (status == EXIT_OK)
		status = take_lock(r);
	if (status == EXIT_OK)
		status = site_input_place(a, &r->in);
	if (status != EXIT_OK)
		return status;
	n = a->report ? report_try(a->report) : 0;
	if (n < 0) {
		log_err("report %s: %s", a->report, strerror(-n));
		return EXIT_FAILED;
	}
	programs_find(a->vmm, a->switch_program, a->probe, &r->programs);
	eligibility_check(&r->in.root, r->in.topo, r->in.plan, &r->eligibility);
	check = (struct check){.plan = r->in.plan,
			       .topo = r->in.topo,
			       .programs = &r->programs,
			       .root = &r->in.root,
			       .say = say_problem};
	return check_all(&check);
}

static int
set_up(struct run *r, struct err *e)
{
	int n;

	n = evloop_init(&r->loop);
	if (n == 0)
		n = open_signals(r);
	if (n < 0)
		return err_sys(e, -n, "event loop");
	out_init(&r->out, STDOUT_FILENO, r->signal_fd);
	r->tsc_hz = tsc_hz(&r->mark, TSC_WINDOW_NS);
	snprintf(r->probe_args, sizeof(r->probe_args), "tsc=%llu", (unsigned long long)r->tsc_hz);
	r->env = (struct run_env){.loop = &r->loop,
				  .out = &r->out,
				  .dir = &r->dir,
				  .plan = r->in.plan,
				  .programs = &r->programs,
				  .root = &r->in.root,
				  .probe_args = r->probe_args,
				  .log_dir = r->args->log_dir ? r->args->log_dir : CONSOLE_LOG_DIR,
				  .keep_lines = r->args->report != NULL};
	r->vnf = calloc(r->in.plan->n_vnfs, sizeof(*r->vnf));
	if (!r->vnf)
		return err_set(e, ENOMEM, "no memory");
	for (size_t i = 0; i < r->in.plan->n_vnfs; i++)
		vnf_init(&r->vnf[i], &r->env, i, on_vnf_ended, r);
	live_init(&r->live, &r->env, r->in.topo, r->in.plan,
		  r->in.plan->has_switch ? &r->sw : NULL);
	commands_init(&r->commands, &r->env, r->vnf);
	r->commands.sw = r->live.sw;
	r->commands.live = &r->live;
	return control_sock_open(&r->control, &r->loop, &r->dir, &r->commands, e);
}

static int
go(struct run *r, struct err *e)
{
	int n = 0;

	faults_open(&r->faults, &r->env);
	for (size_t i = 0; n == 0 && i < r->in.plan->n_vnfs; i++)
		n = vnf_prepare(&r->vnf[i], e);
	if (n < 0)
		return n;
	if (!r->in.plan->has_switch) {
		start_vnfs(r);
	} else {
		n = switchd_init(&r->sw, &r->env, e);
		if (n < 0)
			return n;
		r->sw.ready = start_vnfs;
		r->sw.failed = on_switch_failed;
		r->sw.listed = on_listed;
		r->sw.stopped = on_switch_stopped;
		r->sw.arg = r;
		n = switchd_start(&r->sw, e);
		if (n < 0)
			return n;
	}
	if (r->ending && !r->in.plan->has_switch)
		return 0; /* nothing could be started */
	n = evloop_run(&r->loop);
	return n < 0 ? err_sys(e, -n, "event loop") : 0;
}

/* A reader that went away (head, a pager) knows; a full disk is a result that somebody will miss. */
static void
tell_lost(struct run *r)
{
	if (r->out.error == 0 || r->out.error == EPIPE) {
		log_warn("%lu lines could not be written to standard output", r->out.lost);
		return;
	}
	log_err("standard output: %s; %lu lines are lost", strerror(r->out.error), r->out.lost);
	fail(r);
}

static void
tell(struct run *r)
{
	struct report_input in = {.file = r->args->file,
				  .plan = r->in.plan,
				  .topo = r->in.topo,
				  .eligibility = &r->eligibility,
				  .vnfs = r->vnf,
				  .faults = &r->faults,
				  .sw = r->in.plan->has_switch ? &r->sw : NULL,
				  .tsc_hz = r->tsc_hz,
				  .started_s = (uint64_t)r->started,
				  .ended_s = (uint64_t)time(NULL),
				  .status = r->status};
	json_t *j;
	int n;

	if (r->out.lost) {
		tell_lost(r);
	} else if (report_tables(&in, stdout) < 0 && errno != EPIPE) {
		log_err("standard output: %s", strerror(errno));
		fail(r);
	}
	if (!r->args->report)
		return;
	j = report_json(&in, machine_describe(&r->in.root));
	n = j ? report_write(j, r->args->report) : -ENOMEM;
	json_decref(j);
	if (n < 0) {
		log_err("%s: %s", r->args->report, strerror(-n));
		fail(r);
	}
}

static void
clean_up(struct run *r)
{
	commands_fini(&r->commands);
	control_sock_close(&r->control);
	for (size_t i = 0; r->vnf && i < r->in.plan->n_vnfs; i++)
		vnf_fini(&r->vnf[i]);
	free(r->vnf);
	switchd_fini(&r->sw);
	live_fini(&r->live);
	faults_close(&r->faults);
	evloop_fini(&r->loop);
	put_back(r, "");
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	rundir_close(&r->dir);
	site_input_fini(&r->in);
}

int
run_site(const struct cli_args *args)
{
	struct run r = {.args = args,
			.dir = RUNDIR_CLOSED,
			.loop = {.epfd = -1},
			.signal_fd = -1,
			.faults = FAULTS_CLOSED,
			.in.root.dirfd = -1,
			.control = CONTROL_SOCK_CLOSED,
			.sw = {.child = CHILD_NONE, .link = SWITCH_LINK_CLOSED}};
	struct err e = {0};
	int n;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is an error of the write */
	tsc_mark(&r.mark);
	r.started = time(NULL);
	r.status = prepare(&r);
	if (r.status != EXIT_OK)
		goto out;
	limits_settle(r.in.plan);
	n = set_up(&r, &e);
	if (n == 0 && sriov_apply(r.in.plan, &r.in.root, &r.dir, &e) < 0) {
		log_err("%s", e.text);
		r.status = EXIT_REFUSED;
		goto out;
	}
	if (n == 0) {
		say_start(&r);
		n = go(&r, &e);
	}
	if (n < 0) {
		log_err("%s", e.text);
		r.status = EXIT_FAILED;
		goto out;
	}
	tell(&r);
out:
	clean_up(&r);
	return r.status;
}
