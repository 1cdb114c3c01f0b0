/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch as the control thread sees it: which ports there are, and how one comes and goes while
 * the polling thread goes on.
 */
#ifndef CORELANE_VHOST_USER_SWITCH_H
#define CORELANE_VHOST_USER_SWITCH_H

#include "vhost-user/ctl.h"
#include "vhost-user/domain.h"
#include "vhost-user/poll.h"

struct lane_switch {
	struct poller poller;
	struct domains domains;
	struct swport *slot[SWITCH_PORTS_MAX];
	uint32_t generation;
	uint64_t serial; /* of port tables */
};

/* Publishes an empty port table. 0 or -ENOMEM. Before the polling thread starts. */
int switch_init(struct lane_switch *sw);

/* Disconnects and removes every port, while the polling thread still runs. Control thread. */
void switch_close_ports(struct lane_switch *sw);

/* Frees everything. After the polling thread has ended. */
void switch_fini(struct lane_switch *sw);

/* The control protocol's view of a struct lane_switch. */
extern const struct ctl_ops switch_ctl_ops;

#endif
