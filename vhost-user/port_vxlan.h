/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VXLAN port: frames to it go on through the port that it is over, with a longer head; frames that
 * come there from a declared peer, for its network, are taken out and are this port's.
 */
#ifndef CORELANE_VHOST_USER_PORT_VXLAN_H
#define CORELANE_VHOST_USER_PORT_VXLAN_H

#include <stdint.h>

#include "base/err.h"
#include "vhost-user/arp.h"
#include "vhost-user/port_eth.h"
#include "vhost-user/vxlan.h"

#define VXLAN_INBOX  1024 /* frames taken out that wait to be polled */
#define TUNNELS_MAX  64   /* VXLAN ports over one device */
#define TUNNEL_SLOTS 256

struct vxlan_port {
	struct swport *port;
	struct port_cfg made_of; /* what of it counts: vxlan_port_differs() */
	struct swport *over;     /* constant while the port is up */
	struct rte_ring *inbox;
	struct rte_mbuf *held[PKT_BURST];
	uint32_t n_held;
	int wake_fd;             /* eventfd: written when a frame came in and asleep was set */
	_Atomic uint32_t asleep; /* its lane waits for frames */
	uint32_t local;          /* host order, as all of them */
	uint32_t vni;
	uint16_t udp_port;
	uint32_t n_hops, n_peers;
	struct arp_hop hop[PORT_PEERS_MAX + 1]; /* stations of the outer network */
	struct {
		uint32_t ip;
		uint32_t hop; /* index */
	} peer[PORT_PEERS_MAX];
	uint64_t our_mac; /* the device's; constant while the port is up */
	struct vxlan_macs macs;
	uint32_t unit_s;  /* control thread: seconds in a unit of macs.now */
	uint32_t seconds; /* control thread: into this unit */
};

/* The tunnels over one device; immutable while a lane can see it, replaced as a whole. */
struct eth_tunnels {
	uint32_t n;
	struct vxlan_port *port[TUNNELS_MAX];
	uint8_t slot[TUNNEL_SLOTS]; /* by hash of the network identifier: index + 1 */
};

/* Checks what a port of kind PORT_VXLAN declares; words for each. */
int vxlan_check(const struct port_cfg *cfg, struct err *e);

/* From the port's checked cfg; @number is nobody else's. NULL without memory (words in @e). */
struct vxlan_port *vxlan_port_make(struct swport *port, uint32_t number, struct err *e);
/* Its port was declared anew, and something that it is made of is another. */
bool vxlan_port_differs(const struct vxlan_port *vp);
/* Takes over what @old has found out and what waits in it. No lane sees either. */
void vxlan_port_inherit(struct vxlan_port *new, struct vxlan_port *old);
void vxlan_port_free(struct vxlan_port *vp);

/* At most TUNNELS_MAX. No lane sees @t. */
void eth_tunnels_set(struct eth_tunnels *t, struct vxlan_port *const *vp, uint32_t n);

/*
 * Of the frames that came from @ep: takes out what is the tunnels', answers what was asked of us.
 * Returns how many are left in @m, in order.
 */
uint32_t eth_tunnels_take(const struct eth_tunnels *t, struct lane *lane, struct eth_port *ep,
			  struct rte_mbuf **m, uint32_t n);

/* A second has passed: questions to stations, ageing. Control thread; @ep is the device it is over. */
void vxlan_port_tick(struct vxlan_port *vp, struct eth_port *ep);

/* Frames were put into its inbox: wakes its lane if that sleeps. Any thread. */
void vxlan_wake(struct vxlan_port *vp);

extern const struct port_ops vxlan_ops;

#endif
