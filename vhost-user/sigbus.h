/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests own the memory that we map: one that truncates its file, or whose huge pages run out, makes
 * our next access a SIGBUS. Here that costs the guest its frames, and nobody else anything.
 */
#ifndef CORELANE_VHOST_USER_SIGBUS_H
#define CORELANE_VHOST_USER_SIGBUS_H

#include "vhost-user/forward.h"

/*
 * From now on a page of guest memory that is not there reads as zeros, and its port's bad_guest is
 * counted. Other faults end the process as ever. Once, before the first port. 0 or -errno.
 */
int sigbus_guard(struct fwd *fwd);

#endif
