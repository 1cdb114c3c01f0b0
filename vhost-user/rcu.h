/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How other threads take something away from the forwarding threads without ever making them wait
 * (read, copy, update; DPDK's rte_rcu_qsbr).
 *
 * A writer unpublishes the thing (one store to an atomic is enough), then calls rcu_wait(); when that
 * returns, no forwarding thread holds a reference that it loaded before. A forwarding thread calls
 * rcu_quiet() between two rounds, while it holds nothing.
 */
#ifndef CORELANE_VHOST_USER_RCU_H
#define CORELANE_VHOST_USER_RCU_H

#include <stdbool.h>
#include <stdint.h>

struct rcu;

/* For @lanes threads, numbered from 0, none of them online; NULL without memory. */
struct rcu *rcu_make(uint32_t lanes);
void rcu_free(struct rcu *r);

/* Forwarding thread @lane. Offline (before its first round, asleep, ended) it holds nothing. */
void rcu_online(struct rcu *r, uint32_t lane);
void rcu_offline(struct rcu *r, uint32_t lane);
void rcu_quiet(struct rcu *r, uint32_t lane);

/* Any other thread, several at once. Sleeps in steps of 20 us; a round takes a few. */
void rcu_wait(struct rcu *r);

#endif
