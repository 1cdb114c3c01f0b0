/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where a plan becomes what the other programs are told: start messages for VMMs, a
 * command line for the switch. Pure: no open, no clock.
 */
#ifndef CORELANE_APPLIANCE_TRANSLATE_H
#define CORELANE_APPLIANCE_TRANSLATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vmm_msg.h"
#include "rt/plan.h"

/* A start message and the fds that go with it, in step. */
struct handin {
	struct vmm_start start;
	int fd[FDMSG_FDS_MAX]; /* whoever adds them owns them */
};

/*
 * Fills @ret for VNF number @vnf of @plan: everything but fds and exec_tsc. @extra (may be "") is
 * put in front of a probe's command line. -E2BIG in words when the declaration does not fit the message.
 */
int translate_vnf(const struct plan *plan, size_t vnf, const char *extra, struct handin *ret,
		  struct err *e);

/* -ENOSPC when there are too many. */
int translate_add_fd(struct handin *h, enum vmm_fd_role role, unsigned int index, int fd);

/* The same for an fd that nobody else has: closed when there are too many. 0, or -ENOSPC in words. */
int translate_give_fd(struct handin *h, enum vmm_fd_role role, unsigned int index, int fd,
		      struct err *e);

/* The plan's port of that interface, or NULL when the switch has nothing to do with it. */
const struct plan_port *translate_port(const struct plan *plan, size_t vnf, size_t interface);

#define SWITCH_ARGS_MAX 32

struct switch_args {
	char text[SWITCH_ARGS_MAX][CPUSET_TEXT_MAX];
	char *argv[SWITCH_ARGS_MAX]; /* into text; ended by NULL */
};

/* How much hugepage memory the switch gets, in MiB: a multiple of 2. */
unsigned int translate_switch_memory(const struct plan *plan);

/* corelane-switch's command line; @control_fd is its end of the control socket. */
void translate_switch(const struct plan *plan, const char *program, int control_fd,
		      struct switch_args *ret);
/* The same for one that takes over from another: nothing is served until then. */
void translate_switch_takeover(struct switch_args *args);

#endif
