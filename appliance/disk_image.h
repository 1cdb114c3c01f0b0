/* SPDX-License-Identifier: Apache-2.0 */
/* Images of disks on the host: opened as they will be used, and held against a second user. */
#ifndef CORELANE_APPLIANCE_DISK_IMAGE_H
#define CORELANE_APPLIANCE_DISK_IMAGE_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Opens @path, a raw file or a block device, and locks it: one writer or many readers, in this and any
 * other process that asks (OFD locks, fcntl(2); a block device for writing is also claimed, O_EXCL, so
 * that a mounted one is refused). The lock goes with the last copy of the fd. @wait_ms: how long somebody
 * else's lock may take to go away, as that of a VMM does whose last writes are on their way.
 * 0, or -errno with the words that follow the image's name: "no such file; ...".
 */
int disk_image_open(const char *path, bool read_only, bool direct, unsigned int wait_ms,
		    int *ret_fd, struct err *e);

#endif
