/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signalling and draining eventfds that a vhost-user back end has too. It may write to them, read them,
 * and take O_NONBLOCK away from us (that flag belongs to the open file, not to the descriptor): so
 * neither call here relies on it.
 */
#ifndef CORELANE_VMM_EVENT_H
#define CORELANE_VMM_EVENT_H

#include <stdbool.h>

/* One more signal. An eventfd that takes no more has 2^64 - 2 of them: it is signalled. Any thread. */
void event_signal(int fd);
/* Takes all signals; whether there were any. Never waits. */
bool event_drain(int fd);

#endif
