/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outage: frames at a steady rate while somebody kills and restarts the back end; answers with the
 * longest time without frames. A connection that breaks is taken up again, with fresh rings: the
 * switch's time to come back is measured, not a guest's.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/util.h"
#include "bench/load/load.h"

struct outage {
	uint64_t start, now, last[LOAD_PORTS_MAX];
	uint64_t longest; /* TSC */
	double interval;
	uint64_t due, attempts[LOAD_PORTS_MAX];
	uint64_t reconnects;
};

static void
exchange(const struct window *w, struct outage *o, struct port *p)
{
	unsigned int i = p->number;

	while (o->attempts[i] < o->due) {
		port_reap(port_tx(p, 0), 1);
		port_send(p, 0, &w->frames, 1, NULL);
		o->attempts[i]++; /* frames are not saved up while nobody takes them */
	}
	if (port_receive(p, 0, &w->frames, 1, NULL) == 0)
		return;
	o->longest = MAX_OF(o->longest, o->now - o->last[i]);
	o->last[i] = o->now;
}

/* Takes a broken connection up again, waiting no longer than the window lasts. */
static int
revive(struct load *l, const struct window *w, struct outage *o, struct err *e)
{
	for (unsigned int i = 0; i < l->n_ports; i++) {
		struct port *p = &l->port[i];
		int64_t left = (int64_t)(o->start + load_ticks(l, w->seconds) - load_tsc());
		int r;

		if (!vhost_gone(&p->vhost) && !port_broken(p))
			continue;
		if (left <= 0)
			return err_set(e, ETIMEDOUT, "port %u: the back end did not come back", i);
		r = port_attach(p, (int)((double)left * l->ns_per_tick / 1e6), e);
		if (r < 0)
			return r;
		o->reconnects++;
	}
	return 0;
}

int
mode_outage(struct load *l, const struct window *w, FILE *out, struct err *e)
{
	struct outage o = {.start = load_tsc(), .interval = 1e9 / w->rate / l->ns_per_tick};
	uint64_t end = load_ticks(l, w->seconds), looked = 0;
	struct totals t;
	int r = 0;

	o.now = o.start;
	for (unsigned int i = 0; i < w->busy; i++)
		o.last[i] = o.start;
	while (r == 0 && o.now - o.start < end) {
		o.now = load_tsc();
		o.due = (uint64_t)((double)(o.now - o.start) / o.interval);
		for (unsigned int i = 0; i < w->busy; i++)
			exchange(w, &o, &l->port[i]);
		if (o.now - looked > load_ticks(l, 0.001)) {
			looked = o.now;
			r = revive(l, w, &o, e);
		}
	}
	for (unsigned int i = 0; i < w->busy; i++)
		o.longest = MAX_OF(o.longest, o.now - o.last[i]);
	load_totals(l, w, &t);
	fprintf(out,
		"\"gap_ms\": %.3f, \"reconnects\": %" PRIu64 ", \"sent_total\": %" PRIu64
		", \"received\": %" PRIu64 ", \"bad\": %" PRIu64 ", ",
		(double)o.longest * l->ns_per_tick / 1e6, o.reconnects, t.sent, t.received, t.bad);
	return r;
}
