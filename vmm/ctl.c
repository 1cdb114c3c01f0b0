/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "vmm/device.h"
#include "vmm/ged.h"
#include "vmm/stats.h"
#include "vmm/vcpu.h"

struct client {
	struct ctl *ctl;
	int fd; /* -1: free */
};

struct ctl {
	struct vm *vm;
	int listen_fd; /* -1: no control socket */
	struct client client[CTL_CLIENTS_MAX];
	struct vmm_reply reply; /* large: not on a stack */
};

static int
pause_machine(struct vm *vm)
{
	int r = vcpus_pause(vm);

	if (r == 0)
		devices_pause(vm);
	return r;
}

static int
resume_machine(struct vm *vm)
{
	bool paused;

	pthread_mutex_lock(&vm->lock);
	paused = vm->state == VMM_STATE_PAUSED;
	pthread_mutex_unlock(&vm->lock);
	if (!paused)
		return -EINVAL;
	devices_resume(vm);
	return vcpus_resume(vm);
}

static int
press_power_button(struct vm *vm)
{
	bool running;

	pthread_mutex_lock(&vm->lock);
	running = vm->state == VMM_STATE_RUNNING || vm->state == VMM_STATE_PAUSED;
	if (running)
		ged_power_button(vm);
	pthread_mutex_unlock(&vm->lock);
	return running ? 0 : -EINVAL;
}

/* In words, unless a device had some already. */
static void
explain(int r, uint32_t op, struct err *e)
{
	static const struct {
		uint32_t op;
		int code;
		const char *text;
	} why[] = {
		{VMM_OP_PAUSE, EINVAL, "cannot pause: the machine is not running"},
		{VMM_OP_RESUME, EINVAL, "cannot resume: the machine is not paused"},
		{VMM_OP_POWER_BUTTON, EINVAL, "no power button: the machine is not running"},
		{VMM_OP_DETACH, ENODEV, "cannot detach: there is no such VFIO NIC"},
		{VMM_OP_BALLOON, ENODEV, "the machine has no balloon; declare one"},
		{VMM_OP_DISK_RESIZED, ENODEV, "there is no such disk"},
		{VMM_OP_HANDOVER, ENODEV, "there is no such vhost-user NIC"},
	};

	if (r == 0 || e->code)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(why); i++)
		if (why[i].op == op) {
			err_set(e, why[i].code, "%s", why[i].text);
			return;
		}
	err_set(e, -r, "no such operation");
}

static int
do_op(struct vm *vm, const struct vmm_req *q, struct err *e)
{
	switch (q->op) {
	case VMM_OP_STATUS:
	case VMM_OP_STOP: /* after the reply, as RESET */
	case VMM_OP_RESET:
		return 0;
	case VMM_OP_PAUSE:
		return pause_machine(vm);
	case VMM_OP_RESUME:
		return resume_machine(vm);
	case VMM_OP_POWER_BUTTON:
		return press_power_button(vm);
	case VMM_OP_DETACH:
	case VMM_OP_BALLOON:
	case VMM_OP_DISK_RESIZED:
	case VMM_OP_HANDOVER:
		return devices_request(vm, q, e);
	default:
		return -ENOSYS;
	}
}

static bool
is_end(uint32_t op)
{
	return op == VMM_OP_STOP || op == VMM_OP_RESET;
}

/* What the client was told already. */
static void
end_machine(struct vm *vm, uint32_t op)
{
	if (op == VMM_OP_RESET)
		vm_event(vm, VMM_EV_RESET, 0, "a reset was asked for from outside");
	vm_stop(vm, op == VMM_OP_RESET ? EXIT_GUEST_RESET : EXIT_OK);
}

static void
fill_reply(struct ctl *c, const struct vmm_req *q, const struct err *e)
{
	struct vmm_reply *p = &c->reply;
	struct vm *vm = c->vm;

	*p = (struct vmm_reply){
		.head = {.magic = VMM_REPLY_MAGIC,
			 .version = VMM_MSG_VERSION,
			 .size = sizeof(*p),
			 .seq = q->head.seq},
		.error = e->code,
		.n_nics = vm->start->n_nics,
	};
	pthread_mutex_lock(&vm->lock);
	p->state = is_end(q->op) ? VMM_STATE_STOPPING : vm->state;
	pthread_mutex_unlock(&vm->lock);
	for (uint32_t i = 0; i < vm->start->n_nics; i++) {
		p->nic_up[i] = atomic_load(&vm->nic[i].up);
		p->nic_connects[i] = atomic_load(&vm->nic[i].connects);
	}
	memcpy(p->name, vm->start->name, sizeof(p->name));
	snprintf(p->text, sizeof(p->text), "%.255s", e->text);
	devices_status(vm, p);
	stats_copy(vm->stats, &p->stats);
}

static void
close_client(struct client *cl)
{
	loop_del(&cl->ctl->vm->loop, cl->fd);
	close(cl->fd);
	cl->fd = -1;
}

static void
on_request(void *arg, uint32_t events)
{
	const struct msg_head want = {.magic = VMM_REQ_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_req)};
	struct client *cl = arg;
	struct ctl *c = cl->ctl;
	struct err e = {0};
	struct vmm_req q;
	size_t n;
	int r = fdmsg_recv(cl->fd, &want, &q, NULL, 0, &n);

	if (r == -EAGAIN)
		return;
	if (r == 0) {
		explain(do_op(c->vm, &q, &e), q.op, &e);
		fill_reply(c, &q, &e);
		r = fdmsg_send(cl->fd, &c->reply.head, NULL, 0);
		if (is_end(q.op))
			end_machine(c->vm, q.op);
	}
	if (r == 0)
		return;
	if (r == -EPROTO)
		log_warn("control: a client broke the protocol and is closed");
	else if (r == -EAGAIN)
		log_warn("control: a client does not read its replies and is closed");
	close_client(cl);
}

static void
on_connect(void *arg, uint32_t events)
{
	struct ctl *c = arg;
	int fd = vm_accept(c->vm, c->listen_fd);

	if (fd < 0)
		return;
	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		struct client *cl = &c->client[i];

		if (cl->fd >= 0)
			continue;
		cl->fd = fd;
		if (loop_add(&c->vm->loop, fd, EPOLLIN, on_request, cl) < 0)
			close_client(cl);
		return;
	}
	close(fd);
}

/* The starter: an fd for a NIC whose back end broke, or its end. */
static void
on_starter(void *arg, uint32_t events)
{
	const struct msg_head want = {.magic = VMM_NICFD_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_nic_fd)};
	struct ctl *c = arg;
	struct vm *vm = c->vm;
	struct vmm_nic_fd msg;
	int fd = -1, r;
	size_t n;

	r = fdmsg_recv(vm->start_fd, &want, &msg, &fd, 1, &n);
	if (r == -EAGAIN)
		return;
	if (r == 0 && n == 1 && msg.index < vm->start->n_nics && vm->nic[msg.index].take_fd) {
		vm->nic[msg.index].take_fd(vm->nic[msg.index].arg, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (r == 0 || r == -EPROTO) {
		log_warn("a message of the starter is not an fd for a NIC that wants one");
		return;
	}
	if (r != -ENODATA && r != -ECONNRESET)
		log_err("start socket: %s", strerror(-r));
	else
		log_info("the starter is gone: stopping");
	loop_del(&vm->loop, vm->start_fd);
	vm_stop(vm, EXIT_FAILED);
}

static int
check_listening(int fd, struct err *e)
{
	int type = 0, listening = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return err_set(e, EINVAL, "the control fd is no listening SOCK_SEQPACKET socket");
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return err_sys(e, errno, "control socket");
	return 0;
}

int
ctl_create(struct vm *vm, struct ctl **ret, struct err *e)
{
	struct ctl *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, ENOMEM, "control: out of memory");
	c->vm = vm;
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		c->client[i] = (struct client){.ctl = c, .fd = -1};
	c->listen_fd = vm_take_fd(vm, VMM_FD_CONTROL, 0);
	r = c->listen_fd >= 0 ? check_listening(c->listen_fd, e) : 0;
	if (r == 0 && c->listen_fd >= 0) {
		r = loop_add(&vm->loop, c->listen_fd, EPOLLIN, on_connect, c);
		if (r < 0)
			err_sys(e, -r, "control socket");
	}
	if (r == 0) {
		r = loop_add(&vm->loop, vm->start_fd, EPOLLIN, on_starter, c);
		if (r < 0)
			err_sys(e, -r, "start socket");
	}
	if (r < 0)
		ctl_destroy(c);
	else
		*ret = c;
	return r;
}

void
ctl_destroy(struct ctl *c)
{
	if (!c)
		return;
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		if (c->client[i].fd >= 0)
			close_client(&c->client[i]);
	loop_del(&c->vm->loop, c->vm->start_fd);
	if (c->listen_fd >= 0) {
		loop_del(&c->vm->loop, c->listen_fd);
		close(c->listen_fd);
	}
	free(c);
}
