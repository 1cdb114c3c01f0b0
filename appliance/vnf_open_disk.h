/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a VNF's disks: images of the host, and cloud-init seeds made from the declaration. */
#ifndef CORELANE_APPLIANCE_VNF_OPEN_DISK_H
#define CORELANE_APPLIANCE_VNF_OPEN_DISK_H

#include "appliance/env.h"
#include "appliance/translate.h"

/* Adds an fd for each disk to @h. The fds are the caller's, also on failure. 0, or -errno in words. */
int vnf_open_disks(const struct run_env *env, size_t vnf, struct handin *h, struct err *e);

#endif
