/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flood: every busy port always has all its transmit buffers with the device. What is measured is what
 * arrives, between two readings of the clock, while it goes on.
 */
#include <inttypes.h>

#include "bench/load/load.h"

/*
 * How many finished buffers are worth a visit: enough that an index or a flag line is not pulled away
 * from the switch for a handful of frames, as little as a small ring allows.
 */
static unsigned int
visit_at(const struct ring *r)
{
	return r->size / 8 < RING_BURST ? r->size / 8 ? r->size / 8 : 1 : RING_BURST;
}

/* Returns how many frames moved. */
static unsigned int
flood_round(struct load *l, const struct window *w)
{
	unsigned int moved = 0;

	for (unsigned int i = 0; i < w->busy; i++)
		for (unsigned int q = 0; q < l->port[i].opts.queues; q++) {
			struct port *p = &l->port[i];
			struct ring *tx = port_tx(p, q);

			moved += port_receive(p, q, &w->frames, visit_at(port_rx(p, q)), NULL);
			if (!load_sends(w, i))
				continue;
			port_reap(tx, visit_at(tx));
			if (tx->n_free > 0)
				moved += port_send(p, q, &w->frames, RING_BURST, NULL);
		}
	return moved;
}

/* Floods until @ticks have passed or something breaks. @ret_idle: ticks without anything to do. */
static int
flood_for(struct load *l, const struct window *w, uint64_t ticks, uint64_t *ret_idle, struct err *e)
{
	uint64_t start = load_tsc(), looked = start, now = start;
	uint64_t look_each = load_ticks(l, 0.02), idle = 0, last;

	while (now - start < ticks) {
		bool moved = flood_round(l, w) > 0;

		last = now;
		now = load_tsc();
		if (!moved)
			idle += now - last;
		if (now - looked > look_each) {
			int r = load_check(l, e);

			if (r < 0)
				return r;
			looked = now;
		}
	}
	*ret_idle = idle;
	return 0;
}

int
mode_flood(struct load *l, const struct window *w, FILE *out, struct err *e)
{
	struct totals before, after, end;
	uint64_t start, ticks, expected, idle = 0;
	double seconds;
	int r;

	r = flood_for(l, w, load_ticks(l, w->warmup), &idle, e);
	if (r < 0)
		return r;
	load_totals(l, w, &before);
	start = load_tsc();
	r = flood_for(l, w, load_ticks(l, w->seconds), &idle, e);
	ticks = load_tsc() - start;
	load_totals(l, w, &after);
	if (r == 0)
		r = load_drain(l, w, 0.005, e);
	load_totals(l, w, &end);
	seconds = (double)ticks * l->ns_per_tick / 1e9;
	expected = end.sent * (w->frames.broadcast ? w->busy - 1 : 1);
	fprintf(out,
		"\"received\": %" PRIu64 ", \"mpps\": %.4f, \"sent_total\": %" PRIu64
		", \"lost_total\": %" PRId64 ", \"checked\": %" PRIu64 ", \"bad\": %" PRIu64
		", \"kicks\": %" PRIu64 ", \"endpoint_idle\": %.3f, ",
		after.received - before.received,
		(double)(after.received - before.received) / seconds / 1e6, end.sent,
		(int64_t)(expected - end.received), end.checked, end.bad, end.kicks,
		(double)idle / (double)ticks);
	if (end.bad_why)
		fprintf(out, "\"bad_why\": \"%s\", ", end.bad_why);
	return r;
}
