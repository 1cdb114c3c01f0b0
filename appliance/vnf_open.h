/* SPDX-License-Identifier: Apache-2.0 */
/* Opens everything that a VMM is handed: corelane-vmm itself opens no path. */
#ifndef CORELANE_APPLIANCE_VNF_OPEN_H
#define CORELANE_APPLIANCE_VNF_OPEN_H

#include "appliance/env.h"
#include "appliance/translate.h"
#include "appliance/vnf_vf.h"

struct vnf_ends { /* our ends; the caller's; -1 when not made */
	int serial, console;
	int control; /* connected to the VMM's control socket */
	const struct vmm_stats *stats;
};

/*
 * A listening socket for every NIC whose back end connects, into @fds (one for each of the VNF's
 * interfaces; -1 for the others). Done before the switch starts, which then finds all of them.
 * 0, or -errno in words; what is open by then stays in @fds.
 */
int vnf_open_listen(const struct run_env *env, size_t vnf, int *fds, struct err *e);

/*
 * Fills @h with the whole start message and its fds, which the caller closes with vnf_open_close()
 * once they are sent. Takes the listening sockets out of @fds; opens @vfs unless it is open. 0, or -errno in words with nothing
 * but those left open.
 */
int vnf_open(const struct run_env *env, size_t vnf, int *fds, struct vnf_vfs *vfs, struct handin *h,
	     struct vnf_ends *ret, struct err *e);
void vnf_open_close(struct handin *h);

/* Connects to a vhost-user back end that listens at @path. A blocking fd, or -errno; never waits. */
int vnf_open_backend(const char *path);

#endif
