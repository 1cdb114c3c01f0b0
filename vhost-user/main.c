/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corelane-switch: the command line, and the order in which things start and end.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/stdio.h"
#include "vhost-user/eal.h"
#include "vhost-user/handover_switch.h"
#include "vhost-user/idle.h"
#include "vhost-user/logsink.h"
#include "vhost-user/options.h"
#include "vhost-user/overdue.h"
#include "vhost-user/quickstart.h"
#include "vhost-user/server.h"
#include "vhost-user/sigbus.h"
#include "vhost-user/switch.h"
#include "vhost-user/telemetry.h"
#include "vhost-user/vhost_attach.h"
#include "vhost-user/vhost.h"

/* Both signals that end the switch come through a descriptor; threads made later inherit the mask. */
static int
block_signals(int *ret_fd)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

static int
make_mac_table(struct mac_table *t, uint32_t entries, struct err *e)
{
	uint64_t seed[2];
	int r;

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return err_sys(e, errno, "random numbers");
	r = mac_table_init(t, entries, seed[0], seed[1]);
	return r < 0 ? err_sys(e, -r, "address table of %u entries", entries) : 0;
}

static int
exit_status_for(int r)
{
	return r == -ENOMEM || r == -EPERM || r == -EINVAL ? EXIT_REFUSED : EXIT_FAILED;
}

/* What is constant of each lane. */
static int
make_lanes(struct lane_switch *sw, const struct options *o, struct rte_mempool *pool, struct err *e)
{
	sw->n_lanes = 0;
	cpuset_for_each (cpu, &o->eal.cpus) {
		struct lane *lane = &sw->lane[sw->n_lanes];

		lane->cpu = cpu;
		lane->node = eal_node(sw->n_lanes++);
		lane->tsc_hz = rte_get_tsc_hz();
		lane->pool = pool;
		lane->shared = o->shared_cpu;
		lane->wake_fd = -1;
		if (o->idle_us == 0)
			continue;
		lane->idle_tsc = lane->tsc_hz * o->idle_us / 1000000;
		lane->want = calloc(IDLE_FDS, sizeof(*lane->want));
		if (!lane->want)
			return err_sys(e, ENOMEM, "forwarding thread");
		lane->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (lane->wake_fd < 0)
			return err_sys(e, errno, "eventfd of a forwarding thread");
	}
	return 0;
}

static void
free_lanes(struct lane_switch *sw)
{
	for (uint32_t i = 0; i < sw->n_lanes; i++) {
		free(sw->lane[i].want);
		if (sw->lane[i].wake_fd >= 0)
			close(sw->lane[i].wake_fd);
	}
}

static void
stop_lanes(struct lane_switch *sw)
{
	for (uint32_t i = 0; i < sw->n_lanes; i++) {
		atomic_store(&sw->lane[i].stop, true);
		idle_wake(&sw->lane[i]);
	}
	eal_join();
}

static int
start_lanes(struct lane_switch *sw, const struct options *o, struct err *e)
{
	for (uint32_t i = 0; i < sw->n_lanes; i++) {
		int r;

		atomic_store(&sw->lane[i].stop, false);
		r = eal_launch(&o->eal, i, lane_run, &sw->lane[i], e);

		if (r < 0) {
			stop_lanes(sw);
			return r;
		}
		log_info("forwarding on CPU %d", sw->lane[i].cpu);
	}
	return 0;
}

/*
 * The lanes begin when the ports that come first are connected, or seem not to be about to: what a guest
 * sends to one that is connected a little later would be lost, in its ring it is not.
 */
#define GATHER_QUIET_NS 2000000ull  /* all are there, and no other was added for so long */
#define GATHER_LATE_NS  10000000ull /* some are not, and nothing has changed for so long */
#define GATHER_MAX_NS   25000000ull /* since the first was added, or since the start without any */

struct lanes {
	struct lane_switch *sw;
	const struct options *o;
	struct server *srv;
	bool started;
	uint64_t first_ns, changed_ns;
	uint32_t ports, up; /* as seen last */
	int result;
	struct err e;
};

static int
lanes_start(void *arg, struct err *e)
{
	struct lanes *l = arg;

	l->started = true;
	return start_lanes(l->sw, l->o, e);
}

static bool
gathered(struct lanes *l)
{
	uint64_t now = clock_now_ns();
	uint32_t ports = 0, up = 0;

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		const struct swport *p = l->sw->fwd.slot[i];

		ports += p != NULL;
		up += p && p->ops;
	}
	if (ports && !l->ports)
		l->first_ns = now;
	if (ports != l->ports || up != l->up)
		l->changed_ns = now;
	l->ports = ports;
	l->up = up;
	if (now - l->first_ns >= GATHER_MAX_NS)
		return true;
	return ports && now - l->changed_ns >= (ports == up ? GATHER_QUIET_NS : GATHER_LATE_NS);
}

static int
gather(void *arg)
{
	struct lanes *l = arg;

	if (l->started)
		return -1;
	if (!gathered(l))
		return 1;
	l->result = lanes_start(l, &l->e);
	l->srv->ctl.stop |= l->result < 0;
	return -1;
}

static void
lanes_stop(void *arg)
{
	const struct lanes *l = arg;

	stop_lanes(l->sw);
}

/* With DPDK up and the control socket open. */
static int
run(struct lane_switch *sw, struct server *srv, const struct options *o, struct err *e)
{
	struct lanes lanes = {.sw = sw, .o = o, .srv = srv, .started = o->takeover};
	struct overdue overdue;
	struct handover h = {.sw = sw,
			     .lanes = {lanes_start, lanes_stop, &lanes},
			     .library = o->library,
			     .waiting = o->takeover};
	int r;

	srv->ctl.handover = handover_handle;
	srv->ctl.handover_arg = &h;
	attach_stage(o->takeover);
	r = make_mac_table(&sw->fwd.mac, o->mac_entries, e);
	if (r < 0)
		return r;
	vhost_use_library(o->library);
	r = switch_init(sw);
	if (r == 0)
		r = sigbus_guard(&sw->fwd);
	if (r < 0)
		return err_sys(e, -r, "lists of ports");
	r = overdue_start(&overdue, sw->lane, sw->n_lanes);
	if (r < 0)
		return err_sys(e, -r, "thread that looks after the forwarding threads");
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_warn("memory cannot be locked: %s", strerror(errno));
	if (o->eal.telemetry && telemetry_open(sw, sw->n_lanes) < 0)
		log_warn("telemetry: not all commands are there");
	lanes.first_ns = lanes.changed_ns = clock_now_ns();
	srv->also = gather;
	srv->also_arg = &lanes;
	r = server_run(srv);
	if (r < 0)
		err_sys(e, -r, "control socket");
	else if (lanes.result < 0)
		*e = lanes.e;
	if (r == 0)
		r = lanes.result;
	/* ports go while the lanes still answer, then the lanes */
	switch_close_ports(sw);
	stop_lanes(sw);
	overdue_stop(&overdue);
	telemetry_close();
	switch_fini(sw);
	return r;
}

static int
listen_on(const char *path, int *ret_fd)
{
	struct err e = {0};
	int r = fdmsg_listen(path, SOCK_SEQPACKET, ret_fd);

	if (r == 0)
		return EXIT_OK;
	err_sys(&e, -r, "control socket %s", path);
	log_err("%s", e.text);
	return r == -EADDRINUSE ? EXIT_BUSY : EXIT_FAILED;
}

static int
start(struct lane_switch *sw, struct server *srv, const struct options *o)
{
	struct rte_mempool *pool = NULL;
	struct sysroot root;
	struct err e = {0};
	int r;

	r = sysroot_open(NULL, &root);
	if (r < 0)
		err_sys(&e, -r, "/");
	if (r == 0) {
		r = logsink_open();
		if (r < 0)
			err_sys(&e, -r, "log of DPDK");
	}
	if (r == 0)
		r = eal_start(&o->eal, &root, &pool, &e);
	if (r == 0) {
		r = make_lanes(sw, o, pool, &e);
		if (r == 0)
			r = run(sw, srv, o, &e);
		free_lanes(sw);
		eal_stop(pool);
	}
	if (r < 0)
		log_err("%s", e.text);
	return r == 0 ? EXIT_OK : exit_status_for(r);
}

int
main(int argc, char **argv)
{
	/* zero pages until used; too big for a stack */
	static struct lane_switch sw;
	struct server srv = {.listen_fd = -1, .parent_fd = -1};
	struct options o;
	struct err e = {0};
	int status;

	quickstart_begin();
	if (stdio_reserve() < 0)
		return EXIT_FAILED;
	log_init("corelane-switch", LOG_LVL_INFO);
	if (options_parse(argc, argv, &o, &e) < 0) {
		log_err("%s", e.text);
		return EXIT_USAGE;
	}
	if (o.help || o.version) {
		options_print(&o);
		return EXIT_OK;
	}
	if (block_signals(&srv.signal_fd) < 0) {
		log_err("signals: %s", strerror(errno));
		return EXIT_FAILED;
	}
	srv.ctl = (struct ctl){.ops = &switch_ctl_ops, .sw = &sw};
	srv.parent_fd = o.control_fd;
	for (int i = 0; i < SERVER_CLIENTS_MAX; i++)
		srv.client[i] = -1;
	if (o.control_path) {
		status = listen_on(o.control_path, &srv.listen_fd);
		if (status != EXIT_OK)
			return status;
	}
	status = start(&sw, &srv, &o);
	if (o.control_path)
		unlink(o.control_path);
	return status;
}
