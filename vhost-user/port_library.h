/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports behind vhost-user connections, over DPDK's burst calls: two copies a frame. Not for use but for
 * comparison: what our own rings do is measured and checked against it (--rings library).
 */
#ifndef CORELANE_VHOST_USER_PORT_LIBRARY_H
#define CORELANE_VHOST_USER_PORT_LIBRARY_H

#include "vhost-user/rcu.h"
#include "vhost-user/swport.h"

/* As in vhost_attach.h. DPDK's own locks protect, and its callbacks come with them held. */
int library_init(struct swport *p);
void library_fini(struct swport *p);
void library_ready(struct swport *p, int vid);
void library_gone(struct swport *p, struct rcu *rcu);
void library_ring(struct swport *p, uint16_t ring, bool enable);

#endif
