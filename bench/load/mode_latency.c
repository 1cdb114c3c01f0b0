/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtt: one frame in flight, port 0 to 1 and back; the time of every round trip.
 * rate: frames leave on a schedule, whatever comes back (open loop, no coordinated omission): each
 * carries the time at which it was due, its latency counts from there, and one that could not be sent
 * by the end of the window is lost.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/util.h"
#include "bench/hist.h"
#include "bench/load/load.h"

static struct hist hist; /* one window at a time */

static void
print_text(void *arg, const char *text, size_t len)
{
	fwrite(text, 1, len, arg);
}

static void
print_hist(const struct window *w, const char *what, FILE *out)
{
	fprintf(out,
		"\"%s\": {\"count\": %" PRIu64 ", \"min\": %" PRIu64 ", \"p50\": %" PRIu64
		", \"p90\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"p99.9\": %" PRIu64
		", \"p99.99\": %" PRIu64 ", \"max\": %" PRIu64 "}, ",
		what, hist.count, hist.min, hist_percentile(&hist, 50000),
		hist_percentile(&hist, 90000), hist_percentile(&hist, 99000),
		hist_percentile(&hist, 99900), hist_percentile(&hist, 99990), hist.max);
	if (!w->histogram)
		return;
	fprintf(out, "\"histogram\": \"");
	hist_emit(&hist, print_text, out);
	fprintf(out, "\", ");
}

static uint64_t
to_ns(const struct load *l, uint64_t ticks)
{
	return (uint64_t)((double)ticks * l->ns_per_tick);
}

/* Waits for at least one frame on @p. false: nothing within 100 ms. */
static bool
wait_frame(struct load *l, const struct window *w, struct port *p)
{
	uint64_t start = load_tsc();

	while (port_receive(p, 0, &w->frames, 1, NULL) == 0) {
		if (load_tsc() - start > load_ticks(l, 0.1))
			return false;
	}
	return true;
}

static void
send_one(const struct window *w, struct port *p)
{
	port_reap(port_tx(p, 0), 1);
	port_send(p, 0, &w->frames, 1, NULL);
}

int
mode_rtt(struct load *l, const struct window *w, FILE *out, struct err *e)
{
	uint64_t start = load_tsc(), warm = load_ticks(l, w->warmup);
	uint64_t end = warm + load_ticks(l, w->seconds), sent, now = start;
	struct port *a = &l->port[0], *b = &l->port[1];
	struct totals t;
	uint64_t lost = 0;
	int r;

	hist_reset(&hist);
	while (now - start < end) {
		while (w->gap > 0 && load_tsc() - now < load_ticks(l, w->gap))
			;
		sent = load_tsc();
		send_one(w, a);
		if (wait_frame(l, w, b)) {
			send_one(w, b);
			if (!wait_frame(l, w, a))
				lost++;
		} else {
			lost++;
		}
		now = load_tsc();
		if (now - start > warm)
			hist_record(&hist, to_ns(l, now - sent));
		if (lost > 100)
			break;
	}
	r = load_drain(l, w, 0.005, e);
	load_totals(l, w, &t);
	print_hist(w, "rtt_ns", out);
	fprintf(out, "\"lost\": %" PRIu64 ", \"checked\": %" PRIu64 ", \"bad\": %" PRIu64 ", ",
		lost, t.checked, t.bad);
	if (r == 0 && lost > 100)
		r = err_set(e, EIO, "more than 100 frames did not arrive within 100 ms");
	return r;
}

struct schedule {
	uint64_t start, now; /* TSC */
	double interval;     /* ticks between two frames of one port */
	uint64_t due;        /* frames that each port should have sent by now */
	uint64_t total;      /* in the window */
	uint64_t sent[LOAD_PORTS_MAX];
};

/* Sends at most one burst of frames that are due, each with its own due time as its stamp. */
static void
send_due(struct schedule *s, const struct window *w, struct port *p)
{
	uint64_t *sent = &s->sent[p->number];

	unsigned int n = (unsigned int)MIN_OF(s->due - *sent, RING_BURST / 2);
	uint64_t when[RING_BURST / 2];

	if (n == 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		when[i] = s->start + (uint64_t)((double)(*sent + i) * s->interval);
	port_reap(port_tx(p, 0), 1);
	*sent += port_send(p, 0, &w->frames, n, when);
}

static void
receive_stamped(struct load *l, const struct window *w, struct schedule *s, struct port *p)
{
	uint64_t stamps[RING_BURST], now;
	unsigned int n = port_receive(p, 0, &w->frames, 1, stamps);

	now = load_tsc();
	for (unsigned int i = 0; i < n; i++)
		if (stamps[i] >= s->start && stamps[i] < now) /* else not of this window */
			hist_record(&hist, to_ns(l, now - stamps[i]));
}

static uint64_t
run_schedule(struct load *l, const struct window *w, struct schedule *s)
{
	uint64_t grace = load_ticks(l, 0.05), end = load_ticks(l, w->seconds), sent = 0;

	while (s->now - s->start < end + grace) {
		s->now = load_tsc();
		s->due = (uint64_t)((double)(s->now - s->start) / s->interval) + 1;
		if (s->due > s->total)
			s->due = s->total;
		for (unsigned int i = 0; i < w->busy; i++) {
			/* Nothing is sent any more in the grace time: late is lost. */
			if (load_sends(w, i) && s->now - s->start < end)
				send_due(s, w, &l->port[i]);
			receive_stamped(l, w, s, &l->port[i]);
		}
	}
	for (unsigned int i = 0; i < w->busy; i++)
		sent += s->sent[i];
	return sent;
}

int
mode_rate(struct load *l, const struct window *w, FILE *out, struct err *e)
{
	unsigned int senders = w->one_way ? w->busy / 2 : w->busy;
	struct window warm = *w;
	struct schedule s = {.interval = 1e9 / w->rate / l->ns_per_tick};
	uint64_t sent, offered;
	struct totals t;
	int r;

	/* The warm-up is a short window of the same: addresses are learnt, caches are warm. */
	warm.seconds = w->warmup;
	s.total = (uint64_t)(w->rate * warm.seconds);
	s.start = s.now = load_tsc();
	run_schedule(l, &warm, &s);
	r = load_drain(l, w, 0.005, e);
	if (r < 0)
		return r;
	load_clear(l);
	hist_reset(&hist);
	s = (struct schedule){.interval = s.interval, .total = (uint64_t)(w->rate * w->seconds)};
	s.start = s.now = load_tsc();
	sent = run_schedule(l, w, &s);
	offered = s.total * senders;
	r = load_drain(l, w, 0.005, e);
	load_totals(l, w, &t);
	print_hist(w, "latency_ns", out);
	fprintf(out,
		"\"rate\": %.0f, \"offered\": %" PRIu64 ", \"unsent\": %" PRIu64
		", \"lost\": %" PRIu64 ", \"checked\": %" PRIu64 ", \"bad\": %" PRIu64 ", ",
		w->rate, offered, offered - sent, offered - hist.count, t.checked, t.bad);
	return r;
}
