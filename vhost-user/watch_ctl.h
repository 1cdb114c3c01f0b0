/* SPDX-License-Identifier: Apache-2.0 */
/* Rules, traces, captures, mirrors and snooping as the control thread handles them. */
#ifndef CORELANE_VHOST_USER_WATCH_CTL_H
#define CORELANE_VHOST_USER_WATCH_CTL_H

#include "vhost-user/switch.h"

/* With sw->rcu made, before the lanes start: 0 or -ENOMEM. After they have ended. */
int watch_start(struct lane_switch *sw);
void watch_stop(struct lane_switch *sw);

/* SWITCH_OP_RULES, _COUNTS, _TRACE, _TRACED, _CAPTURE, _RELEASE, _NETWORKS: struct ctl_ops' watch. */
void watch_handle(void *sw, const struct switch_req *req, int *fd, ctl_reply_fn reply,
		  void *client);

/* Before a port is added or changed to @cfg: what it asks for is possible. 0 or -errno with words. */
int watch_check(struct lane_switch *sw, const struct port_cfg *cfg, struct err *e);

/* After a port was added, changed or removed: mirrors find one another. */
void watch_refresh(struct lane_switch *sw);

/* @p is being removed; its chains are freed, lanes hold it no more. */
void watch_remove(struct lane_switch *sw, struct swport *p);

#endif
