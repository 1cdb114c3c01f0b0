/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the VMM of a running VNF, and hearing what becomes of it. All in the event loop's thread;
 * nothing here waits.
 */
#ifndef CORELANE_APPLIANCE_VNF_CTL_H
#define CORELANE_APPLIANCE_VNF_CTL_H

#include "appliance/evloop.h"
#include "base/vmm_msg.h"

struct vnf;

/* One request and its answer; lives in the asker, who may ask again when it has been answered. */
struct vnf_call {
	/* Once. @reply is NULL when the VMM ended first, or hung up. */
	void (*answered)(void *arg, const struct vmm_reply *reply);
	void *arg;
	uint32_t seq;
	struct vnf_call *next; /* NULL or in the VNF's list */
};

/* Somebody who follows a VNF. */
struct vnf_watch {
	/* What its VMM says; NULL: that VMM has ended, and what that means stands in the VNF. */
	void (*saw)(void *arg, const struct vmm_event *ev);
	void *arg;
	struct vnf_watch *next;
};

#define VNF_WATCHES_MAX 32 /* as many commands as run at once */

struct vnf_ctl {
	struct evsource source;
	uint32_t seq; /* of the last request */
	struct vnf_call *calls;
	struct vnf_watch *watches;
};

/* Around one life of a VMM, with its control_fd. 0 or -errno. */
int vnf_ctl_open(struct vnf *v);
void vnf_ctl_close(struct vnf *v); /* answers whatever is open with NULL */

/*
 * Sends a request. @c (its answered and arg filled in) is called when the answer comes; NULL: nobody
 * waits for it. 0; -ESRCH when no VMM runs; -errno.
 */
int vnf_ctl_call(struct vnf *v, enum vmm_op op, uint32_t index, uint64_t value, struct vnf_call *c);
/* @c is not called any more. No-op when it is not open. */
void vnf_ctl_forget(struct vnf *v, struct vnf_call *c);

void vnf_watch_add(struct vnf *v, struct vnf_watch *w);
void vnf_watch_del(struct vnf *v, struct vnf_watch *w); /* no-op when it is not there */
/* Any of those who are told may take itself or others out. */
void vnf_watch_tell(struct vnf *v, const struct vmm_event *ev);

#endif
