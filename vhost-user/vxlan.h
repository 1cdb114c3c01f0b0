/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VXLAN (RFC 7348) over IPv4: the outer headers, and which peer has which station. Bytes only: where
 * frames come from and go to is port_vxlan.c. No DPDK.
 */
#ifndef CORELANE_VHOST_USER_VXLAN_H
#define CORELANE_VHOST_USER_VXLAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define VXLAN_OUTER     50 /* Ethernet 14, IPv4 20, UDP 8, VXLAN 8 */
#define VXLAN_UDP_PORT  4789
#define VXLAN_VNI_MAX   0xffffffu
#define VXLAN_LOOK_AT   128 /* contiguous bytes that vxlan_parse() needs, or the whole frame */
#define VXLAN_MAC_SLOTS 8192
#define VXLAN_PEERS     16 /* that fit into an entry */
#define VXLAN_PEER_NONE 0xff

/* What does not change from frame to frame of one port to one peer; host order. */
struct vxlan_path {
	uint64_t our_mac, hop_mac; /* arp.h */
	uint32_t local, peer;
	uint16_t udp_port;
	uint32_t vni;
};

/* Writes the VXLAN_OUTER bytes before an inner frame of @len bytes, whose flow_hash() is @hash. */
void vxlan_push(uint8_t *outer, const struct vxlan_path *path, uint32_t len, uint32_t hash);

struct vxlan_seen {
	uint32_t source, target; /* outer addresses */
	uint16_t udp_port;       /* outer destination */
	uint32_t vni;
	uint32_t at, len; /* where the inner frame is */
};

enum vxlan_kind {
	VXLAN_NONE,   /* something else than UDP in IPv4 to @udp_port */
	VXLAN_BROKEN, /* meant to be VXLAN, and not well formed */
	VXLAN_FRAME
};

/* @have contiguous bytes, at least min(@len, VXLAN_LOOK_AT), of a frame of @len bytes. */
enum vxlan_kind vxlan_parse(const uint8_t *frame, uint32_t have, uint32_t len, uint16_t udp_port,
			    struct vxlan_seen *ret);

/*
 * Stations behind peers. Any thread learns and looks up; an entry is one atomic word, so there is
 * nothing to lock: address << 16 | peer << 12 | when it was last heard.
 */
struct vxlan_macs {
	uint64_t seed;
	_Atomic uint32_t now; /* 12 bits, in units of the owner's */
	_Atomic uint64_t slot[VXLAN_MAC_SLOTS];
};

void vxlan_learn(struct vxlan_macs *t, uint64_t mac, uint32_t peer);
/* The peer's index, or -1. */
int vxlan_find(const struct vxlan_macs *t, uint64_t mac);
/*
 * What @old knows, of peers that are in this table too: @to is the new index of each, or VXLAN_PEER_NONE.
 * @t is empty and nobody else's yet.
 */
void vxlan_macs_inherit(struct vxlan_macs *t, const struct vxlan_macs *old,
			const uint8_t to[VXLAN_PEERS]);
/* Forgets what was not heard for @units, below 2,048; returns how many are left. Control thread. */
uint32_t vxlan_expire(struct vxlan_macs *t, uint32_t units);

#endif
