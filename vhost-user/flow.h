/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which flow a frame belongs to, as a hash: to choose a queue and keep a flow's order. Looks at the
 * IP addresses and, in whole TCP and UDP packets, at the ports; fragments of a packet stay together.
 */
#ifndef CORELANE_VHOST_USER_FLOW_H
#define CORELANE_VHOST_USER_FLOW_H

#include <stdint.h>

/* @len: readable bytes at @frame; hostile content only ever changes the number. */
uint32_t flow_hash(const uint8_t *frame, uint32_t len);

#endif
