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

/*
 * Looks at the members' links: each BOND_LINK_MS. Not every driver tells net_bond of them (net_af_packet
 * does not), so active-backup is steered from here: a member stays in use as long as
 * its link is up. Returns the bits of the members that can carry frames now; 0: none.
 */
uint32_t bond_watch(struct eth_dev *d);

#endif
