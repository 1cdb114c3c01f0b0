/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/options.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/util.h"
#include "vhost-user/lane.h"
#include "vhost-user/mac.h"

#define MEMORY_MIB     64
#define MAC_ENTRIES    16384
#define IDLE_DEFAULT   UINT32_MAX
#define IDLE_SHARED_US 50
#define IDLE_MAX_US    1000000

#define TELEMETRY_DIR_MAX 70

static const char usage[] =
	"usage: corelane-switch (--cpu N | --cpus LIST) (--control-fd FD | --control PATH) "
	"[options]\n"
	"  --cpu N             the CPU that the forwarding thread owns\n"
	"  --cpus LIST         several of them, a CPU each; ports are spread over them\n"
	"  --housekeeping LIST CPUs of all other threads (default: the others that we may use)\n"
	"  --control-fd FD     a connected control socket; the switch ends when it closes\n"
	"  --control PATH      listen for control connections here\n"
	"  --memory MIB        hugepages to take (default 64)\n"
	"  --node N            NUMA node of that memory (default: any)\n"
	"  --priority N        SCHED_FIFO priority of these threads, 1..98 (default: none)\n"
	"  --idle off|TIME     a forwarding thread without frames for so long (50us, 2ms) sleeps\n"
	"                      until one comes (default: off; with --shared-cpu 50us)\n"
	"  --shared-cpu        others run on those CPUs too\n"
	"  --telemetry DIR     DPDK's telemetry socket, below this directory (default none)\n"
	"  --rings own|library whose virtqueues: ours, or DPDK's for comparison (default own)\n"
	"  --takeover          serve nothing until another switch has handed its ports over\n"
	"  --mac-table N       addresses that can be known at once (default 16384)\n"
	"  --help, --version\n";

void
options_print(const struct options *o)
{
	if (o->help)
		fputs(usage, stdout);
	else
		puts("corelane-switch " CORELANE_VERSION);
}

static int
number(const char *name, const char *text, long min, long max, long *ret, struct err *e)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (errno || end == text || *end || v < min || v > max)
		return err_set(e, EINVAL, "--%s %s: not a number from %ld to %ld", name, text, min,
			       max);
	*ret = v;
	return 0;
}

/* Every CPU that we may use but the forwarding threads'; those when there are no others. */
static int
default_housekeeping(struct eal_opts *o, struct err *e)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return err_sys(e, errno, "CPUs that this process may use");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && !cpuset_has(&o->cpus, (unsigned int)cpu))
			cpuset_add(&o->housekeeping, (unsigned int)cpu);
	if (cpuset_empty(&o->housekeeping))
		o->housekeeping = o->cpus;
	return 0;
}

static int
check_socket(int fd, struct err *e)
{
	socklen_t len = sizeof(int);
	int type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET)
		return err_set(e, EINVAL, "--control-fd %d: not a SOCK_SEQPACKET socket", fd);
	return 0;
}

static int
complete(struct options *o, int argc, char **argv, struct err *e)
{
	int r;

	if (o->help || o->version)
		return 0;
	if (optind < argc)
		return err_set(e, EINVAL, "unexpected argument: %s", argv[optind]);
	if (cpuset_empty(&o->eal.cpus))
		return err_set(e, EINVAL, "--cpu is missing; --help lists the options");
	if (cpuset_count(&o->eal.cpus) > LANES_MAX)
		return err_set(e, EINVAL, "--cpus: more than %d forwarding threads", LANES_MAX);
	if (o->idle_us == IDLE_DEFAULT)
		o->idle_us = o->shared_cpu ? IDLE_SHARED_US : 0;
	if ((o->control_fd < 0) == !o->control_path)
		return err_set(e, EINVAL, "give either --control-fd or --control");
	if (o->control_fd >= 0) {
		r = check_socket(o->control_fd, e);
		if (r < 0)
			return r;
	}
	return cpuset_empty(&o->eal.housekeeping) ? default_housekeeping(&o->eal, e) : 0;
}

enum opt {
	OPT_CPU,
	OPT_CPUS,
	OPT_IDLE,
	OPT_HOUSEKEEPING,
	OPT_FD,
	OPT_PATH,
	OPT_MEMORY,
	OPT_NODE,
	OPT_PRIORITY,
	OPT_MACS,
	OPT_SHARED,
	OPT_RINGS,
	OPT_TELEMETRY,
	OPT_TAKEOVER,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"cpu", required_argument, NULL, OPT_CPU},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"idle", required_argument, NULL, OPT_IDLE},
	{"housekeeping", required_argument, NULL, OPT_HOUSEKEEPING},
	{"control-fd", required_argument, NULL, OPT_FD},
	{"control", required_argument, NULL, OPT_PATH},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"node", required_argument, NULL, OPT_NODE},
	{"priority", required_argument, NULL, OPT_PRIORITY},
	{"mac-table", required_argument, NULL, OPT_MACS},
	{"shared-cpu", no_argument, NULL, OPT_SHARED},
	{"rings", required_argument, NULL, OPT_RINGS},
	{"telemetry", required_argument, NULL, OPT_TELEMETRY},
	{"takeover", no_argument, NULL, OPT_TAKEOVER},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

/* The range of each option that is a number. */
static const struct {
	long min, max;
} range[] = {
	[OPT_CPU] = {0, CPU_SETSIZE - 1},
	[OPT_FD] = {0, 1 << 20},
	[OPT_MEMORY] = {EAL_MEMORY_MIN, EAL_MEMORY_MAX},
	[OPT_NODE] = {0, 31},
	[OPT_PRIORITY] = {1, 98},
	[OPT_MACS] = {MAC_TABLE_MIN, MAC_TABLE_MAX},
};

/* The name below it has to fit into an address of a unix socket. */
static int
take_telemetry(struct options *o, struct err *e)
{
	struct stat st;

	if (optarg[0] != '/' || strlen(optarg) > TELEMETRY_DIR_MAX)
		return err_set(e, EINVAL,
			       "--telemetry %s: not an absolute path of at most %d bytes", optarg,
			       TELEMETRY_DIR_MAX);
	if (stat(optarg, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, EINVAL, "--telemetry %s: not a directory; make it first", optarg);
	o->eal.telemetry = optarg;
	return 0;
}

static int
take_rings(struct options *o, struct err *e)
{
	o->library = strcmp(optarg, "library") == 0;
	if (!o->library && strcmp(optarg, "own") != 0)
		return err_set(e, EINVAL, "--rings %s: neither own nor library", optarg);
	return 0;
}

/* "off", or a number of us, ms or s. */
static int
take_idle(struct options *o, struct err *e)
{
	static const struct {
		const char *name;
		uint64_t us;
	} unit[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}};
	unsigned long n;
	char *end;

	if (strcmp(optarg, "off") == 0) {
		o->idle_us = 0;
		return 0;
	}
	errno = 0;
	n = strtoul(optarg, &end, 10);
	for (size_t i = 0; i < ARRAY_SIZE(unit); i++) {
		if (errno || optarg[0] < '0' || optarg[0] > '9' || strcmp(end, unit[i].name) != 0)
			continue;
		if (n < 1 || n > IDLE_MAX_US / unit[i].us)
			break;
		o->idle_us = (uint32_t)(n * unit[i].us);
		return 0;
	}
	return err_set(e, EINVAL, "--idle %s: neither off nor a time from 1us to 1s", optarg);
}

static int
take(struct options *o, enum opt opt, struct err *e)
{
	long v = 0;
	int r;

	switch (opt) {
	case OPT_HELP:
		o->help = true;
		return 0;
	case OPT_VERSION:
		o->version = true;
		return 0;
	case OPT_SHARED:
		o->shared_cpu = true;
		return 0;
	case OPT_TAKEOVER:
		o->takeover = true;
		return 0;
	case OPT_RINGS:
		return take_rings(o, e);
	case OPT_TELEMETRY:
		return take_telemetry(o, e);
	case OPT_PATH:
		o->control_path = optarg;
		return 0;
	case OPT_CPUS:
		if (cpuset_parse(optarg, &o->eal.cpus) < 0 || cpuset_empty(&o->eal.cpus))
			return err_set(e, EINVAL, "--cpus %s: not a CPU list like 2,4-5", optarg);
		return 0;
	case OPT_IDLE:
		return take_idle(o, e);
	case OPT_HOUSEKEEPING:
		if (cpuset_parse(optarg, &o->eal.housekeeping) < 0 ||
		    cpuset_empty(&o->eal.housekeeping))
			return err_set(e, EINVAL, "--housekeeping %s: not a CPU list like 0,2-3",
				       optarg);
		return 0;
	default:
		break;
	}
	r = number(long_options[opt].name, optarg, range[opt].min, range[opt].max, &v, e);
	if (r < 0)
		return r;
	if (opt == OPT_CPU)
		cpuset_add(&o->eal.cpus, (unsigned int)v);
	else if (opt == OPT_FD)
		o->control_fd = (int)v;
	else if (opt == OPT_MEMORY)
		o->eal.memory_mib = (unsigned int)v;
	else if (opt == OPT_NODE)
		o->eal.node = (int)v;
	else if (opt == OPT_PRIORITY)
		o->eal.priority = (int)v;
	else
		o->mac_entries = (uint32_t)v;
	return 0;
}

int
options_parse(int argc, char **argv, struct options *ret, struct err *e)
{
	struct options o = {
		.eal = {.memory_mib = MEMORY_MIB, .node = -1},
		.mac_entries = MAC_ENTRIES,
		.idle_us = IDLE_DEFAULT,
		.control_fd = -1,
	};
	int c, r;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == '?')
			return err_set(e, EINVAL, "%s: unknown option, or its value is missing",
				       argv[optind - 1]);
		r = take(&o, (enum opt)c, e);
		if (r < 0)
			return r;
	}
	r = complete(&o, argc, argv, e);
	if (r < 0)
		return r;
	*ret = o;
	return 0;
}
