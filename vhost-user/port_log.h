/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines that a guest or its front end can cause: it may reset its device, or connect anew, as often
 * as it likes. A port has a few lines; how many more there would have been is told later.
 */
#ifndef CORELANE_VHOST_USER_PORT_LOG_H
#define CORELANE_VHOST_USER_PORT_LOG_H

#include "base/log.h"
#include "vhost-user/swport.h"

#define PORT_LOG_LINES  20
#define PORT_LOG_PERIOD 10 /* seconds */

/* Whether @p may have one more line at @now (seconds); *ret_missed: lines that it had not, to be told. */
bool port_log_may(struct swport *p, uint64_t now, uint32_t *ret_missed);

/* "port NAME: WORDS". Any thread but a forwarding one. */
void port_log(struct swport *p, enum log_level level, const char *words);

#endif
