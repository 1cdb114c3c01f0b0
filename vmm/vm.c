/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "vmm/stats.h"
#include "vmm/vcpu.h"

/* More guest errors than these are only counted: a hostile guest must not fill the operator's log. */
#define GUEST_ERRORS_SAID 32
/* A connection that could not be taken stays in the socket's queue: without a rest it is told again at once. */
#define ACCEPT_REST_MS 200

int
vm_take_fd(struct vm *vm, enum vmm_fd_role role, unsigned int index)
{
	for (uint32_t i = 0; i < vm->start->n_fds; i++) {
		int fd = vm->fds[i];

		if (vm->start->fd[i].role != role || vm->start->fd[i].index != index)
			continue;
		vm->fds[i] = -1;
		return fd;
	}
	return -1;
}

int
vm_accept(struct vm *vm, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		return fd;
	fd = -errno;
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM) {
		stats_add_shared(&vm->stats->accept_errors, 1);
		loop_rest(&vm->loop, listener, EPOLLIN, ACCEPT_REST_MS);
	}
	return fd;
}

static void
note_nic(struct vm *vm, enum vmm_event_kind kind, unsigned int index)
{
	if (index >= VMM_NICS_MAX)
		return;
	if (kind == VMM_EV_NIC_UP || kind == VMM_EV_NIC_ATTACHED) {
		atomic_store(&vm->nic[index].up, 1);
		atomic_fetch_add(&vm->nic[index].connects, 1);
	} else if (kind == VMM_EV_NIC_DOWN || kind == VMM_EV_NIC_DETACHED) {
		atomic_store(&vm->nic[index].up, 0);
	}
}

static void
send_event(struct vm *vm, enum vmm_event_kind kind, unsigned int index, const char *fmt, va_list ap)
{
	struct vmm_event ev = {
		.head = {.magic = VMM_EVENT_MAGIC, .version = VMM_MSG_VERSION, .size = sizeof(ev)},
		.kind = kind,
		.index = index,
	};

	note_nic(vm, kind, index);
	vsnprintf(ev.text, sizeof(ev.text), fmt, ap);
	/* The socket is non-blocking; a starter that does not read loses events, not the guest. */
	if (vm->start_fd >= 0)
		(void)fdmsg_send(vm->start_fd, &ev.head, NULL, 0);
}

void
vm_event(struct vm *vm, enum vmm_event_kind kind, unsigned int index, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_event(vm, kind, index, fmt, ap);
	va_end(ap);
}

void
vm_stop(struct vm *vm, int exit_status)
{
	int none = -1;

	/* Pairs with the loads in the vCPU threads and in main: the first status is the one. */
	if (!atomic_compare_exchange_strong(&vm->stop_status, &none, exit_status))
		return;
	vcpus_kick(vm);
	loop_stop(&vm->loop);
}

void
vm_guest_error(struct vm *vm, const char *fmt, ...)
{
	va_list ap;

	stats_add_shared(&vm->stats->guest_errors, 1);
	if (atomic_load(&vm->n_said) >= GUEST_ERRORS_SAID ||
	    atomic_fetch_add(&vm->n_said, 1) >= GUEST_ERRORS_SAID)
		return;
	va_start(ap, fmt);
	send_event(vm, VMM_EV_WARNING, 0, fmt, ap);
	va_end(ap);
}
