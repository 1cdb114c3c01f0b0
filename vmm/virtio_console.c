/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-console with one port (virtio 1.2, 5.3): bytes between the driver and the fd that the starter
 * handed in. Nothing is lost on either side: while the fd takes no more, the driver's buffer is kept;
 * while the driver has no buffers, the fd is not read. When the other end of the fd is gone, output
 * goes nowhere and there is no input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmm/virtio.h"
#include "vmm/virtq.h"
#include "vmm/vm.h"

enum { RX, TX };

#define QUEUE_SIZE     64
#define BUFFERS_A_TURN 64

struct console {
	struct virtio_dev v;
	int fd;
	bool watched; /* in the loop: files are not */
	uint32_t events;
	bool no_input;
	struct virtq q[2];
	struct virtq_buffer in, out;
	bool holding; /* out is not yet written from out_done on */
	size_t out_done;
};

static struct console *
of(struct virtio_dev *v)
{
	return container_of(v, struct console, v);
}

static void
want(struct console *c, uint32_t bit, bool on)
{
	uint32_t events = on ? c->events | bit : c->events & ~bit;

	if (c->watched && events != c->events &&
	    loop_change(&c->v.dev.vm->loop, c->fd, events) == 0)
		c->events = events;
}

/* --- output --- */

/* Writes what is left of c->out. false: the fd takes no more for now. */
static bool
put_out(struct console *c)
{
	while (c->out_done < c->out.out_len) {
		char part[4096];
		size_t len =
			virtq_copy_out(c->out.iov, c->out.n_out, c->out_done, part, sizeof(part));
		ssize_t n = write(c->fd, part, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && c->watched)
			return false;
		/* Nobody is listening any more: it is gone, but the guest goes on. */
		c->out_done += n > 0 ? (size_t)n : c->out.out_len - c->out_done;
	}
	return true;
}

static int
next_out(struct console *c)
{
	int r;

	if (c->holding)
		return 1;
	do
		r = virtq_pop(&c->q[TX], &c->out);
	while (r == 0 && virtq_listen(&c->q[TX]));
	if (r > 0) {
		c->holding = true;
		c->out_done = 0;
	}
	return r;
}

static void
run_tx(struct console *c)
{
	bool full = false;
	int r = 1;

	for (unsigned int i = 0; i < BUFFERS_A_TURN && (r = next_out(c)) > 0; i++) {
		full = !put_out(c);
		if (full)
			break;
		c->holding = false;
		virtq_push(&c->q[TX], &(struct virtq_used){c->out.id, c->out.slots, 0}, 1);
	}
	if (virtq_wants_signal(&c->q[TX]))
		virtio_signal(&c->v, TX);
	want(c, EPOLLOUT, full);
	if (r > 0 && !full)
		virtio_kick(&c->v, TX);
	if (r < 0)
		virtio_broken(&c->v, "transmit queue: %s", c->q[TX].broken);
}

/* --- input --- */

/* One buffer's worth. 1: more may follow; 0: not now; -EPROTO. */
static int
take_in(struct console *c)
{
	struct virtq_position before = c->q[RX].avail;
	ssize_t n;
	int r;

	do
		r = virtq_pop(&c->q[RX], &c->in);
	while (r == 0 && virtq_listen(&c->q[RX]));
	want(c, EPOLLIN, r > 0 && !c->no_input);
	if (r <= 0)
		return r;
	if (c->in.in_len == 0)
		return virtq_fault(&c->q[RX], "a receive buffer without room");
	n = readv(c->fd, c->in.iov + c->in.n_out, (int)c->in.n_in);
	if (n <= 0) {
		virtq_rewind(&c->q[RX], before);
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			c->no_input = true; /* the end, or never readable */
			want(c, EPOLLIN, false);
		}
		return 0;
	}
	virtq_push(&c->q[RX], &(struct virtq_used){c->in.id, c->in.slots, (uint32_t)n}, 1);
	return 1;
}

static void
run_rx(struct console *c)
{
	int r = 0;

	for (unsigned int i = 0; i < BUFFERS_A_TURN && !c->no_input && (r = take_in(c)) > 0; i++)
		;
	if (virtq_wants_signal(&c->q[RX]))
		virtio_signal(&c->v, RX);
	if (r < 0)
		virtio_broken(&c->v, "receive queue: %s", c->q[RX].broken);
}

/* --- events --- */

static void
fd_ready(void *arg, uint32_t events)
{
	struct console *c = arg;
	struct vm *vm = c->v.dev.vm;

	pthread_mutex_lock(&vm->lock);
	if (events & EPOLLIN) {
		if (virtio_active(&c->v, RX))
			run_rx(c);
		else
			want(c, EPOLLIN, false);
	}
	if (events & EPOLLOUT) {
		if (virtio_active(&c->v, TX))
			run_tx(c);
		else
			want(c, EPOLLOUT, false);
	}
	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN)) {
		/* What is still to be read comes with the driver's kicks; what is held is dropped. */
		loop_del(&vm->loop, c->fd);
		c->watched = false;
		virtio_kick(&c->v, TX);
	}
	pthread_mutex_unlock(&vm->lock);
}

static void
kicked(struct virtio_dev *v, unsigned int q)
{
	if (virtio_active(v, q))
		(q == RX ? run_rx : run_tx)(of(v));
}

/* --- the device --- */

static void
stop(struct virtio_dev *v)
{
	of(v)->holding = false;
}

static uint64_t
features(struct virtio_dev *v)
{
	return VIRTIO_F_COMMON;
}

/* 5.3.4: cols, rows, max_nr_ports, emerg_wr: none of their features is offered. */
static void
config_read(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len)
{
	memset(buf, 0, len);
}

static const struct virtio_ops console_ops = {
	.type = VIRTIO_ID_CONSOLE,
	.pci_class = 0x078000,
	.features = features,
	.config_size = 12,
	.config_read = config_read,
	.start = virtio_serve_start,
	.queue_changed = virtio_serve_queue,
	.stop = stop,
	.kicked = kicked,
};

static void
fini(struct device *dev)
{
	struct console *c = container_of(dev, struct console, v.dev);

	loop_del(&dev->vm->loop, c->fd);
	virtio_fini(&c->v);
	if (c->fd >= 0)
		close(c->fd);
}

static int
watch(struct console *c, struct err *e)
{
	int r = loop_add(&c->v.dev.vm->loop, c->fd, 0, fd_ready, c);

	c->watched = r == 0;
	c->no_input = r != 0;
	if (r == 0 || r == -EPERM) /* a file: always ready, nothing to read */
		return 0;
	return err_sys(e, -r, "console: cannot watch it");
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	struct console *c = container_of(dev, struct console, v.dev);
	int flags, r;

	snprintf(c->v.name, sizeof(c->v.name), "console");
	c->v.vq = c->q;
	c->fd = vm_take_fd(dev->vm, VMM_FD_CONSOLE, index);
	flags = c->fd < 0 ? -1 : fcntl(c->fd, F_GETFL);
	if (flags < 0 || fcntl(c->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		r = err_sys(e, errno, "console: its file descriptor");
	else
		r = virtio_init(&c->v, &console_ops, SLOT_CONSOLE, 2, QUEUE_SIZE, e);
	if (r == 0)
		r = watch(c, e);
	if (r < 0)
		fini(dev);
	return r;
}

const struct device_ops virtio_console_ops = {
	.name = "virtio-console",
	.size = sizeof(struct console),
	.state_offset = offsetof(struct console, v.s),
	.state_size = sizeof(struct virtio_state),
	.init = init,
	.reset = virtio_device_reset,
	.pause = virtio_device_pause,
	.resume = virtio_device_resume,
	.fini = fini,
};
