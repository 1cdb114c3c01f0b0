/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may talk to a running machine: its starter (the start socket: NIC fds in, events out, and its
 * end is the machine's end) and the clients of the control socket (base/vmm_msg.h). Main thread only.
 */
#ifndef CORELANE_VMM_CTL_H
#define CORELANE_VMM_CTL_H

#include "base/err.h"
#include "vmm/vm.h"

struct ctl;

/*
 * Watches vm->start_fd and, when one was handed in, the control socket. A client that breaks the
 * protocol or does not read its replies is closed; one more than CTL_CLIENTS_MAX is closed at once.
 */
#define CTL_CLIENTS_MAX 8
int ctl_create(struct vm *vm, struct ctl **ret, struct err *e);
void ctl_destroy(struct ctl *c);

#endif
