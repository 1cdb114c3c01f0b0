/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vhost-user/watch.h"

/* A frame says so much at most, floods to many ports apart: those are cut. */
#define A_FRAME 8
#define ROOM    ((uint64_t)PKT_BURST * A_FRAME)
#define NOBODY  UINT16_MAX /* serial of a frame that is not traced */

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines by writer */
struct trace {
	_Atomic uint32_t refs;
	_Atomic uint64_t left;   /* frames still to come; lane */
	_Atomic uint64_t missed; /* frames that there was no room for; lane */
	uint64_t told;           /* of these; control thread */
	uint64_t frame, base;    /* lane: seen so far; before this burst */
	uint64_t ns;             /* lane: of this burst */
	_Atomic uint64_t head __attribute__((aligned(64))); /* lane */
	_Atomic uint64_t tail __attribute__((aligned(64))); /* control thread */
	struct switch_trace entry[TRACE_ENTRIES];
};

struct trace *
trace_make(uint64_t frames)
{
	struct trace *t = aligned_alloc(64, align_up(sizeof(*t), 64));

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t)); /* also so that no page is missing later */
	t->refs = 1;
	t->left = frames;
	return t;
}

struct trace *
trace_ref(struct trace *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void
trace_put(struct trace *t)
{
	/* acq_rel: whoever is last sees what the others did with it */
	if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
		free(t);
}

/* A free entry about @pkt, not yet seen by the reader; NULL: it is not traced, or there is no room. */
static struct switch_trace *
begin_entry(struct trace *t, const struct swport *at, const struct pkt *pkt)
{
	uint64_t head = atomic_load_explicit(&t->head, memory_order_relaxed);
	struct switch_trace *e = &t->entry[head % TRACE_ENTRIES];

	/* acquire: pairs with the reader's release; the entry is read before it is used again */
	if (pkt->serial == NOBODY ||
	    head - atomic_load_explicit(&t->tail, memory_order_acquire) >= TRACE_ENTRIES)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->frame = t->base + pkt->serial + 1;
	e->ns = t->ns;
	e->len = pkt->len;
	memcpy(e->port, at->cfg.name, sizeof(e->port));
	return e;
}

static void
publish(struct trace *t)
{
	uint64_t head = atomic_load_explicit(&t->head, memory_order_relaxed);

	/* release: pairs with the reader's acquire; the entry is whole */
	atomic_store_explicit(&t->head, head + 1, memory_order_release);
}

void
trace_write(struct lane *l, const struct swport *at, const struct pkt *pkt, uint32_t dropped,
	    const char *fmt, ...)
{
	struct switch_trace *e = begin_entry(l->trace, at, pkt);
	va_list ap;

	if (!e)
		return;
	e->dropped = dropped;
	va_start(ap, fmt);
	vsnprintf(e->what, sizeof(e->what), fmt, ap);
	va_end(ap);
	publish(l->trace);
}

void
trace_all_dropped(struct lane *l, const struct swport *at, struct pkt *const *pkt, uint32_t n,
		  enum switch_drop cause)
{
	for (uint32_t i = 0; i < n; i++)
		trace_drop(l, at, pkt[i], cause);
}

static void
say_in(struct trace *t, const struct swport *at, const struct pkt *p)
{
	struct switch_trace *e = begin_entry(t, at, p);

	if (!e)
		return;
	memcpy(e->what, "in", sizeof("in"));
	memcpy(e->head, p->head, MIN_OF(sizeof(e->head), (size_t)p->head_len));
	publish(t);
}

void
trace_begin(struct trace *t, struct burst *b)
{
	uint64_t left = atomic_load_explicit(&t->left, memory_order_relaxed);
	uint64_t used = atomic_load_explicit(&t->head, memory_order_relaxed) -
			atomic_load_explicit(&t->tail, memory_order_relaxed);
	struct timespec now;
	uint32_t i;

	if (left == 0)
		return;
	if (used + ROOM > TRACE_ENTRIES) {
		counter_add(&t->missed, b->n);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now); /* no system call: vdso(7) */
	t->ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	t->base = t->frame;
	b->lane->trace = t;
	for (i = 0; i < b->n; i++) {
		b->pkt[i]->serial = i < left ? (uint16_t)i : NOBODY;
		if (i < left)
			say_in(t, b->port, b->pkt[i]);
	}
	t->frame += MIN_OF(left, (uint64_t)b->n);
}

void
trace_done(struct lane *l)
{
	struct trace *t = l->trace;
	uint64_t left = atomic_load_explicit(&t->left, memory_order_relaxed);

	l->trace = NULL;
	/* release: pairs with the reader's acquire; all is written that belongs to these frames */
	atomic_store_explicit(&t->left, left - (t->frame - t->base), memory_order_release);
}

/* Told once whenever it has grown. */
static bool
take_missed(struct trace *t, struct switch_trace *ret)
{
	uint64_t missed = counter_get(&t->missed);

	if (missed == t->told)
		return false;
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->what, sizeof(ret->what), "%llu frames passed untold: the reader is slow",
		 (unsigned long long)(missed - t->told));
	t->told = missed;
	return true;
}

uint32_t
trace_take(struct trace *t, struct switch_trace *ret, uint32_t n, bool *ret_more)
{
	uint64_t tail = atomic_load_explicit(&t->tail, memory_order_relaxed);
	/* before head: when it is 0, everything has been written */
	uint64_t left = atomic_load_explicit(&t->left, memory_order_acquire);
	uint64_t head = atomic_load_explicit(&t->head, memory_order_acquire);
	uint32_t k;

	for (k = 0; k < n && tail != head; k++, tail++)
		ret[k] = t->entry[tail % TRACE_ENTRIES];
	atomic_store_explicit(&t->tail, tail, memory_order_release);
	if (k < n && tail == head && take_missed(t, &ret[k]))
		k++;
	*ret_more = left > 0 || tail != head || counter_get(&t->missed) != t->told;
	return k;
}

static bool
wanted(const struct swport *port)
{
	return port->watch && port->watch->trace;
}

static int
make(struct swport *port, void *old, void **ret_state, struct err *e)
{
	*ret_state = trace_ref(port->watch->trace);
	return 0;
}

static void
destroy(void *state)
{
	trace_put(state);
}

static void
run(struct burst *b, void *state)
{
	trace_begin(state, b);
}

const struct feature feat_trace = {
	.name = "trace",
	.side = CHAIN_IN,
	.deep = true,
	.wanted = wanted,
	.make = make,
	.destroy = destroy,
	.run = run,
};
