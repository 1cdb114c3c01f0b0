/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eventfds that a front end gave us. It keeps them too: it may read and write them, and take O_NONBLOCK
 * away from us (that flag belongs to the open file, not to the descriptor).
 */
#ifndef CORELANE_VHOST_USER_SHARED_EVENT_H
#define CORELANE_VHOST_USER_SHARED_EVENT_H

#include <stdbool.h>

/*
 * @fd if it is an eventfd, made non-blocking; else -1: reading, writing or polling any other file may
 * take as long as its owner pleases.
 */
int shared_event_check(int fd);
/* Takes all signals; whether there were any. Never waits, whatever the flag says. */
bool shared_event_drain(int fd);
/*
 * One more signal. 0, or -errno: -EAGAIN: it takes no more. There is no such write that never waits, so
 * a forwarding thread that is held here is freed by a signal (overdue.h): -EINTR.
 */
int shared_event_signal(int fd);

#endif
