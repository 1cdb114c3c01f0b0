/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of all ports of a network together. */
#ifndef CORELANE_VHOST_USER_STATS_SUM_H
#define CORELANE_VHOST_USER_STATS_SUM_H

#include "vhost-user/forward.h"

struct stats_sum {
	char network[NAME_MAX_LEN];
	uint32_t ports;
	struct port_stats stats; /* connected: how many are */
};

/*
 * The network of the port in slot @at; false: there is none, or an earlier slot has the same one. The
 * caller holds off those who take ports away.
 */
bool stats_sum_network(const struct fwd *f, uint32_t at, struct stats_sum *ret);

#endif
