/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of ports that are no guests': devices, bonds, VXLAN. They come up, go down with their
 * device or the port that they are over, and come back; links are watched, neighbours told who we are.
 * Control thread only; nothing here sleeps but rcu_wait() and DPDK's set-up of a device.
 */
#ifndef CORELANE_VHOST_USER_UPLINK_H
#define CORELANE_VHOST_USER_UPLINK_H

#include <stdint.h>

#include "base/err.h"
#include "vhost-user/eth_dev.h"
#include "vhost-user/swport.h"

struct rcu;
struct uplink;

struct uplinks {
	struct rcu *rcu;
	struct uplink *first; /* newest first */
	uint32_t made;        /* numbers for what DPDK wants a name for */
	uint8_t chassis[6];   /* LLDP: the first device's address */
	char system[65];      /* host name */
	uint64_t due_ms;      /* of the next tick */
	uint64_t second_ms;   /* of the next that is a second's */
	struct eth_pools pools;
};

/* Checks what a port of these kinds declares beyond what every port does; words for each. */
int uplink_check(const struct port_cfg *cfg, struct err *e);

/*
 * Brings up @p, which is published already. A VXLAN port whose other port is not there yet waits for
 * it. -errno with words otherwise, nothing kept.
 */
int uplink_open(struct uplinks *u, struct swport *p, struct err *e);

/* Takes it down; VXLAN ports over it wait again. @p is not published any more. */
void uplink_close(struct uplinks *u, struct swport *p);

/* @p->cfg has changed (SWITCH_OP_SET): its MTU, LLDP, peers. A device may be restarted for it. */
void uplink_changed(struct uplinks *u, struct swport *p);

/* To be called when uplinks_wait_ms() says; calls that come early do nothing. @now_ms: CLOCK_MONOTONIC. */
void uplinks_tick(struct uplinks *u, uint64_t now_ms);
/* Milliseconds until then, at most; -1: there are no uplinks. */
int uplinks_wait_ms(const struct uplinks *u, uint64_t now_ms);

/* After the last port is closed and the lanes have ended. */
void uplinks_fini(struct uplinks *u);

/* Fills in what only the device knows: its link, what it lost. */
void uplink_stats(const struct uplinks *u, const struct swport *p, struct port_stats *ret);

#endif
