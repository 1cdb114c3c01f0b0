/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol of corelane-switch: SOCK_SEQPACKET, one struct switch_req in, one or more
 * struct switch_reply out (the last has more == 0). Host byte order; same machine only.
 */
#ifndef CORELANE_BASE_SWITCH_MSG_H
#define CORELANE_BASE_SWITCH_MSG_H

#include <stdint.h>

#include "base/fdmsg.h"
#include "base/filter.h"
#include "base/port.h"

#define SWITCH_REQ_MAGIC   0x71526c43u /* "ClRq" */
#define SWITCH_REPLY_MAGIC 0x70526c43u /* "ClRp" */
#define SWITCH_MSG_VERSION 2

enum switch_op {
	SWITCH_OP_ADD = 1, /* port: all of it */
	SWITCH_OP_REMOVE,  /* port.name */
	SWITCH_OP_LIST,    /* one reply a port, with its counters; then a last one with no port */
	SWITCH_OP_STATS,   /* port.name: one reply */
	SWITCH_OP_STOP,    /* answered, then the switch ends with status 0 */
	SWITCH_OP_SET, /* port: as declared now; name, kind, socket and devices are as they were */
	SWITCH_OP_RULES, /* port.name, arg: enum filter_direction, count: rules in the fd that comes
			      with it (a file of struct filter_rule): replaces them all at once */
	SWITCH_OP_COUNTS, /* port.name, arg: direction: replies with filter_count[] */
	SWITCH_OP_MACS,   /* port.name, or "" for all: replies with mac[] */
	SWITCH_OP_LANES,  /* one reply a forwarding thread */
	SWITCH_OP_TRACE,  /* port.name, count: its next frames are told; 0: no more */
	SWITCH_OP_TRACED, /* replies with trace[]: what was seen since; more frames to come: more_later */
	SWITCH_OP_CAPTURE, /* port.name, count frames (0: until SWITCH_OP_RELEASE), rule: which, arg:
			      bytes of each (0: all); the fd that comes with it gets a pcap file */
	SWITCH_OP_RELEASE, /* port.name: its capture ends; answered when the file is whole. arg 1: does
			      not end it but asks: more_later while it goes on. Replies with
			      rule_count[2]: "captured" and "lost" */
	SWITCH_OP_MOVE,    /* port.name, arg: number of the forwarding thread that is to serve it */
	SWITCH_OP_HANDOVER, /* the fd that comes with it: a new switch that takes over (handover.h) */
	SWITCH_OP_NETWORKS, /* one reply a network: port.network, stats summed over its ports, n: how
			       many they are (stats.connected: how many are up); then a last one */
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
	DROP_SPOOFED,   /* a source address, MAC or IP, that was not declared for this port */
	DROP_MAC_LIMIT, /* a new source address beyond the port's limit */
	DROP_ISOLATED,  /* from one isolated port to another */
	DROP_STORM,     /* more broadcast, multicast or unknown frames than the port may send */
	DROP_FILTER,    /* a rule denies it */
	DROP_POLICED,   /* above the port's rate */
	DROP_SHAPED,    /* the shaper's queue was full: counted on the output port */
	DROP_OFFLOAD,   /* asks for a checksum or segments that make no sense, or cannot be made */
	DROP_BUFFERS,   /* no memory of ours to hold it in */
	DROP_RESERVED, /* to 01:80:c2:00:00:0x, which no bridge forwards (IEEE 802.1Q-2018, 8.6.3) */
	DROP_TUNNEL,   /* a packet for our own address of no declared VXLAN peer and network */
	DROP_CAUSES
};

struct port_stats {
	uint64_t rx_packets, rx_bytes; /* from the guest into the switch */
	uint64_t tx_packets, tx_bytes; /* from the switch into the guest */
	uint64_t flooded;              /* received frames that were sent to more than one port */
	uint64_t learned, moved, aged; /* address table events of this port */
	uint64_t not_learned;          /* new addresses that found no room in the table */
	uint64_t yellow;               /* passed a policer, but above its committed rate */
	uint64_t drops[DROP_CAUSES];
	uint32_t macs;      /* addresses now known behind the port */
	uint32_t connected; /* 1: the vhost-user connection is up */
	uint64_t connects;  /* times it came up */
	uint64_t missed;    /* lost by the device before we saw them */
	uint64_t bad_guest; /* ring or message errors that vhost reported for this port */
};

enum switch_mac_kind { MAC_LEARNT, MAC_STATIC };

struct switch_mac {
	char port[PORT_NAME_LEN];
	uint8_t mac[6];
	uint16_t vlan;
	uint32_t age_s;
	uint32_t kind; /* enum switch_mac_kind */
};

struct switch_lane {
	uint32_t number, cpu;
	uint32_t ports;
	int32_t node;              /* NUMA node of its CPU; -1: unknown */
	uint64_t frames;           /* taken from ports */
	uint64_t rounds, busy;     /* over all its queues; those in which a frame came */
	uint64_t busy_ns, idle_ns; /* wall time of both kinds, sleep not counted */
	uint64_t sleeps, slept_ns;
	uint64_t handed_over; /* frames for ports whose lock another thread held at the time */
};

/* One decision about one frame. */
struct switch_trace {
	uint64_t frame;           /* numbers from 1 as the trace began */
	uint64_t ns;              /* CLOCK_MONOTONIC */
	char port[PORT_NAME_LEN]; /* where the decision was made */
	char what
		[96]; /* "in", "vlan 200", "filter no-lldp: deny", "to vfw1/lan", "dropped: policed" */
	uint32_t len;     /* of the frame */
	uint32_t dropped; /* 1 + enum switch_drop; 0: it went on */
	uint8_t head[64]; /* its first bytes, with what == "in"; rest zero */
};

#define SWITCH_MACS_A_REPLY   16
#define SWITCH_TRACES_A_REPLY 8
#define SWITCH_COUNTS_A_REPLY 32

struct switch_req {
	struct msg_head head;
	uint32_t op; /* enum switch_op */
	uint32_t arg;
	uint64_t count;
	struct filter_rule rule;
	struct port_cfg port;
};

struct switch_reply {
	struct msg_head head;
	int32_t error;       /* 0 or a positive errno */
	uint32_t more;       /* 1: another reply follows */
	uint32_t has_port;   /* 1: port and stats are valid */
	uint32_t n;          /* of the list that the operation answers with */
	uint32_t more_later; /* SWITCH_OP_TRACED: the trace goes on */
	uint32_t reserved;
	char text[256]; /* words, when error is not 0 */
	union {
		struct {
			struct port_cfg port;
			struct port_stats stats;
		};
		struct switch_lane lane;
		struct switch_mac mac[SWITCH_MACS_A_REPLY];
		struct switch_trace trace[SWITCH_TRACES_A_REPLY];
		struct filter_count rule_count[SWITCH_COUNTS_A_REPLY];
	};
};

/* "runt", "oversize", ...: stable names, used in output and documents. */
const char *switch_drop_name(enum switch_drop cause);

#endif
