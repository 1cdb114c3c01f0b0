/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new switch takes over from a running one (docs/decisions/0011-hand-over.md): the protocol between
 * the two. It knows nothing of rings and lanes: those are behind struct handover_ops.
 *
 * Both have all ports; the new one's are connected to the front ends too, and not served. Between them
 * there is a SOCK_SEQPACKET socket and one piece of memory, made by the new switch:
 *
 *   new                                  old
 *   HELLO, with the memory: its ports
 *                                        MACS: its addresses are in the memory
 *   READY
 *                                        stops; GO: positions and counters are in the memory
 *   serves; DONE
 *                                        ends
 *
 * Until GO is sent, whatever goes wrong is the new switch's end and the old one goes on. From then on
 * the old one serves nothing any more, whatever becomes of the new one.
 *
 * Both ends belong to one user, but not to one version: nothing that the other says is believed.
 */
#ifndef CORELANE_VHOST_USER_HANDOVER_H
#define CORELANE_VHOST_USER_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/switch_msg.h"

#define HANDOVER_PORTS_MAX 512
#define HANDOVER_RINGS_MAX (2 * PORT_QUEUES_MAX)
#define HANDOVER_MACS_MAX  (1u << 18)
#define HANDOVER_WAIT_MS   2000 /* for a message from the other */

/* A port, as both know it by its name. */
struct handover_port {
	char name[PORT_NAME_LEN];
	/* the new switch: */
	uint32_t rings; /* bit n: vring n is set up */
	uint32_t packed;
	/* the old switch, from GO on: */
	uint32_t taken;                    /* 1: what follows is valid */
	uint16_t base[HANDOVER_RINGS_MAX]; /* as SET_VRING_BASE has it, of each vring in @rings */
	struct port_stats stats;
};

struct handover_mac {
	uint32_t port; /* index of its port */
	uint16_t vlan;
	uint8_t mac[6];
	uint32_t age_s; /* since it was seen */
};

struct handover_state {
	uint32_t n_ports; /* the new switch */
	uint32_t max_macs;
	uint64_t halt_ns; /* the old switch: CLOCK_MONOTONIC when it began to stop */
	struct handover_port port[HANDOVER_PORTS_MAX];
	struct handover_mac mac[]; /* max_macs */
};

struct handover_ops {
	/* Gives: stops everything; nobody touches a ring after this. 0 or -errno, and nothing stopped. */
	int (*halt)(void *sw, struct err *e);
	/* Gives: GO could not be said: all as before halt(). */
	void (*go_on)(void *sw);
	/* Gives, halted: fills @port, which is this switch's own copy; taken is 1 when all fits. */
	void (*give)(void *sw, struct handover_port *port);
	/* Gives, before: its learnt addresses; index: of the port of that name, below n. */
	uint32_t (*macs)(void *sw, const struct handover_state *own, struct handover_mac *ret,
			 uint32_t max);
	/* Takes: its ports that are set up. Returns how many. */
	uint32_t (*ports)(void *sw, struct handover_port *ret, uint32_t max);
	/* Takes, before GO: an address to be known. */
	void (*learn)(void *sw, const struct handover_port *port, const struct handover_mac *mac);
	/* Takes, after GO: serves this one from where the old switch left it; not taken: connects anew. */
	void (*take)(void *sw, const struct handover_port *port);
	/* Takes: begins to serve. */
	int (*begin)(void *sw, struct err *e);
};

/*
 * The old switch's part, over @sock, which stays the caller's. 0: it is over, and this process has nothing
 * to do but to end. Else -errno in words, and everything is as before. *ret_ports: how many were handed
 * over. Control thread; waits for the other, at most HANDOVER_WAIT_MS a message.
 */
int handover_give(const struct handover_ops *ops, void *sw, int sock, uint32_t *ret_ports,
		  struct err *e);

/*
 * The new switch's part. 0: it serves, and nothing was served for *ret_us. -errno in words: it must end (and if the old one had stopped
 * already, a switch is to be started in the ordinary way).
 */
int handover_take(const struct handover_ops *ops, void *sw, int sock, uint32_t *ret_ports,
		  uint64_t *ret_us, struct err *e);

#endif
