/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site of two VNFs planned by hand, a run folder, a loop and the fake programs: everything that the
 * supervisor's parts need, without KVM, DPDK or hugepages. Header only: each test program has its own.
 */
#ifndef CORELANE_TESTS_APPLIANCE_WORLD_H
#define CORELANE_TESTS_APPLIANCE_WORLD_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/env.h"

struct world {
	char base[64];
	struct site site;
	struct site_vnf vnf[2];
	struct site_interface nic[2];
	struct plan_vnf planned[2];
	struct plan_port port[2];
	struct plan plan;
	struct programs programs;
	struct sysroot root;
	struct evloop loop;
	struct rundir dir;
	struct out out;
	int out_pipe[2];
	struct evtimer patience;
	struct run_env env;
};

static void
world_tool(char *ret, size_t size, const char *name)
{
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	assert_true(n > 0);
	own[n] = '\0';
	*strrchr(own, '/') = '\0';
	assert_true((size_t)snprintf(ret, size, "%.3000s/%s", own, name) < size);
}

static inline void
world_too_late(void *arg)
{
	(void)arg;
	fail_msg("what was waited for did not happen");
}

/* Runs the loop until somebody stops it. */
static inline void
world_run(struct world *w)
{
	evloop_timer(&w->loop, &w->patience, 20000, world_too_late, w);
	assert_int_equal(evloop_run(&w->loop), 0);
	evloop_timer_off(&w->loop, &w->patience);
}

static void
world_vnf(struct world *w, size_t i, const char *name)
{
	w->vnf[i] = (struct site_vnf){.boot = {.kind = BOOT_PROBE},
				      .cpu = {.vcpus = 1},
				      .memory = {.size = 2u << 20, .page_size = 2u << 20},
				      .interfaces = &w->nic[i],
				      .n_interfaces = 1};
	snprintf(w->vnf[i].name, sizeof(w->vnf[i].name), "%s", name);
	w->nic[i] =
		(struct site_interface){.name = "lan", .kind = IF_SWITCH, .queues = 1, .mtu = 1500};
	w->planned[i] = (struct plan_vnf){.vnf = &w->vnf[i], .cpu = {-1}, .node = -1};
	w->port[i] = (struct plan_port){.vnf = i, .cfg = {.queues = 1, .mtu = 1500}};
	snprintf(w->port[i].cfg.name, sizeof(w->port[i].cfg.name), "%s/lan", name);
}

static int
world_make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = {0};
	char path[128];

	if (!w)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	snprintf(w->base, sizeof(w->base), "/tmp/appliance-test-XXXXXX");
	assert_non_null(mkdtemp(w->base));
	snprintf(path, sizeof(path), "%s/dev", w->base);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/dev/kvm", w->base);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(sysroot_open(w->base, &w->root), 0);
	world_vnf(w, 0, "fw1");
	world_vnf(w, 1, "fw2");
	w->plan = (struct plan){.site = &w->site,
				.has_switch = true,
				.vnf = w->planned,
				.n_vnfs = 2,
				.port = w->port,
				.n_ports = 2};
	snprintf(w->programs.probe, sizeof(w->programs.probe), "/proc/self/exe");
	world_tool(w->programs.vmm, sizeof(w->programs.vmm), "appliance_fake_vmm");
	world_tool(w->programs.switch_program, sizeof(w->programs.switch_program),
		   "appliance_fake_switch");
	assert_int_equal(evloop_init(&w->loop), 0);
	snprintf(path, sizeof(path), "%s/run", w->base);
	assert_int_equal(rundir_open(path, "test", &w->dir, &e), 0);
	assert_int_equal(pipe2(w->out_pipe, O_CLOEXEC | O_NONBLOCK), 0);
	out_init(&w->out, w->out_pipe[1], -1);
	w->env = (struct run_env){.loop = &w->loop,
				  .out = &w->out,
				  .dir = &w->dir,
				  .plan = &w->plan,
				  .programs = &w->programs,
				  .root = &w->root,
				  .probe_args = "",
				  .keep_lines = true};
	*state = w;
	return 0;
}

/* Fails when anything is left in the folder: every socket must have been removed. */
static int
world_drop(void **state)
{
	struct world *w = *state;
	char path[128];
	int left;

	rundir_close(&w->dir);
	evloop_fini(&w->loop);
	sysroot_close(&w->root);
	close(w->out_pipe[0]);
	close(w->out_pipe[1]);
	snprintf(path, sizeof(path), "%s/dev/kvm", w->base);
	unlink(path);
	snprintf(path, sizeof(path), "%s/dev", w->base);
	rmdir(path);
	left = rmdir(w->base);
	free(w);
	return left;
}

/* How many descriptors this process has: none may be lost on the way. */
static inline int
world_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

#endif
