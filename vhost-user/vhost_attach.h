/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own rings over what DPDK's vhost library was told by a front end. The library's locks do not
 * protect us, so whatever a message may change is let go of before the library handles it (the port's
 * ops go, lanes leave, our positions become the library's), and looked at anew after it.
 *
 * Everything here but the last part is called by vhost.c, for one connection at a time, on vhost's
 * thread (or on the control thread, when the connection is being ended), never by two at once.
 */
#ifndef CORELANE_VHOST_USER_VHOST_ATTACH_H
#define CORELANE_VHOST_USER_VHOST_ATTACH_H

#include "vhost-user/port_vhost.h"
#include "vhost-user/rcu.h"
#include "vhost-user/swport.h"

/* A port's backing; 0 or -ENOMEM. attach_fini() when its socket is closed: the port is down by then. */
int attach_init(struct swport *p, struct rcu *rcu);
void attach_fini(struct swport *p);

/* A new connection: nothing is known of it yet. */
void attach_connection(struct swport *p);
/* Vhost says that the device may be used, that it may not, that one of its rings may or may not. */
void attach_ready(struct swport *p, int vid);
void attach_gone(struct swport *p, int vid);
void attach_ring(struct swport *p, int vid, uint16_t ring, bool enable);

/* Around each message, as rte_vhost_user_extern_ops has it: what the library is to do with it. */
int attach_before(struct swport *p, int vid, void *msg);
int attach_after(struct swport *p, int vid);

/*
 * Hand-over (handover.h). Control thread.
 *
 * In a switch that is to take over, connections are set up, but lanes get nothing of them, until
 * attach_take() says where the other switch was in the rings; then as ever. attach_stage(false) is for
 * connections that come later.
 */
void attach_stage(bool on);
/* The rings that such a connection has, by vhost's numbers; 0: none, or not all yet. */
uint32_t attach_staged(struct swport *p, bool *ret_packed);
/* @base of each of @rings, as SET_VRING_BASE has it. false: there is no such connection any more. */
bool attach_take(struct swport *p, uint32_t rings, const uint16_t base[VHOST_RINGS]);
/*
 * In the switch that is taken over from, while no lane runs: where it is in which rings. From then on
 * it serves this connection no more; attach_give_up() takes that back.
 */
uint32_t attach_give(struct swport *p, bool *ret_packed, uint16_t ret_base[VHOST_RINGS]);
void attach_give_up(struct swport *p);

#endif
