/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where DPDK's log goes: into ours, a limited number of lines a second, and into counters: an error
 * that names a port's socket is that port's bad_guest. On a forwarding thread nothing is printed.
 */
#ifndef CORELANE_VHOST_USER_LOGSINK_H
#define CORELANE_VHOST_USER_LOGSINK_H

#include <stddef.h>

/* Before rte_eal_init(). 0 or -errno. */
int logsink_open(void);

/* The last error line, for a message to a person ("" when there was none). Main thread. */
const char *logsink_last_error(void);

#endif
