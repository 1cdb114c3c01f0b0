/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corelane-load: plays the guests of a vhost-user switch and measures what it does for them.
 * Windows come as words on the command line, or as lines on stdin when there are none.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "bench/load/load.h"

#define WORDS_MAX 32

static const char usage[] =
	"usage: corelane-load [options] -l SOCKET -l SOCKET ... [MODE [KEY=VALUE ...]]\n"
	"Plays one guest a socket; prints one JSON line a window. Without MODE, reads windows from "
	"stdin.\n"
	"  -l, --listen PATH    a guest whose back end connects to PATH\n"
	"  -c, --connect PATH   a guest whose back end listens on PATH\n"
	"  -r, --ring KIND      split (default) or packed\n"
	"  -n, --ring-size N    a power of two, 2..4096 (default 1024)\n"
	"  -q, --queues N       queue pairs a guest (default 1)\n"
	"  -C, --cpu N          run on this CPU\n"
	"  -P, --peer-cpu N     where the switch runs (needed for c2c=1)\n"
	"  -m, --max-frame N    largest frame, 60..9018 (default 1518)\n"
	"  -s, --small-pages    guest memory in 4 KiB pages\n"
	"  -i, --notes          the back end shall note frames in flight (INFLIGHT_SHMFD)\n"
	"  -w, --wait SECONDS   for back ends to connect (default 30)\n"
	"modes: flood (frames/s), rtt (one frame in flight), rate (open loop, rate= frames/s a "
	"guest),\n"
	"       outage (longest gap while a back end restarts), steady (numbered frames, rings "
	"kept, while\n"
	"       a back end restarts or another takes over: what was lost), garbage, messages "
	"(hostile; "
	"seed=)\n"
	"keys:  seconds warmup count size pairs mesh broadcast rewrite busy rate gap one_way c2c "
	"histogram\n"
	"       seed handover\n";

struct options {
	struct port_opts common;
	struct {
		const char *path;
		bool connect;
	} port[LOAD_PORTS_MAX];
	unsigned int n_ports;
	int cpu, peer_cpu, wait_s;
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int sig)
{
	interrupted = 1;
}

/* A whole number in the range, or -1. */
static long
number(const char *text, long min, long max)
{
	char *end;
	long v = strtol(text, &end, 10);

	return *text && !*end && v >= min && v <= max ? v : -1;
}

static int
add_port(struct options *o, const char *path, bool connects)
{
	if (o->n_ports == LOAD_PORTS_MAX)
		return -1;
	o->port[o->n_ports].path = path;
	o->port[o->n_ports].connect = connects;
	o->n_ports++;
	return 0;
}

static int
set_option(struct options *o, int c)
{
	long v = 0;

	switch (c) {
	case 'l':
	case 'c':
		return add_port(o, optarg, c == 'c');
	case 'r':
		o->common.packed = strcmp(optarg, "packed") == 0;
		return o->common.packed || strcmp(optarg, "split") == 0 ? 0 : -1;
	case 'n':
		v = number(optarg, 2, RING_SIZE_MAX);
		o->common.ring_size = (uint16_t)v;
		return v < 0 || v & (v - 1) ? -1 : 0;
	case 'q':
		v = number(optarg, 1, PORT_QUEUES_MAX);
		o->common.queues = (unsigned int)v;
		break;
	case 'C':
		o->cpu = (int)(v = number(optarg, 0, CPU_SETSIZE - 1));
		break;
	case 'P':
		o->peer_cpu = (int)(v = number(optarg, 0, CPU_SETSIZE - 1));
		break;
	case 'm':
		v = number(optarg, FRAME_MIN, FRAME_MAX);
		o->common.max_frame = (uint16_t)v;
		break;
	case 'i':
		o->common.notes = true;
		break;
	case 's':
		o->common.small_pages = true;
		break;
	case 'w':
		o->wait_s = (int)(v = number(optarg, 1, 3600));
		break;
	default:
		return -1;
	}
	return v < 0 ? -1 : 0;
}

static int
parse_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{"listen", required_argument, NULL, 'l'},
		{"connect", required_argument, NULL, 'c'},
		{"ring", required_argument, NULL, 'r'},
		{"ring-size", required_argument, NULL, 'n'},
		{"queues", required_argument, NULL, 'q'},
		{"cpu", required_argument, NULL, 'C'},
		{"peer-cpu", required_argument, NULL, 'P'},
		{"max-frame", required_argument, NULL, 'm'},
		{"small-pages", no_argument, NULL, 's'},
		{"notes", no_argument, NULL, 'i'},
		{"wait", required_argument, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "+l:c:r:n:q:C:P:m:siw:", longs, NULL)) != -1)
		if (set_option(o, c) < 0)
			return -1;
	if (o->n_ports < 2 || o->n_ports % 2) {
		fputs("corelane-load: ports come in twos\n", stderr);
		return -1;
	}
	return 0;
}

static int
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

static int
open_ports(struct load *l, const struct options *o, struct err *e)
{
	l->port = calloc(o->n_ports, sizeof(*l->port));
	if (!l->port)
		return err_set(e, ENOMEM, "no memory");
	for (unsigned int i = 0; i < o->n_ports; i++) {
		struct port_opts po = o->common;
		int r;

		po.path = o->port[i].path;
		po.connect = o->port[i].connect;
		l->n_ports = i + 1; /* closed also when it opened half */
		r = port_open(&l->port[i], i, &po, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
attach_ports(struct load *l, int wait_s, struct err *e)
{
	for (unsigned int i = 0; i < l->n_ports; i++) {
		int r = port_attach(&l->port[i], wait_s * 1000, e);

		if (r < 0)
			return r;
	}
	log_info("%u guests are up", l->n_ports);
	return 0;
}

static int
run_words(struct load *l, char *const *words, unsigned int n, struct err *e)
{
	struct window w;
	int r = window_parse(&w, words, n, e);

	for (unsigned int i = 0; r == 0 && i < w.count && !interrupted; i++)
		r = load_run(l, &w, stdout, e);
	return r;
}

/* A line that cannot be run is answered with an error line; a connection that broke ends it all. */
static int
run_lines(struct load *l, struct err *e)
{
	char line[1024], *words[WORDS_MAX], *save;
	int r = 0;

	printf("{\"ready\": %u}\n", l->n_ports);
	fflush(stdout);
	while (!interrupted && fgets(line, sizeof(line), stdin)) {
		unsigned int n = 0;

		for (char *t = strtok_r(line, " \t\n", &save); t && n < WORDS_MAX;
		     t = strtok_r(NULL, " \t\n", &save))
			words[n++] = t;
		if (n == 0)
			continue;
		r = run_words(l, words, n, e);
		if (r == -EINVAL) {
			printf("{\"error\": \"%s\"}\n", e->text);
			fflush(stdout);
			r = 0;
		}
		if (r < 0)
			break;
	}
	return r;
}

int
main(int argc, char **argv)
{
	struct options o = {.common = {.ring_size = 1024, .queues = 1, .max_frame = 1518},
			    .cpu = -1,
			    .peer_cpu = -1,
			    .wait_s = 30};
	const struct sigaction sa = {.sa_handler = on_signal};
	struct load l = {.cpu = -1, .interrupted = &interrupted};
	struct err e = {0};
	int r = 0;

	log_init("corelane-load", LOG_LVL_INFO);
	if (parse_options(&o, argc, argv) < 0) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	l.cpu = o.cpu;
	l.peer_cpu = o.peer_cpu;
	if (o.cpu >= 0)
		r = pin(o.cpu);
	if (r < 0)
		err_sys(&e, -r, "CPU %d", o.cpu);
	l.ns_per_tick = load_calibrate();
	if (r == 0)
		r = open_ports(&l, &o, &e);
	if (r == 0)
		r = attach_ports(&l, o.wait_s, &e);
	if (r == 0)
		r = optind < argc ? run_words(&l, argv + optind, (unsigned int)(argc - optind), &e)
				  : run_lines(&l, &e);
	if (r < 0)
		log_err("%s", e.text);
	for (unsigned int i = 0; i < l.n_ports; i++)
		port_close(&l.port[i]);
	free(l.port);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}
