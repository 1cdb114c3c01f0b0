/* SPDX-License-Identifier: Apache-2.0 */
/* Running one window: what all modes share. See load.h. */
#include "bench/load/load.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "bench/load/c2c.h"

static const struct {
	const char *name;
	int (*run)(struct load *l, const struct window *w, FILE *out, struct err *e);
	bool keeps_connections; /* else a back end that goes away ends the window in an error */
} modes[] = {
	{"flood", mode_flood, true},        {"rtt", mode_rtt, true},
	{"rate", mode_rate, true},          {"outage", mode_outage, false},
	{"steady", mode_steady, false},     {"garbage", mode_garbage, false},
	{"messages", mode_messages, false},
};

static double
seconds_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double
load_calibrate(void)
{
	double start = seconds_now(CLOCK_MONOTONIC_RAW), end;
	uint64_t tsc = load_tsc();

	do
		end = seconds_now(CLOCK_MONOTONIC_RAW);
	while (end - start < 0.03);
	return (end - start) * 1e9 / (double)(load_tsc() - tsc);
}

int
load_check(const struct load *l, struct err *e)
{
	for (unsigned int i = 0; i < l->n_ports; i++) {
		const struct port *p = &l->port[i];
		const char *why = port_broken(p);

		if (why)
			return err_set(e, EPROTO, "port %u (%s): %s", i, p->opts.path, why);
		if (vhost_gone(&p->vhost))
			return err_set(e, ECONNRESET, "port %u (%s): the back end has gone", i,
				       p->opts.path);
	}
	return 0;
}

void
load_totals(const struct load *l, const struct window *w, struct totals *ret)
{
	struct totals t = {0};

	for (unsigned int i = 0; i < w->busy; i++) {
		const struct port *p = &l->port[i];

		t.sent += p->sent;
		t.received += p->received;
		t.checked += p->checked;
		t.bad += p->bad;
		for (unsigned int r = 0; r < 2 * p->opts.queues; r++)
			t.kicks += p->ring[r].kicks;
		if (!t.bad_why)
			t.bad_why = p->bad_why;
	}
	*ret = t;
}

void
load_clear(struct load *l)
{
	for (unsigned int i = 0; i < l->n_ports; i++) {
		port_clear(&l->port[i]);
		for (unsigned int r = 0; r < 2 * l->port[i].opts.queues; r++)
			l->port[i].ring[r].kicks = 0;
	}
}

/* One look at every ring of every port, idle ones too. Returns whether anything moved. */
static bool
drain_round(struct load *l, const struct window *w, bool *ret_all_back)
{
	bool moved = false;

	*ret_all_back = true;
	for (unsigned int i = 0; i < l->n_ports; i++)
		for (unsigned int q = 0; q < l->port[i].opts.queues; q++) {
			struct ring *tx = port_tx(&l->port[i], q);

			if (port_receive(&l->port[i], q, &w->frames, 1, NULL) > 0)
				moved = true;
			if (port_reap(tx, 1) > 0)
				moved = true;
			if (tx->held > 0)
				*ret_all_back = false;
		}
	return moved;
}

int
load_drain(struct load *l, const struct window *w, double quiet, struct err *e)
{
	uint64_t last = load_tsc(), start = last;
	bool all_back;
	int r;

	for (;;) {
		uint64_t now = load_tsc();

		if (drain_round(l, w, &all_back))
			last = now;
		if (all_back && now - last > load_ticks(l, quiet))
			return load_check(l, e);
		if (now - start > load_ticks(l, 3.0))
			break;
	}
	r = load_check(l, e);
	return r < 0 ? r : err_set(e, ETIMEDOUT, "the back end keeps frames for more than 3 s");
}

/* Buffers hold what this window sends. The old window's frames have all come back. */
static void
build_frames(struct load *l, const struct window *w)
{
	if (l->built.size == w->frames.size && l->built.pairs == w->frames.pairs &&
	    l->built.mesh == w->frames.mesh && l->built.broadcast == w->frames.broadcast)
		return;
	for (unsigned int i = 0; i < l->n_ports; i++)
		port_build(&l->port[i], &w->frames);
	l->built = w->frames;
}

/* Milliseconds (of USER_HZ resolution) that the hypervisor took from all CPUs; -1 when unknown. */
static long
steal_ms(void)
{
	char line[256] = "", *at = line;
	unsigned long long ticks = 0;
	FILE *f = fopen("/proc/stat", "re");

	if (!f)
		return -1;
	/* "cpu  user nice system idle iowait irq softirq steal ...": proc(5) */
	if (!fgets(line, sizeof(line), f) || strncmp(line, "cpu ", 4) != 0)
		at = NULL;
	fclose(f);
	if (!at)
		return -1;
	at += 4;
	for (int i = 0; i < 8; i++)
		ticks = strtoull(at, &at, 10);
	return (long)ticks * 10;
}

static int
window_valid(const struct load *l, const struct window *w, struct err *e)
{
	if (w->busy > l->n_ports)
		return err_set(e, EINVAL, "busy=%u, but there are %u ports", w->busy, l->n_ports);
	if (w->frames.broadcast && strcmp(w->mode, "flood") != 0)
		return err_set(e, EINVAL, "broadcast=1 is for flood only");
	if (w->frames.size > l->port[0].opts.max_frame)
		return err_set(e, EINVAL, "size=%u is above --max-frame %u", w->frames.size,
			       l->port[0].opts.max_frame);
	return 0;
}

static void
print_head(const struct load *l, const struct window *w, FILE *out)
{
	fprintf(out,
		"{\"mode\": \"%s\", \"ring\": \"%s\", \"size\": %u, \"pairs\": %" PRIu32
		", \"mesh\": %d, \"broadcast\": %d, \"rewrite\": %d, \"ports\": %u, \"busy\": %u, "
		"\"queues\": %u, \"seconds\": %.3f, ",
		w->mode, l->port[0].opts.packed ? "packed" : "split", w->frames.size,
		w->frames.pairs, w->frames.mesh, w->frames.broadcast, w->frames.rewrite, l->n_ports,
		w->busy, l->port[0].opts.queues, w->seconds);
}

int
load_run(struct load *l, const struct window *w, FILE *out, struct err *e)
{
	double before = NAN, after = NAN;
	long steal = steal_ms();
	size_t mode = 0;
	double wall, cpu;
	int r;

	while (mode < ARRAY_SIZE(modes) && strcmp(modes[mode].name, w->mode) != 0)
		mode++;
	if (mode == ARRAY_SIZE(modes))
		return err_set(e, EINVAL, "%s: no such mode", w->mode);
	r = window_valid(l, w, e);
	if (r == 0 && modes[mode].keeps_connections)
		r = load_drain(l, w, 0.005, e);
	if (r < 0)
		return r;
	build_frames(l, w);
	load_clear(l);
	if (w->c2c)
		before = c2c_measure(l->peer_cpu, l->ns_per_tick);
	print_head(l, w, out);
	wall = seconds_now(CLOCK_MONOTONIC_RAW);
	cpu = seconds_now(CLOCK_THREAD_CPUTIME_ID);
	r = modes[mode].run(l, w, out, e);
	/* Below 1: somebody else ran on this CPU, and the window is not worth much. */
	fprintf(out, "\"endpoint_cpu\": %.3f, ",
		(seconds_now(CLOCK_THREAD_CPUTIME_ID) - cpu) /
			(seconds_now(CLOCK_MONOTONIC_RAW) - wall));
	if (w->c2c) {
		after = c2c_measure(l->peer_cpu, l->ns_per_tick);
		fprintf(out, "\"c2c_ns\": [%.1f, %.1f], ", before, after);
	}
	if (r < 0)
		fprintf(out, "\"error\": \"%s\", ", e->text);
	fprintf(out, "\"steal_ms\": %ld}\n", steal_ms() - steal);
	fflush(out);
	return r;
}
