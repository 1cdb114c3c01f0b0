/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A switch port as everybody sees it: filled from YAML by appliance/, copied into the plan, sent to
 * the switch in one message, used in the forwarding path. By value, no pointers.
 */
#ifndef CORELANE_BASE_PORT_H
#define CORELANE_BASE_PORT_H

#include <stdint.h>

#define NAME_MAX_LEN    64 /* bytes with NUL: hosts, networks, VNFs, interfaces (RFC 1123 labels) */
#define PORT_NAME_LEN   136 /* "vnf/interface" */
#define SOCK_PATH_LEN   108 /* sun_path */
#define PORT_QUEUES_MAX 8   /* queue pairs */

#define VLAN_NONE 0    /* untagged inside the network */
#define VLAN_MAX  4094 /* IEEE 802.1Q-2018, 9.6: 0 and 4095 are reserved */
#define MTU_MIN   68
#define MTU_MAX   9000

#define PORT_DEVICE_LEN  160 /* DPDK device arguments: "0000:02:00.0", "net_tap0,iface=lan0" */
#define PORT_MACS_MAX    16  /* declared beside mac */
#define PORT_IPS_MAX     8
#define PORT_MEMBERS_MAX 4  /* of a bond */
#define PORT_PEERS_MAX   8  /* of a VXLAN uplink */
#define VLAN_WORDS       64 /* 4,096 bits */

enum port_kind {
	PORT_VHOST,  /* a guest, or anything that speaks vhost-user: socket, socket_listen */
	PORT_ETHDEV, /* a DPDK device, physical or virtual: device */
	PORT_BOND,   /* several of them: bond_mode, device[] of each member */
	PORT_VXLAN,  /* RFC 7348 over another port: vxlan */
	PORT_KINDS
};

enum port_vlan_mode {
	PORT_ACCESS, /* untagged frames only, of VLAN vlan */
	PORT_TRUNK,  /* tagged frames of trunk[]; untagged ones belong to native_vlan, if any */
	PORT_QINQ,   /* whatever comes is carried inside an S-tag (0x88a8) of VLAN vlan */
	PORT_VLAN_MODES
};

enum port_bond_mode { BOND_ACTIVE_BACKUP, BOND_LACP };

/* RFC 2697 when peak is 0 (burst and excess are CBS and EBS), else RFC 2698 (CBS and PBS). 0: none. */
struct port_policer {
	uint64_t rate, peak;    /* bytes a second */
	uint64_t burst, excess; /* bytes */
};

/* An address, or a network when prefix is shorter; bytes in network order. */
struct port_ip {
	uint8_t family; /* 4 or 6; 0: none */
	uint8_t prefix;
	uint8_t addr[16];
};

struct port_vxlan {
	uint32_t vni;                        /* 24 bits */
	uint16_t udp_port;                   /* 4789 unless told */
	char over[PORT_NAME_LEN];            /* the port that its packets take */
	struct port_ip local;                /* with the prefix of its network */
	struct port_ip gateway;              /* for peers outside of it; family 0: none */
	struct port_ip peer[PORT_PEERS_MAX]; /* unknown destinations go to all of them */
};

/*
 * Zero means "not wanted" for everything below mac_age_s, so that a port of plain learning is a name, a
 * network, a socket and an address.
 */
struct port_cfg {
	char name[PORT_NAME_LEN];   /* unique in the switch */
	char network[NAME_MAX_LEN]; /* what its statistics are added up under */
	char socket[SOCK_PATH_LEN]; /* vhost-user; the VMM listens, the switch connects */
	uint8_t mac[6];             /* the interface's own address; zero for an uplink */
	uint16_t vlan;              /* access VLAN, 1..VLAN_MAX, or VLAN_NONE */
	uint16_t queues;            /* 1..PORT_QUEUES_MAX */
	uint16_t mtu;               /* MTU_MIN..MTU_MAX, without Ethernet header */
	uint32_t mac_age_s;         /* of the network; how long a learnt address is believed */

	/* (segment, VLAN) is a broadcast domain: networks that share an uplink share its segment. */
	char segment[NAME_MAX_LEN]; /* "": as network */
	uint8_t kind;               /* enum port_kind */
	uint8_t socket_listen;      /* PORT_VHOST: 1: the switch listens, the front end connects */
	uint8_t vlan_mode;          /* enum port_vlan_mode */
	uint8_t isolated;           /* 1: no frames to or from other isolated ports */
	uint8_t any_mac;            /* 1: may send from any address, and addresses are learnt */
	uint8_t any_ip;             /* 1: may send from any address although ip[] is declared */
	uint8_t snoop;              /* 1: IGMP and MLD snooping in its domains */
	uint8_t lldp;               /* 1: an uplink that tells its neighbour who we are */
	uint8_t bond_mode;          /* enum port_bond_mode */
	uint8_t strict;             /* 1: with a shaper, strict priorities by PCP */
	uint8_t offload;            /* 1: checksums and segments may be left to others */
	uint16_t native_vlan;       /* PORT_TRUNK: 1..VLAN_MAX, or VLAN_NONE: untagged is dropped */
	uint64_t trunk[VLAN_WORDS]; /* PORT_TRUNK: bit n: VLAN n */
	uint32_t mac_limit;         /* addresses that may be learnt; 0: as the table has room */
	uint32_t storm[3]; /* frames a second: broadcast, multicast, unknown; 0: no limit */
	struct port_policer police_in, police_out; /* as seen from the switch: from, to the guest */
	struct port_policer shape_out;             /* delays instead of dropping */
	uint8_t static_mac[PORT_MACS_MAX][6];      /* zero ends the list */
	struct port_ip
		ip[PORT_IPS_MAX]; /* what it may send from; family 0 ends the list; none: any */
	char mirror_to[PORT_NAME_LEN]; /* a port that gets a copy of its frames; "": none */
	uint8_t mirror_in, mirror_out; /* which of them */
	uint8_t mirror_also; /* 1: ports are mirrored to it, and it takes ordinary frames all the same */
	char device[PORT_MEMBERS_MAX][PORT_DEVICE_LEN]; /* PORT_ETHDEV: [0]; PORT_BOND: all */
	struct port_vxlan vxlan;
};

#endif
