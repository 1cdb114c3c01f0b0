/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a console port. Nothing is lost on either side: while the fd takes no more, the driver's
 * buffer is kept; while the driver has no buffers, the fd is not read. When the other end of the fd is
 * gone, output goes nowhere and there is no input; a port that listens takes its next client then.
 */
#include "vmm/virtio_console.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmm/loop.h"
#include "vmm/vm.h"

#define BUFFERS_A_TURN 64

static struct loop *
loop_of(const struct console_port *p)
{
	return &p->v->dev.vm->loop;
}

static void
want(struct console_port *p, uint32_t bit, bool on)
{
	uint32_t events = on ? p->events | bit : p->events & ~bit;

	if (p->watched && events != p->events && loop_change(loop_of(p), p->fd, events) == 0)
		p->events = events;
}

/* --- clients --- */

/* The client is gone, with everything that it said read, and may be followed by another. */
static void
drop_client(struct console_port *p)
{
	if (p->watched)
		loop_del(loop_of(p), p->fd);
	close(p->fd);
	p->fd = -1;
	p->watched = false;
	p->events = 0;
	loop_change(loop_of(p), p->listener, EPOLLIN);
	if (p->changed)
		p->changed(p);
}

/* The fd will neither say nor take anything any more. */
static void
look_for_end(struct console_port *p)
{
	if (p->listener >= 0 && p->fd >= 0 && p->no_input && p->no_output)
		drop_client(p);
}

/* --- output --- */

/* Writes what is left of p->out. false: the fd takes no more for now. */
static bool
put_out(struct console_port *p)
{
	while (p->out_done < p->out.out_len && p->fd >= 0 && !p->no_output) {
		char part[4096];
		size_t len =
			virtq_copy_out(p->out.iov, p->out.n_out, p->out_done, part, sizeof(part));
		ssize_t n = write(p->fd, part, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && p->watched)
			return false;
		if (n <= 0)
			break; /* nobody is listening any more: it is gone, but the guest goes on */
		p->out_done += (size_t)n;
	}
	return true;
}

static int
next_out(struct console_port *p)
{
	struct virtq *q = &p->v->vq[p->tx];
	int r;

	if (p->holding)
		return 1;
	do
		r = virtq_pop(q, &p->out);
	while (r == 0 && virtq_listen(q));
	if (r > 0) {
		p->holding = true;
		p->out_done = 0;
	}
	return r;
}

static void
run_tx(struct console_port *p)
{
	struct virtq *q = &p->v->vq[p->tx];
	bool full = false;
	int r = 1;

	for (unsigned int i = 0; i < BUFFERS_A_TURN && (r = next_out(p)) > 0; i++) {
		full = !put_out(p);
		if (full)
			break;
		p->holding = false;
		virtq_push(q, &(struct virtq_used){p->out.id, p->out.slots, 0}, 1);
	}
	if (virtq_wants_signal(q))
		virtio_signal(p->v, p->tx);
	want(p, EPOLLOUT, full);
	if (r > 0 && !full)
		virtio_kick(p->v, p->tx);
	if (r < 0)
		virtio_broken(p->v, "%s: transmit queue: %s", p->name, q->broken);
}

/* --- input --- */

/* One buffer's worth. 1: more may follow; 0: not now; -EPROTO. */
static int
take_in(struct console_port *p)
{
	struct virtq *q = &p->v->vq[p->rx];
	struct virtq_position before = q->avail;
	ssize_t n;
	int r;

	do
		r = virtq_pop(q, p->in);
	while (r == 0 && virtq_listen(q));
	want(p, EPOLLIN, r > 0);
	if (r <= 0)
		return r;
	if (p->in->in_len == 0)
		return virtq_fault(q, "a receive buffer without room");
	n = readv(p->fd, p->in->iov + p->in->n_out, (int)p->in->n_in);
	if (n <= 0) {
		virtq_rewind(q, before);
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			p->no_input = true; /* the end, or never readable */
			want(p, EPOLLIN, false);
		}
		return 0;
	}
	virtq_push(q, &(struct virtq_used){p->in->id, p->in->slots, (uint32_t)n}, 1);
	return 1;
}

static void
run_rx(struct console_port *p)
{
	struct virtq *q = &p->v->vq[p->rx];
	int r = 0;

	if (p->closed)
		want(p, EPOLLIN, false);
	for (unsigned int i = 0; i < BUFFERS_A_TURN; i++) {
		if (p->closed || p->fd < 0 || p->no_input)
			break;
		r = take_in(p);
		if (r <= 0)
			break;
	}
	if (virtq_wants_signal(q))
		virtio_signal(p->v, p->rx);
	if (r < 0)
		virtio_broken(p->v, "%s: receive queue: %s", p->name, q->broken);
	look_for_end(p);
}

void
console_port_run(struct console_port *p, unsigned int q)
{
	(q == p->rx ? run_rx : run_tx)(p);
}

void
console_port_stop(struct console_port *p)
{
	p->holding = false;
}

/* --- events --- */

/* The other end is gone. What it said may still be read, if the driver wants it, by its kicks. */
static void
hung_up(struct console_port *p)
{
	int left = 0;

	loop_del(loop_of(p), p->fd);
	p->watched = false;
	p->no_output = true;
	if (ioctl(p->fd, FIONREAD, &left) < 0 || left == 0)
		p->no_input = true;
	virtio_kick(p->v, p->tx); /* what is held is dropped */
	look_for_end(p);
}

static void
fd_ready(void *arg, uint32_t events)
{
	struct console_port *p = arg;
	struct vm *vm = p->v->dev.vm;

	pthread_mutex_lock(&vm->lock);
	if (events & EPOLLIN) {
		if (virtio_active(p->v, p->rx))
			run_rx(p);
		else
			want(p, EPOLLIN, false);
	}
	if (events & EPOLLOUT && p->watched) {
		if (virtio_active(p->v, p->tx))
			run_tx(p);
		else
			want(p, EPOLLOUT, false);
	}
	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN) && p->watched)
		hung_up(p);
	pthread_mutex_unlock(&vm->lock);
}

/* --- making and unmaking --- */

void
console_port_init(struct console_port *p, struct virtio_dev *v, unsigned int rx,
		  struct virtq_buffer *scratch)
{
	p->in = scratch;
	p->v = v;
	p->rx = rx;
	p->tx = rx + 1;
	p->fd = p->listener = -1;
}

int
console_port_take(struct console_port *p, int fd, struct err *e)
{
	int flags = fcntl(fd, F_GETFL), r;

	p->fd = fd;
	p->events = 0;
	p->no_input = p->no_output = false;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(e, errno, "%s: its file descriptor", p->name);
	r = loop_add(loop_of(p), fd, 0, fd_ready, p);
	p->watched = r == 0;
	p->no_input = r != 0;
	if (r < 0 && r != -EPERM) /* a file: always ready, nothing to read */
		return err_sys(e, -r, "%s: cannot watch it", p->name);
	virtio_kick(p->v, p->rx);
	return 0;
}

static void
listener_ready(void *arg, uint32_t events)
{
	struct console_port *p = arg;
	struct vm *vm = p->v->dev.vm;
	struct err e;
	int fd = vm_accept(vm, p->listener);

	if (fd < 0)
		return;
	pthread_mutex_lock(&vm->lock);
	if (console_port_take(p, fd, &e) < 0) {
		vm_event(vm, VMM_EV_WARNING, 0, "%s", e.text);
		drop_client(p);
	} else {
		/* One at a time: the next one waits in the socket's queue. */
		loop_change(&vm->loop, p->listener, 0);
		if (p->changed)
			p->changed(p);
	}
	pthread_mutex_unlock(&vm->lock);
}

int
console_port_listen(struct console_port *p, int fd, struct err *e)
{
	int type = 0, listening = 0, flags, r;
	socklen_t len = sizeof(int);

	p->listener = fd;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return err_set(e, EINVAL, "%s: its fd is no listening SOCK_STREAM socket", p->name);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(e, errno, "%s: its socket", p->name);
	r = loop_add(loop_of(p), fd, EPOLLIN, listener_ready, p);
	return r < 0 ? err_sys(e, -r, "%s: cannot watch its socket", p->name) : 0;
}

void
console_port_fini(struct console_port *p)
{
	if (!p->v) /* it never was */
		return;
	loop_del(loop_of(p), p->listener);
	loop_del(loop_of(p), p->fd);
	if (p->fd >= 0)
		close(p->fd);
	if (p->listener >= 0)
		close(p->listener);
	p->fd = p->listener = -1;
}
