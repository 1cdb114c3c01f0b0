/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several devices as one: DPDK's net_bond, active-backup or LACP (IEEE 802.1AX). The members are the
 * bond's from then on. Control thread only.
 */
#ifndef CORELANE_VHOST_USER_BOND_H
#define CORELANE_VHOST_USER_BOND_H

#include "vhost-user/eth_dev.h"

#define BOND_LINK_MS 100 /* how often the links of members are looked at */

/* Takes the members and makes the bond: fills in d->id and d->member[]. Undone when it fails. */
int bond_make(struct eth_dev *d, const struct port_cfg *cfg, uint32_t number, struct err *e);

/* Gives the members back; after eth_dev_stop(). */
void bond_free(struct eth_dev *d);

/* Bits of the members that carry traffic now. */
uint32_t bond_active(const struct eth_dev *d);

#endif
