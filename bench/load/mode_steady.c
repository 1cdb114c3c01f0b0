/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steady: numbered frames at a steady rate, while somebody kills, restarts or replaces the back end.
 * Rings are kept, as a guest keeps them: a back end that comes back goes on where the last one was.
 * Every frame that the back end took is accounted for: which came, which did not, which came twice.
 * A signal ends the window early.
 *
 * With handover=1 a second back end is taken as soon as it connects, and set up beside the first (on
 * another thread, so that no frame waits for it); it is alone when the first one goes.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/util.h"
#include "bench/load/load.h"

#define QUIET_S     0.05 /* without a frame: it is over */
#define QUIET_MAX_S 5.0

struct flow {
	uint64_t next;          /* number of the next frame that this port sends; from 1 */
	uint64_t expect;        /* and that it receives */
	uint64_t lost, again;   /* never came; came twice */
	uint64_t last, longest; /* TSC */
};

enum second { SECOND_WAITED_FOR, SECOND_READY, SECOND_FAILED };

struct steady {
	struct load *load;
	const struct window *w;
	uint64_t start, now;
	double interval;
	struct flow flow[LOAD_PORTS_MAX];
	uint64_t resumes, handovers, given_up;
	/* The other thread's while SECOND_WAITED_FOR, ours otherwise: each releases it to the other. */
	_Atomic int second;
	_Atomic bool stop;
	struct err second_err;
};

static uint64_t
take(struct steady *s, struct port *p)
{
	struct flow *f = &s->flow[p->number];
	uint64_t stamps[RING_BURST];
	unsigned int n = port_receive(p, 0, &s->w->frames, 1, stamps);

	for (unsigned int i = 0; i < n; i++) {
		if (stamps[i] == 0)
			continue; /* not one of ours: counted as bad */
		if (stamps[i] < f->expect) {
			f->again++;
			continue;
		}
		f->lost += stamps[i] - f->expect;
		f->expect = stamps[i] + 1;
	}
	if (n == 0)
		return 0;
	f->longest = MAX_OF(f->longest, s->now - f->last);
	f->last = s->now;
	return n;
}

static void
exchange(struct steady *s, struct port *p, uint64_t due)
{
	struct flow *f = &s->flow[p->number];
	uint64_t stamps[RING_BURST];
	unsigned int n, sent;

	while (port_reap(port_tx(p, 0), 1) > 0)
		;
	while (f->next <= due) {
		n = (unsigned int)MIN_OF(due + 1 - f->next, (uint64_t)RING_BURST);
		for (unsigned int i = 0; i < n; i++)
			stamps[i] = f->next + i;
		sent = port_send(p, 0, &s->w->frames, n, stamps);
		f->next += sent;
		if (sent < n)
			break;
	}
	take(s, p);
}

/* --- a second back end --- */

static void
drop_second(struct load *l)
{
	for (unsigned int i = 0; i < l->n_ports; i++) {
		struct port *p = &l->port[i];

		vhost_close(&p->next);
		if (p->next_notes.fd >= 0)
			close(p->next_notes.fd);
		p->next_notes.fd = -1;
	}
}

static enum second
accept_second(struct steady *s)
{
	struct load *l = s->load;

	for (unsigned int i = 0; i < l->n_ports; i++) {
		struct err e = {0};
		int r;

		do
			r = port_second(&l->port[i], i == 0 ? 100 : 5000, &e);
		while (i == 0 && r == -ETIMEDOUT && l->port[0].next.fd <= 0 &&
		       !atomic_load(&s->stop));
		if (r < 0 && !atomic_load(&s->stop))
			s->second_err = e;
		if (r < 0)
			return SECOND_FAILED;
	}
	return SECOND_READY;
}

static void *
second_thread(void *arg)
{
	struct steady *s = arg;

	while (!atomic_load(&s->stop)) {
		if (atomic_load_explicit(&s->second, memory_order_acquire) == SECOND_WAITED_FOR)
			atomic_store_explicit(&s->second, (int)accept_second(s),
					      memory_order_release);
		else
			usleep(1000);
	}
	return NULL;
}

static bool
any_gone(const struct load *l, bool second)
{
	for (unsigned int i = 0; i < l->n_ports; i++)
		if (vhost_gone(second ? &l->port[i].next : &l->port[i].vhost))
			return true;
	return false;
}

static void
watch_second(struct steady *s)
{
	int state = atomic_load_explicit(&s->second, memory_order_acquire);
	struct load *l = s->load;

	if (state == SECOND_WAITED_FOR)
		return;
	if (state == SECOND_FAILED || any_gone(l, true)) {
		drop_second(l);
		s->given_up++;
	} else if (any_gone(l, false)) {
		for (unsigned int i = 0; i < l->n_ports; i++)
			port_promote(&l->port[i]);
		s->handovers++;
	} else {
		return;
	}
	atomic_store_explicit(&s->second, SECOND_WAITED_FOR, memory_order_release);
}

/* --- one that comes back --- */

static int
revive(struct steady *s, struct err *e)
{
	struct load *l = s->load;

	for (unsigned int i = 0; i < l->n_ports; i++) {
		const char *why = port_broken(&l->port[i]);
		int r;

		if (why)
			return err_set(e, EPROTO, "port %u: %s", i, why);
		if (!vhost_gone(&l->port[i].vhost))
			continue;
		r = port_resume(&l->port[i], 5000, e);
		if (r == -ECONNRESET) {
			*e = (struct err){0};
			continue; /* a connection that was given up while it waited: another follows */
		}
		if (r < 0)
			return r;
		s->resumes++;
	}
	return 0;
}

/* Until everything that was sent is back and nothing comes any more. */
static void
drain(struct steady *s)
{
	struct load *l = s->load;
	uint64_t began = load_tsc(), last = began;

	for (;;) {
		bool held = false;

		s->now = load_tsc();
		for (unsigned int i = 0; i < s->w->busy; i++) {
			struct port *p = &l->port[i];

			/* the gap until now is the window's end, not an outage */
			s->flow[i].last = s->now;
			if (take(s, p) > 0 || port_reap(port_tx(p, 0), 1) > 0)
				last = s->now;
			held |= port_tx(p, 0)->held > 0;
		}
		if (s->now - began > load_ticks(l, QUIET_MAX_S) ||
		    (!held && s->now - last > load_ticks(l, QUIET_S)))
			return;
	}
}

static void
print(struct steady *s, FILE *out)
{
	uint64_t sent = 0, lost = 0, again = 0, longest = 0;
	struct totals t;

	for (unsigned int i = 0; i < s->w->busy; i++) {
		const struct flow *f = &s->flow[i], *peer = &s->flow[i ^ 1];

		sent += f->next - 1;
		lost += f->lost + (peer->next - f->expect); /* in between, and the last ones */
		again += f->again;
		longest = MAX_OF(longest, f->longest);
	}
	load_totals(s->load, s->w, &t);
	fprintf(out,
		"\"gap_ms\": %.3f, \"resumes\": %" PRIu64 ", \"handovers\": %" PRIu64
		", \"given_up\": %" PRIu64 ", \"sent_total\": %" PRIu64 ", \"lost\": %" PRIu64
		", \"again\": %" PRIu64 ", \"bad\": %" PRIu64 ", ",
		(double)longest * s->load->ns_per_tick / 1e6, s->resumes, s->handovers, s->given_up,
		sent, lost, again, t.bad);
}

static int
run(struct steady *s, struct err *e)
{
	struct load *l = s->load;
	uint64_t end = load_ticks(l, s->w->seconds), looked = 0;
	int r = 0;

	while (r == 0 && s->now - s->start < end && !(l->interrupted && *l->interrupted)) {
		uint64_t due;

		s->now = load_tsc();
		due = (uint64_t)((double)(s->now - s->start) / s->interval);
		for (unsigned int i = 0; i < s->w->busy; i++)
			exchange(s, &l->port[i], due);
		if (s->now - looked < load_ticks(l, 0.001))
			continue;
		looked = s->now;
		if (s->w->handover)
			watch_second(s);
		/* a back end that went without a successor is waited for */
		if (!s->w->handover ||
		    atomic_load_explicit(&s->second, memory_order_acquire) == SECOND_WAITED_FOR)
			r = s->w->handover && any_gone(l, false)
				    ? err_set(e, ECONNRESET,
					      "the back end went without a successor")
				    : revive(s, e);
	}
	return r;
}

int
mode_steady(struct load *l, const struct window *w, FILE *out, struct err *e)
{
	static struct steady s; /* too big for a stack */
	pthread_t thread = 0;
	int r = 0;

	s = (struct steady){.load = l,
			    .w = w,
			    .start = load_tsc(),
			    .interval = 1e9 / w->rate / l->ns_per_tick};
	s.now = s.start;
	for (unsigned int i = 0; i < w->busy; i++)
		s.flow[i] = (struct flow){.next = 1, .expect = 1, .last = s.start};
	if (w->handover)
		r = -pthread_create(&thread, NULL, second_thread, &s);
	if (r < 0)
		return err_sys(e, -r, "thread for the second back end");
	r = run(&s, e);
	drain(&s);
	if (w->handover) {
		atomic_store(&s.stop, true);
		pthread_join(thread, NULL);
		drop_second(l);
		if (r == 0 && s.second_err.code)
			fprintf(out, "\"second\": \"%s\", ", s.second_err.text);
	}
	print(&s, out);
	return r;
}
