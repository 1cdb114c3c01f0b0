/* SPDX-License-Identifier: Apache-2.0 */
/* Opens everything that a VMM is handed: corelane-vmm itself opens no path. */
#ifndef CORELANE_APPLIANCE_VNF_OPEN_H
#define CORELANE_APPLIANCE_VNF_OPEN_H

#include "appliance/env.h"
#include "appliance/translate.h"

struct vnf_ends { /* our ends; the caller's; -1 when not made */
	int serial, console;
	int control; /* connected to the VMM's control socket */
	const struct vmm_stats *stats;
};

/*
 * Fills @h with the whole start message and its fds, which the caller closes with vnf_open_close()
 * once they are sent. 0, or -errno in words with nothing left open.
 */
int vnf_open(const struct run_env *env, size_t vnf, struct handin *h, struct vnf_ends *ret,
	     struct err *e);
void vnf_open_close(struct handin *h);

/* Connects to a vhost-user back end that listens at @path. A blocking fd, or -errno; never waits. */
int vnf_open_backend(const char *path);

#endif
