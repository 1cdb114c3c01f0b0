/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch's statistics on DPDK's telemetry socket (dpdk-telemetry.py reads it): /corelane/ports,
 * /corelane/port,NAME, /corelane/networks, /corelane/network,NAME, /corelane/lanes, /corelane/lane,N.
 *
 * Answers are made on DPDK's own threads. They look at ports as a forwarding thread does, under RCU, so
 * they hold up nobody; who takes a port away waits for them.
 */
#ifndef CORELANE_VHOST_USER_TELEMETRY_H
#define CORELANE_VHOST_USER_TELEMETRY_H

#include "vhost-user/switch.h"

/*
 * Registers the commands, and switch reader @reader of @sw's RCU (a number that no lane has). Once a
 * process, after switch_init(). telemetry_close(): before switch_fini(); questions find nothing then.
 */
int telemetry_open(struct lane_switch *sw, uint32_t reader);
void telemetry_close(void);

#endif
