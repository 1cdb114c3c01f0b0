/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud-init NoCloud seeds: an ISO 9660 image, volume "cidata", with the files meta-data, user-data and
 * network-config. The same declaration gives the same bytes.
 */
#ifndef CORELANE_APPLIANCE_SEED_H
#define CORELANE_APPLIANCE_SEED_H

#include "base/err.h"
#include "config/site.h"

/* A sealed memfd with the image of @d (DISK_CLOUD_INIT), open for reading. 0, or -errno in words. */
int seed_make(const char *vnf, const struct site_disk *d, int *ret_fd, struct err *e);

#endif
