/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports' vhost-user connections: DPDK's vhost library, as a client that reconnects. Its callbacks
 * come on DPDK's own threads and find their port in a small registry here.
 */
#ifndef CORELANE_VHOST_USER_VHOST_H
#define CORELANE_VHOST_USER_VHOST_H

#include "base/err.h"
#include "vhost-user/rcu.h"
#include "vhost-user/swport.h"

/* Once, before the first port. @rcu: the forwarding threads', which callbacks wait for. */
void vhost_init(struct rcu *rcu);

/* Before the first port: frames take DPDK's burst calls, not our own rings (port_library.h). */
void vhost_use_library(bool library);

/*
 * Starts to connect @p (now, when somebody listens already; else DPDK tries again each second), or to
 * listen (DPDK before 24.07 hears of that within a second).
 * @p stays the caller's and must live until vhost_close(). Control thread; no callback's lock held.
 */
int vhost_open(struct swport *p, struct err *e);

/* Ends the connection and forgets the port; returns when no callback for it can come any more. */
void vhost_close(struct swport *p);

/* A message or ring error on the connection at @path was logged. Any thread but the polling one. */
void vhost_count_error(const char *path, size_t len);

#endif
