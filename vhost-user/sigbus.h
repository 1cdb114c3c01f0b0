/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests own the memory that we map: one that truncates its file, or whose huge pages run out, makes
 * our next access a SIGBUS. Here that costs its port the connection's
 * service, and nobody else anything.
 */
#ifndef CORELANE_VHOST_USER_SIGBUS_H
#define CORELANE_VHOST_USER_SIGBUS_H

#include "vhost-user/forward.h"

/*
 * From now on a mapping of guest memory of which some is not there reads as zeros, and its port is lost
 * (swport.lost), and counted as bad_guest. Other faults end the process as ever. Once, before the first
 * port. 0 or -errno.
 */
int sigbus_guard(struct fwd *fwd);

/* This thread, no lane, is about to look at what the front end of @p gave it. */
void sigbus_attaching(struct swport *p);

#endif
