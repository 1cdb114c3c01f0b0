/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VNF while it runs: its corelane-vmm process, the lines that the guest prints, its events, its
 * counters. A guest that asks for a reset is started again; whatever else ends it is its result.
 */
#ifndef CORELANE_APPLIANCE_VNF_H
#define CORELANE_APPLIANCE_VNF_H

#include <jansson.h>

#include "appliance/child.h"
#include "appliance/console_log.h"
#include "appliance/env.h"
#include "appliance/lines.h"
#include "appliance/vnf_ctl.h"
#include "appliance/vnf_vf.h"
#include "base/vmm_msg.h"

enum vnf_result {
	VNF_NOT_STARTED,
	VNF_RUNNING,
	VNF_POWERED_OFF, /* by its own guest */
	VNF_STOPPED,     /* because we said so */
	VNF_FAULTED,     /* triple fault, KVM internal error, or resets without an end */
	VNF_KILLED,      /* by a signal */
	VNF_FAILED,      /* could not start, or the VMM gave up */
};

struct vnf;

struct vnf_stream { /* what comes out of one of the guest's consoles */
	struct vnf *vnf;
	char name[2 * NAME_MAX_LEN]; /* in front of each line */
	int fd;                      /* owned; -1 when closed */
	struct evsource source;
	struct evtimer idle; /* an unfinished line is shown after a while */
	struct lines lines;
};

struct vnf_nic { /* a NIC whose back end listens: we connect, again and again */
	struct vnf *vnf;
	unsigned int index, tries;
	uint64_t up_ns; /* since when the VMM has its back end; 0: it has none */
	struct evtimer retry;
};

struct vnf_health { /* over all lives of the VMM that have ended */
	uint64_t watchdogs, panics, rx_no_buffer, accept_errors, balloon_reported;
	int tap[VMM_NICS_MAX]; /* our own hold of its taps, to ask them at its end; -1 */
	bool restart;          /* the watchdog wants the one that is about to end started again */
	unsigned int
		unheeded; /* expiries of a watchdog without an action, since the last word of them */
	uint64_t told_ns; /* when that was; 0: never */
};

struct vnf {
	const struct run_env *env;
	size_t index; /* in the plan */
	const char *name;
	enum vnf_result result;
	char detail[300]; /* words for the result */
	int status;       /* the last wait status */
	bool stopping;
	bool reboot;                 /* start it again when its guest has powered off */
	bool ordered;                /* the reset that comes is not the guest's own */
	bool detached[VMM_NICS_MAX]; /* virtual functions that the guest gave back */
	bool listens;                /* vnf_prepare() was called: sockets may be there */

	struct child child;
	struct evsource child_source;
	int start_fd, control_fd; /* sockets to the VMM; owned; -1 */
	struct vnf_ctl ctl;
	struct evsource start_source;
	struct evtimer kill_timer, restart_timer;
	struct vnf_stream serial, console;
	struct vnf_nic nic[VMM_NICS_MAX];
	int listen_fd[VMM_NICS_MAX]; /* owned until they are handed in; -1 */
	struct vnf_vfs vfs;          /* open from vnf_prepare() until the VMM has ended */

	struct console_log log;
	struct vnf_health health;
	unsigned int resets;           /* times the guest was started again */
	unsigned int own_resets;       /* those that nobody asked for... */
	uint64_t reset_ns[8];          /* ...and when, the latest of them */
	const struct vmm_stats *stats; /* mapped read-only; written by the VMM; NULL before start */
	json_t *json;                  /* array: what the guest printed as JSON; NULL: not kept */
	size_t json_bytes, json_dropped;

	void (*ended)(void *arg, struct vnf *v); /* once, when the result is final */
	void *arg;
};

void vnf_init(struct vnf *v, const struct run_env *env, size_t index,
	      void (*ended)(void *, struct vnf *), void *arg);

/* Makes the sockets that back ends connect to, the switch first of all. 0, or -errno in words. */
int vnf_prepare(struct vnf *v, struct err *e);

/* Opens everything, starts the VMM, sends the start message. 0, or -errno in words: nothing is left then. */
int vnf_start(struct vnf *v, struct err *e);

/* Asks the VMM to stop; SIGKILL after @patience_ms. ended() follows. No-op when it does not run. */
void vnf_stop(struct vnf *v, unsigned int patience_ms);

/* Kills what runs, frees everything, removes sockets that the declaration put elsewhere. */
void vnf_fini(struct vnf *v);

/*
 * Asks the VMM to end; SIGKILL after @patience_ms, or at once when it cannot be asked or is given no time.
 * Asked again it has no more time than it had.
 */
void vnf_end(struct vnf *v, enum vmm_op op, unsigned int patience_ms);

const char *vnf_result_name(enum vnf_result r);

#endif
