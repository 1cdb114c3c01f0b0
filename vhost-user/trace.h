/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace: what is decided about each of a port's next frames, told in words. The port's chain begins
 * with a stage that makes lane->trace point to it for as long as its burst is in hand; whoever decides
 * says so with trace_say(), which is one test of that pointer when nothing is traced.
 *
 * The lane writes entries into a ring of fixed size, the control thread takes them out. When there may
 * be no room for a whole burst's worth, the burst is not traced, and counted.
 */
#ifndef CORELANE_VHOST_USER_TRACE_H
#define CORELANE_VHOST_USER_TRACE_H

#include "base/util.h"
#include "vhost-user/lane.h"

#define TRACE_ENTRIES    2048 /* a power of two */
#define TRACE_FRAMES_MAX 1000000

struct trace;

/* For the next @frames (1..TRACE_FRAMES_MAX) of a port; NULL without memory. Control thread. */
struct trace *trace_make(uint64_t frames);
struct trace *trace_ref(struct trace *t);
void trace_put(struct trace *t); /* NULL is accepted */

/*
 * Takes up to @n entries out. *ret_more: frames are still awaited, or entries left. Control thread.
 * Frames that were passed over are told by one entry of their own.
 */
uint32_t trace_take(struct trace *t, struct switch_trace *ret, uint32_t n, bool *ret_more);

/* The stage: @b's frames are traced from here until trace_end(). Its lane. */
void trace_begin(struct trace *t, struct burst *b);
/* The burst is dealt with: everything has been said. */
void trace_done(struct lane *l);
static inline void
trace_end(struct lane *l)
{
	if (__builtin_expect(l->trace != NULL, 0))
		trace_done(l);
}

void trace_write(struct lane *l, const struct swport *at, const struct pkt *pkt, uint32_t dropped,
		 const char *fmt, ...) PRINTF_LIKE(5, 6);

/* At port @at this was decided about @pkt (or one it is a copy of). Lanes. */
#define trace_say(l, at, pkt, ...)                                                                 \
	do {                                                                                       \
		if (__builtin_expect((l)->trace != NULL, 0))                                       \
			trace_write(l, at, pkt, 0, __VA_ARGS__);                                   \
	} while (0)

/* All of these were dropped. */
void trace_all_dropped(struct lane *l, const struct swport *at, struct pkt *const *pkt, uint32_t n,
		       enum switch_drop cause);
static inline void
trace_drops(struct lane *l, const struct swport *at, struct pkt *const *pkt, uint32_t n,
	    enum switch_drop cause)
{
	if (__builtin_expect(l->trace != NULL, 0))
		trace_all_dropped(l, at, pkt, n, cause);
}

/* It was dropped. */
static inline void
trace_drop(struct lane *l, const struct swport *at, const struct pkt *pkt, enum switch_drop cause)
{
	if (__builtin_expect(l->trace != NULL, 0))
		trace_write(l, at, pkt, 1 + cause, "dropped: %s", switch_drop_name(cause));
}

#endif
