/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORELANE_VHOST_USER_UPLINK_PRIV_H
#define CORELANE_VHOST_USER_UPLINK_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>

#include "vhost-user/port_eth.h"
#include "vhost-user/port_vxlan.h"
#include "vhost-user/uplink.h"

struct uplink {
	struct uplink *next;
	struct swport *port;
	struct eth_port *eth;        /* PORT_ETHDEV, PORT_BOND */
	struct vxlan_port *vxlan;    /* PORT_VXLAN */
	struct uplink *over;         /* PORT_VXLAN: what it is up on; NULL: down */
	struct eth_tunnels table[2]; /* the one in use, and one to make the next in */
	struct eth_tunnels *tunnels; /* NULL: none */
	_Atomic bool gone;           /* DPDK's interrupt thread: the device went away */
	bool up;
	bool link;        /* told already */
	bool complained;  /* about why it is down */
	uint32_t active;  /* bond: bits of members that can be used, told already */
	uint16_t primary; /* of them, likewise */
	bool lldp;        /* as port_cfg when it came up, or since */
	uint16_t mtu;
	uint32_t lldp_s; /* seconds until the next frame */
	uint64_t missed; /* as uplink_stats() tells, of lives before this one */
};

/* Devices: uplink_eth.c */
int uplink_eth_up(struct uplinks *u, struct uplink *l, struct err *e);
void uplink_eth_down(struct uplinks *u, struct uplink *l);
/* Looks at its links; @first: tells of them whatever they are. */
void uplink_eth_link(struct uplink *l, bool first);
/* Whether its device went away while it was up. */
bool uplink_eth_gone(const struct uplink *l);
/* A second has passed. */
void uplink_eth_tick(struct uplinks *u, struct uplink *l);
/* LLDP is wanted now, or is not any more. */
void uplink_eth_changed(struct uplinks *u, struct uplink *l);
/* Tells the neighbours; @ttl_s 0: that we go. */
void uplink_lldp(const struct uplinks *u, struct uplink *l, uint16_t ttl_s);

/* Makes lanes use what @l is now: which operations, which tunnels. */
void uplink_tunnels(struct uplinks *u, struct uplink *l);

#endif
