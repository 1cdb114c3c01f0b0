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

struct port_cfg {
	char name[PORT_NAME_LEN];   /* unique in the switch */
	char network[NAME_MAX_LEN]; /* with vlan: the broadcast domain */
	char socket[SOCK_PATH_LEN]; /* vhost-user; the VMM listens, the switch connects */
	uint8_t mac[6];             /* the interface's own address */
	uint16_t vlan;              /* access VLAN, 1..VLAN_MAX, or VLAN_NONE */
	uint16_t queues;            /* 1..PORT_QUEUES_MAX */
	uint16_t mtu;               /* MTU_MIN..MTU_MAX, without Ethernet header */
	uint32_t mac_age_s;         /* of the network; how long a learnt address is believed */
};

#endif
