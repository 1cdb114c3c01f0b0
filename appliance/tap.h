/* SPDX-License-Identifier: Apache-2.0 */
/* A tap device that lives as long as somebody holds its fd. */
#ifndef CORELANE_APPLIANCE_TAP_H
#define CORELANE_APPLIANCE_TAP_H

#include <net/if.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Makes a tap (the kernel names it) with virtio-net headers, sets its MTU, attaches it to @bridge
 * unless that is "", and brings it up. 0 with a non-blocking fd, or -errno in words.
 */
int tap_open(const char *bridge, uint16_t mtu, int *ret_fd, char ret_name[IFNAMSIZ], struct err *e);

/*
 * Frames that the kernel dropped since @fd's tap was made because nobody read them in time. 0 or -errno
 * (-EBADFD: it was taken away).
 */
int tap_dropped(int fd, uint64_t *ret);

#endif
