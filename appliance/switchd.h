/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch while it runs: started with all ports, started again when it dies (its ports are added
 * again; the VMMs listen, so traffic goes on), asked for its counters, stopped.
 */
#ifndef CORELANE_APPLIANCE_SWITCHD_H
#define CORELANE_APPLIANCE_SWITCHD_H

#include "appliance/child.h"
#include "appliance/env.h"
#include "base/switch_msg.h"

enum switchd_state {
	SWITCHD_OFF,
	SWITCHD_ADDING,  /* started; waits for the answer to a port */
	SWITCHD_READY,   /* has all ports */
	SWITCHD_LISTING, /* waits for counters */
	SWITCHD_WAITING, /* died; is started again after a while */
	SWITCHD_STOPPING,
};

struct switchd_port {
	struct port_cfg cfg;
	struct port_stats stats; /* as of the last list; of the switch's present life only */
	bool has_stats;
};

struct switchd {
	const struct run_env *env;
	enum switchd_state state;
	struct child child;
	struct evsource child_source, control_source;
	struct evtimer timer; /* patience with whatever state waits for */
	int control_fd;       /* connected; owned; -1 */
	uint32_t seq;
	struct switchd_port *port; /* one for each of the plan's; owned */
	size_t next;               /* the port that is being added */
	bool was_ready;
	unsigned int starts, failures; /* in all; in a row without becoming ready */
	unsigned int crashes;          /* in a row without being ready for a while */
	uint64_t ready_ns;             /* since when; 0: it is not */

	void (*ready)(void *arg);                   /* the first time only */
	void (*failed)(void *arg, const char *why); /* for good */
	void (*listed)(void *arg);                  /* after switchd_list(), also when it failed */
	void (*stopped)(void *arg);                 /* after switchd_stop() */
	void *arg;
};

/* 0, -ENOMEM, or -ENAMETOOLONG in words. Callbacks are set by the caller afterwards. */
int switchd_init(struct switchd *s, const struct run_env *env, struct err *e);
/* Starts it. 0 or -errno in words; then ready() or failed() follows. */
int switchd_start(struct switchd *s, struct err *e);
/* Asks for the counters of all ports; listed() follows, within a second. */
void switchd_list(struct switchd *s);
/* stopped() follows; SIGKILL after @patience_ms. */
void switchd_stop(struct switchd *s, unsigned int patience_ms);
void switchd_fini(struct switchd *s);

#endif
