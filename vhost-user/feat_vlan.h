/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VLANs of trunks and QinQ ports: which domain a frame that comes belongs to (its tag is cut off), and
 * the tag that a frame gets when it leaves. Access ports need neither: their domain is the port's, and
 * fwd_decide() drops what is tagged.
 */
#ifndef CORELANE_VHOST_USER_FEAT_VLAN_H
#define CORELANE_VHOST_USER_FEAT_VLAN_H

#include "vhost-user/feature.h"

#define VLAN_TCI_AT 14 /* behind the addresses and the TPID */

extern const struct feature feat_vlan_in, feat_vlan_out;

static inline uint16_t
pkt_ether_type(const struct pkt *pkt)
{
	return (uint16_t)(pkt->head[12] << 8 | pkt->head[13]);
}

/* Whether the frame has a tag in front, and room for one. Never reads beyond a plain head. */
bool pkt_has_tag(const struct pkt *pkt);

/* IEEE 802.1Q priority: of the tag that was cut off, or of the one in front; 0 without. */
uint8_t pkt_priority(const struct pkt *pkt);

#endif
