/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A declaration applied to the site that runs: read, checked, planned, compared, and, when all of it
 * can be done while everything runs, carried out by the switch. Nothing changes when anything is
 * refused. One thread, that of the event loop; one application at a time.
 */
#ifndef CORELANE_APPLIANCE_LIVE_H
#define CORELANE_APPLIANCE_LIVE_H

#include <jansson.h>

#include "appliance/switchd.h"

/* Takes @answer over: as command_answer_fn. */
typedef void live_answer_fn(void *arg, json_t *answer);

/* An answer is one message that a socket takes at once: so many differences are told. */
#define CHANGES_TOLD 100

struct live {
	const struct run_env *env;
	const struct topo *topo; /* as it was before anything was started */
	struct plan *plan;       /* the one that runs; its ports are replaced */
	const struct site *site; /* what it is now declared to be */
	struct switchd *sw;      /* NULL: none */

	struct site *own;    /* @site, once it is not the one of the start; owned */
	struct site *coming; /* what is being applied; owned */
	struct plan *next;   /* its plan; owned */
	json_t *changes;     /* what is told about it... */
	size_t n_changes;    /* ...of so many differences */
	bool busy;
	live_answer_fn *answer;
	void *arg;
};

void live_init(struct live *l, const struct run_env *env, const struct topo *topo,
	       struct plan *plan, struct switchd *sw);
void live_fini(struct live *l);

/*
 * Applies @file (a file or a folder), or, with @dry, only says what that would do. @answer is called
 * exactly once, perhaps before this returns: {"ok": true, "text": WORDS, "changes": [...]} or
 * {"ok": false, "kind": KIND, "error": WORDS, ...}.
 */
void live_apply(struct live *l, const char *file, bool dry, live_answer_fn *answer, void *arg);

/* Applies @file because of a signal: what comes of it goes to the log. */
void live_reread(struct live *l, const char *file);

#endif
