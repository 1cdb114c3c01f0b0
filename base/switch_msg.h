/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol of corelane-switch: SOCK_SEQPACKET, one struct switch_req in, one or more
 * struct switch_reply out (the last has more == 0). Host byte order; same machine only.
 */
#ifndef CORELANE_BASE_SWITCH_MSG_H
#define CORELANE_BASE_SWITCH_MSG_H

#include <stdint.h>

#include "base/fdmsg.h"
#include "base/port.h"

#define SWITCH_REQ_MAGIC   0x71526c43u /* "ClRq" */
#define SWITCH_REPLY_MAGIC 0x70526c43u /* "ClRp" */
#define SWITCH_MSG_VERSION 1

enum switch_op {
	SWITCH_OP_ADD = 1, /* port: all of it */
	SWITCH_OP_REMOVE,  /* port.name */
	SWITCH_OP_LIST,    /* one reply a port, with its counters; then a last one with no port */
	SWITCH_OP_STATS,   /* port.name: one reply */
	SWITCH_OP_STOP,    /* answered, then the switch ends with status 0 */
};

/* Why a frame that was received on a port was not sent on. Each cause has a counter. */
enum switch_drop {
	DROP_RUNT,      /* shorter than an Ethernet header */
	DROP_OVERSIZE,  /* longer than an MTU allows: counted on the port whose MTU it is */
	DROP_VLAN,      /* a tag that this access port does not carry */
	DROP_SOURCE,    /* source address zero or a group address */
	DROP_SELF,      /* the destination was learnt on the port it came from */
	DROP_NO_PORT,   /* nobody else in the broadcast domain (none connected) */
	DROP_RING_FULL, /* counted on the output port: its guest had no buffers */
	DROP_LINK_DOWN, /* counted on the output port: nobody connected */
	DROP_CAUSES
};

struct port_stats {
	uint64_t rx_packets, rx_bytes; /* from the guest into the switch */
	uint64_t tx_packets, tx_bytes; /* from the switch into the guest */
	uint64_t flooded;              /* received frames that were sent to more than one port */
	uint64_t learned, moved, aged; /* address table events of this port */
	uint64_t not_learned;          /* new addresses that found no room in the table */
	uint64_t drops[DROP_CAUSES];
	uint32_t macs;      /* addresses now known behind the port */
	uint32_t connected; /* 1: the vhost-user connection is up */
	uint64_t connects;  /* times it came up */
	uint64_t bad_guest; /* ring or message errors that vhost reported for this port */
};

struct switch_req {
	struct msg_head head;
	uint32_t op; /* enum switch_op */
	uint32_t reserved;
	struct port_cfg port;
};

struct switch_reply {
	struct msg_head head;
	int32_t error;     /* 0 or a positive errno */
	uint32_t more;     /* 1: another reply follows */
	uint32_t has_port; /* 1: port and stats are valid */
	uint32_t reserved;
	char text[256]; /* words, when error is not 0 */
	struct port_cfg port;
	struct port_stats stats;
};

/* "runt", "oversize", ...: stable names, used in output and documents. */
const char *switch_drop_name(enum switch_drop cause);

#endif
