/* SPDX-License-Identifier: Apache-2.0 */
/* Opens what a VNF has beside CPUs, disks and NICs: named console ports, vsock. */
#ifndef CORELANE_APPLIANCE_VNF_OPEN_MISC_H
#define CORELANE_APPLIANCE_VNF_OPEN_MISC_H

#include "appliance/env.h"
#include "appliance/translate.h"

/* Adds their fds to @h. The fds are the caller's, also on failure. 0, or -errno in words. */
int vnf_open_misc(const struct run_env *env, size_t vnf, struct handin *h, struct err *e);

#endif
