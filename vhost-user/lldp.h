/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LLDP (IEEE 802.1AB-2016): what an uplink tells its neighbour of us. Only bytes: when and where they
 * are sent is uplink.c's business. We say who we are and listen to nobody.
 */
#ifndef CORELANE_VHOST_USER_LLDP_H
#define CORELANE_VHOST_USER_LLDP_H

#include <stddef.h>
#include <stdint.h>

#define LLDP_PERIOD_S 30  /* msgTxInterval */
#define LLDP_TTL_S    121 /* msgTxInterval * msgTxHold + 1 */
#define LLDP_FRAME    512 /* more than lldp_make() ever writes */

struct lldp {
	uint8_t source[6];  /* the sending device's address */
	uint8_t chassis[6]; /* the same on all uplinks */
	const char *port;   /* interface name of the port; cut at 64 bytes */
	const char *system; /* host name; cut at 64 */
	const char *description;
	uint16_t ttl_s; /* 0: we are going */
	uint16_t mtu;
};

/* Writes the frame to @frame, which has LLDP_FRAME bytes. Returns its length, 60 at least. */
size_t lldp_make(uint8_t *frame, const struct lldp *l);

#endif
