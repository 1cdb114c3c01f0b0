/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch while it runs: started with all ports, started again when it dies (its ports are added
 * again; the VMMs listen, so traffic goes on), asked for its counters, told of changes, stopped.
 */
#ifndef CORELANE_APPLIANCE_SWITCHD_H
#define CORELANE_APPLIANCE_SWITCHD_H

#include "appliance/child.h"
#include "appliance/env.h"
#include "appliance/switch_link.h"
#include "base/switch_msg.h"

enum switchd_state {
	SWITCHD_OFF,
	SWITCHD_ADDING,    /* started; waits for the answers about its ports */
	SWITCHD_READY,     /* has all ports */
	SWITCHD_LISTING,   /* waits for counters */
	SWITCHD_CHANGING,  /* waits for the answers to a change */
	SWITCHD_UPGRADING, /* another one is about to take over */
	SWITCHD_WAITING,   /* died; is started again after a while */
	SWITCHD_STOPPING,
};

struct switchd_port {
	struct port_cfg cfg;
	unsigned int lane;                           /* as planned */
	struct filter_rule *rule[FILTER_DIRECTIONS]; /* owned */
	size_t n_rules[FILTER_DIRECTIONS];
	struct port_stats stats; /* as of the last list; of the switch's present life only */
	bool has_stats;
};

/* All that the switch is told, in the order of the plan. */
struct switchd_ports {
	struct switchd_port *port; /* owned */
	size_t n;
};

struct switchd_change;
struct switchd_upgrade;

struct switchd {
	const struct run_env *env;
	enum switchd_state state;
	struct child child;
	struct evsource child_source;
	struct switch_link link;
	struct evtimer timer; /* patience with whatever state waits for */
	struct switchd_ports ports;
	size_t waiting; /* answers that are still to come until it is ready */
	struct switchd_change *change;
	struct switchd_upgrade *upgrade; /* switchd_upgrade.h; NULL: none */
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

/*
 * Makes the running switch's ports those of @plan: what is new is added, what is gone removed, what
 * differs set, one after the other. @done follows: with "" when all is so; else with what was refused,
 * and then what had been done is taken back. -EBUSY in words when it is not ready for changes.
 */
int switchd_change(struct switchd *s, const struct plan *plan,
		   void (*done)(void *arg, const char *why), void *arg, struct err *e);

/* switchd_ports.c: what the switch is told of a plan. 0, -ENOMEM, or -ENAMETOOLONG in words. */
int switchd_ports_make(const struct run_env *env, const struct plan *plan,
		       struct switchd_ports *ret, struct err *e);
void switchd_ports_free(struct switchd_ports *p);
struct switchd_port *switchd_find(const struct switchd_ports *p, const char *name);
/* Asks for @port with all that belongs to it. How many answers @reply will see, or -errno. */
int switchd_tell(struct switchd *s, const struct switchd_port *port, switch_reply_fn *reply,
		 void *arg);
/* The rules of one direction. 0 or -errno. */
int switchd_tell_rules(struct switchd *s, const struct switchd_port *port,
		       enum filter_direction dir, switch_reply_fn *reply, void *arg);

/* Private to switchd*.c: another process is the switch from now on; both are taken. */
void switchd_adopt(struct switchd *s, struct child *child, struct switch_link *link);
/* Private to switchd*.c: it has ended, as @how says; it is started again. */
void switchd_again(struct switchd *s, const char *how);

/* Private to switchd*.c: the change ends, for the switch has gone. */
void switchd_change_lost(struct switchd *s);

#endif
