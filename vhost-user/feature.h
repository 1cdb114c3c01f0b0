/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a port does to frames beyond forwarding them, as a chain of stages over a whole burst. A port
 * without a feature has no stage for it, and one without any has no chain: nothing is asked a frame.
 *
 * A feature is one file with one `const struct feature`, listed in feature.c in the order in which
 * stages run. The control thread makes and frees state; chains are replaced as a whole and freed when
 * no thread can hold them (rcu.h), so a change never stops a frame.
 */
#ifndef CORELANE_VHOST_USER_FEATURE_H
#define CORELANE_VHOST_USER_FEATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/port.h"
#include "base/switch_msg.h"
#include "vhost-user/pkt.h"

struct swport;
struct lane;

enum chain_side {
	CHAIN_IN,  /* frames that came from the port, before the decision where they go */
	CHAIN_OUT, /* frames about to be put into the port */
	CHAIN_SIDES
};

/* A burst inside a chain. Order is kept; a dropped frame's bit is cleared and nobody looks at it again. */
struct burst {
	struct lane *lane;
	struct swport *port; /* whose chain this is */
	/*
	 * In: the burst's own; a head may be moved (tag cut off) or changed.
	 * Out: copies made for this port, heads with PKT_HEADROOM bytes free before them.
	 */
	struct pkt **pkt;
	uint32_t n;
	uint64_t alive; /* bit i: pkt[i] goes on */
};

/* Takes frame @i out: cause is counted on the port and told to a trace. */
void burst_drop(struct burst *b, uint32_t i, enum switch_drop cause);

#define burst_for_each(i, b)                                                                       \
	for (uint64_t left_##i = (b)->alive;                                                       \
	     left_##i && ((i) = (uint32_t)__builtin_ctzll(left_##i), true);                        \
	     left_##i &= left_##i - 1)

typedef void stage_fn(struct burst *b, void *state);

struct feature {
	const char *name;
	enum chain_side side;
	bool deep; /* looks beyond PKT_HEAD bytes of the head */
	bool (*wanted)(const struct swport *port);
	/*
	 * State for one port and side; NULL when it needs none beyond the port's cfg. @old is that of
	 * the chain before (NULL: none), still in use: counters and buckets are carried over from it.
	 */
	int (*make)(struct swport *port, void *old, void **ret_state, struct err *e);
	void (*destroy)(void *state);
	stage_fn *run;
	/*
	 * Called by the port's own lane once in every round, frames or not: a shaper lets go what is
	 * due (send_put()). NULL: never.
	 */
	void (*round)(struct lane *lane, struct swport *port, void *state);
};

/*
 * CHAIN_IN runs on the port's lane only. CHAIN_OUT runs on whichever lane sends, and with several lanes
 * the port's chain_lock is held around it and around round(): state needs no lock of its own.
 */

#define CHAIN_STAGES_MAX 12

struct stage {
	stage_fn *run;
	void *state;
	const struct feature *feature;
};

/* Immutable once published. */
struct chain {
	uint32_t n;
	bool deep;
	bool rounds; /* a stage has round() */
	struct stage stage[CHAIN_STAGES_MAX];
};

/*
 * The chain that port->cfg (and what else features keep on the port) asks for; *ret is NULL when it
 * asks for nothing. @old may be NULL. 0 or -errno with words; nothing has changed then.
 */
int chain_make(struct swport *port, enum chain_side side, const struct chain *old,
	       const struct chain **ret, struct err *e);
/*
 * NULL is allowed. destroy() is called for each stage's state, so a state that make() handed on from
 * @old (a shaper's queue) counts its chains.
 */
void chain_free(const struct chain *c);

static inline void
chain_run(const struct chain *c, struct burst *b)
{
	for (uint32_t i = 0; i < c->n && b->alive; i++)
		c->stage[i].run(b, c->stage[i].state);
}

#endif
