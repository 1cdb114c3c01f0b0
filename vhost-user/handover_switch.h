/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of a hand-over (handover.h) as a switch has them. Control thread. */
#ifndef CORELANE_VHOST_USER_HANDOVER_SWITCH_H
#define CORELANE_VHOST_USER_HANDOVER_SWITCH_H

#include "vhost-user/ctl.h"
#include "vhost-user/switch.h"

/* What the control thread does to all lanes at once. */
struct handover_lanes {
	/* Starts them. 0 or -errno in words. */
	int (*start)(void *arg, struct err *e);
	/* Returns when none runs any more: none has a frame in its hands. */
	void (*stop)(void *arg);
	void *arg;
};

struct handover {
	struct lane_switch *sw;
	struct handover_lanes lanes;
	bool library; /* not our own rings: nothing can be handed over */
	bool waiting; /* --takeover: nothing is served until it has been taken over */
};

/*
 * SWITCH_OP_HANDOVER. A switch that waits takes over from the one at the other end of the socket that came
 * with the request: a first reply (more: 1) says that its connections are set up, or which are not; the
 * last one how it went. Any other switch hands over, and answers when it has: then true is returned, and
 * nothing is left to do but to end. @arg: a struct handover.
 */
bool handover_handle(void *arg, const struct switch_req *req, int sock, ctl_reply_fn reply,
		     void *client);

#endif
