/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start message: received once, checked field by field, then constant. Whoever sends it is not
 * trusted to be right: every number, name and role is looked at before it is used.
 */
#ifndef CORELANE_VMM_START_H
#define CORELANE_VMM_START_H

#include <stddef.h>

#include "base/err.h"
#include "base/vmm_msg.h"

#define START_MEM_MIN (2ull << 20)
#define START_MEM_MAX (16ull << 40) /* more than any host has; sums stay far from wrapping */

/*
 * Waits for the message on @sock and checks it. The fds become the caller's. 0; -ENODATA when the
 * starter went away, -EPROTO or -EINVAL with words (and no fds kept).
 */
int start_receive(int sock, struct vmm_start *ret, int ret_fds[FDMSG_FDS_MAX], struct err *e);

/* The check alone. Pure. @n_fds: how many came with the message. 0 or -EINVAL with words. */
int start_check(const struct vmm_start *s, size_t n_fds, struct err *e);

#endif
