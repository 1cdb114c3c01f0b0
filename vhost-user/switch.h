/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch as the control thread sees it: which ports there are, and how one comes, changes and goes
 * while the lanes go on.
 */
#ifndef CORELANE_VHOST_USER_SWITCH_H
#define CORELANE_VHOST_USER_SWITCH_H

#include "vhost-user/ctl.h"
#include "vhost-user/domain.h"
#include "vhost-user/forward.h"
#include "vhost-user/lane.h"
#include "vhost-user/rcu.h"
#include "vhost-user/uplink.h"

struct switch_chains {
	const struct chain *side[CHAIN_SIDES];
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): one of it */
struct lane_switch {
	/* set before switch_init(), then constant */
	uint32_t n_lanes;
	struct lane lane[LANES_MAX];

	struct rcu *rcu;
	struct fwd fwd;
	struct domains domains;
	struct uplinks uplinks;
	uint32_t generation;
	uint64_t serial; /* of lists of ports */
	uint64_t busy_before[SWITCH_PORTS_MAX];
	uint64_t balanced; /* TSC */
	uint32_t lopsided; /* seconds in a row */
};

/*
 * With the lanes' constant parts and the address table filled in. Gives each lane an empty list. 0 or
 * -ENOMEM. Before the lanes start.
 */
int switch_init(struct lane_switch *sw);

/* Disconnects and removes every port, while the lanes still run. Control thread. */
void switch_close_ports(struct lane_switch *sw);

/* Frees everything. After the lanes have ended. */
void switch_fini(struct lane_switch *sw);

/* Control thread, as all that follows. NULL: no such port. */
struct swport *switch_find(struct lane_switch *sw, const char *name);

/*
 * The port's chains from its cfg and what features keep on it, to be given to the lanes by
 * switch_use_chains() (which frees the ones before) or freed. 0 or -errno with words.
 */
int switch_make_chains(struct swport *p, struct switch_chains *ret, struct err *e);
void switch_use_chains(struct lane_switch *sw, struct swport *p, const struct switch_chains *c);
void switch_free_chains(struct switch_chains *c);
/* Both; when it fails nothing has changed. */
int switch_rechain(struct lane_switch *sw, struct swport *p, struct err *e);

/* The lanes take the ports that each has by now; when this returns they hold no others. 0 or -ENOMEM. */
int switch_publish(struct lane_switch *sw);

/* Another lane serves the port from now on; it loses no frame. 0 or -ENOMEM. */
int switch_move(struct lane_switch *sw, struct swport *p, uint32_t lane);

/* Which lane a new port, or one whose memory is on @node (-1: unknown), is given to. balance.c */
uint32_t switch_choose_lane(const struct lane_switch *sw, int node);

/* To be called each second; @now: TSC. Moves a port when the lanes are far from equally busy. balance.c */
void switch_balance(struct lane_switch *sw, uint64_t now);

/* SWITCH_OP_MACS, _LANES, _MOVE: answers by itself. switch_ask.c */
void switch_ask(void *sw, const struct switch_req *req, ctl_reply_fn reply, void *client);

/* The control protocol's view of a struct lane_switch. */
extern const struct ctl_ops switch_ctl_ops;

#endif
