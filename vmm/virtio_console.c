/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-console (virtio 1.2, 5.3): port 0, a console, on the fd that the starter handed in, and named
 * ports on listening sockets (virtio_console_port.c). What the driver is to be told of a port is state,
 * not a queue: however often clients come and go while it does not listen, nothing grows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/virtio_console.h"
#include "vmm/vm.h"

#define F_MULTIPORT VIRTIO_BIT(1)

enum { RX, TX, CONTROL_RX, CONTROL_TX, RX1 }; /* 5.3.2; then a pair for each further port */

enum { /* 5.3.6.2 */
       DEVICE_READY,
       DEVICE_ADD,
       DEVICE_REMOVE,
       PORT_READY,
       CONSOLE_PORT,
       RESIZE,
       PORT_OPEN,
       PORT_NAME,
};

struct control { /* 5.3.6.2 */
	uint32_t id;
	uint16_t event, value;
};

#define QUEUE_SIZE     64
#define BUFFERS_A_TURN 64
#define PORTS_MAX      (1 + VMM_PORTS_MAX)

/* What is still to be told to the driver of a port, in the order in which it hears of it. */
enum {
	TELL_ADD = 1,
	TELL_CONSOLE = 2,
	TELL_NAME = 4,
	TELL_CLOSE = 8, /* the client that it knows of is gone */
	TELL_OPEN = 16,
};

struct console {
	struct virtio_dev v;
	struct virtq q[4 + 2 * VMM_PORTS_MAX];
	struct virtq_buffer b;
	unsigned int n_ports;
	struct console_port port[PORTS_MAX];
	struct {
		uint32_t tell;
		bool ready, told_open; /* the driver knows the port, that somebody is there */
	} state[PORTS_MAX];
};

static struct console *
of(struct virtio_dev *v)
{
	return container_of(v, struct console, v);
}

/* --- to the driver --- */

/* The name is not ended by a NUL (5.3.6.2). 1: told; 0: no buffer; -EPROTO. */
static int
send_control(struct console *c, unsigned int i, uint16_t event, uint16_t value, const char *name)
{
	struct control m = {i, event, value};
	struct virtq *q = &c->q[CONTROL_RX];
	struct virtq_used u;
	int r;

	do
		r = virtq_pop(q, &c->b);
	while (r == 0 && virtq_listen(q));
	if (r <= 0)
		return r;
	if (c->b.in_len < sizeof(m) + strlen(name))
		return virtq_fault(q, "a buffer without room for the message");
	u = (struct virtq_used){c->b.id, c->b.slots, 0};
	u.len = (uint32_t)virtq_copy_in(c->b.iov + c->b.n_out, c->b.n_in, 0, &m, sizeof(m));
	u.len += (uint32_t)virtq_copy_in(c->b.iov + c->b.n_out, c->b.n_in, sizeof(m), name,
					 strlen(name));
	virtq_push(q, &u, 1);
	return 1;
}

/* The first of what is to be told of port @i. As send_control(). */
static int
tell_one(struct console *c, unsigned int i)
{
	uint32_t bit = c->state[i].tell & -c->state[i].tell;
	int r = 0;

	switch (bit) {
	case TELL_ADD:
		r = send_control(c, i, DEVICE_ADD, 0, "");
		break;
	case TELL_CONSOLE:
		r = send_control(c, i, CONSOLE_PORT, 1, "");
		break;
	case TELL_NAME:
		r = send_control(c, i, PORT_NAME, 1, c->v.dev.vm->start->port[i - 1]);
		break;
	default:
		r = send_control(c, i, PORT_OPEN, bit == TELL_OPEN, "");
		break;
	}
	if (r <= 0)
		return r;
	c->state[i].tell &= ~bit;
	if (bit == TELL_OPEN || bit == TELL_CLOSE)
		c->state[i].told_open = bit == TELL_OPEN;
	return 1;
}

static void
tell(struct console *c)
{
	struct virtq *q = &c->q[CONTROL_RX];
	int r = 1;

	if (!virtio_active(&c->v, CONTROL_RX))
		return;
	for (unsigned int i = 0; i < c->n_ports && r > 0; i++)
		while (c->state[i].tell && r > 0)
			r = tell_one(c, i);
	if (virtq_wants_signal(q))
		virtio_signal(&c->v, CONTROL_RX);
	if (r < 0)
		virtio_broken(&c->v, "control receive queue: %s", q->broken);
}

/* A client came or went. One that the driver never heard of, it need not hear of. */
static void
port_changed(struct console_port *p)
{
	struct console *c = of(p->v);
	unsigned int i = (unsigned int)(p - c->port);

	if (!c->state[i].ready)
		return;
	if (p->fd >= 0)
		c->state[i].tell |= TELL_OPEN;
	else
		c->state[i].tell = (c->state[i].tell & ~(uint32_t)TELL_OPEN) |
				   (c->state[i].told_open ? (uint32_t)TELL_CLOSE : 0);
	tell(c);
}

/* --- from the driver --- */

static void
port_ready(struct console *c, unsigned int i)
{
	c->state[i].ready = true;
	c->state[i].told_open = false;
	c->state[i].tell = i == 0 ? TELL_CONSOLE : TELL_NAME;
	if (i == 0 || c->port[i].fd >= 0)
		c->state[i].tell |= TELL_OPEN;
}

static void
device_ready(struct console *c)
{
	for (unsigned int i = 0; i < c->n_ports; i++) {
		c->state[i].ready = c->state[i].told_open = false;
		c->state[i].tell = TELL_ADD;
	}
}

/* Port 0 is read whether or not somebody has it open, as without multiple ports. */
static void
port_open(struct console *c, unsigned int i, bool open)
{
	c->port[i].closed = i > 0 && !open;
	virtio_kick(&c->v, c->port[i].rx);
}

static void
take_control(struct console *c)
{
	struct vm *vm = c->v.dev.vm;
	struct control m;

	if (virtq_copy_out(c->b.iov, c->b.n_out, 0, &m, sizeof(m)) != sizeof(m)) {
		vm_guest_error(vm, "console: a control message of %u bytes", c->b.out_len);
		return;
	}
	if (m.event == DEVICE_READY) {
		if (m.value)
			device_ready(c);
		return;
	}
	if (m.id >= c->n_ports || (m.event != PORT_READY && m.event != PORT_OPEN)) {
		vm_guest_error(vm, "console: a control message %u of port %u", m.event, m.id);
		return;
	}
	if (m.event == PORT_OPEN)
		port_open(c, m.id, m.value);
	else if (m.value)
		port_ready(c, m.id);
	/* else: the driver could not make room for the port, and does without it */
}

static void
run_control(struct console *c)
{
	struct virtq *q = &c->q[CONTROL_TX];
	int r = 1;

	for (unsigned int i = 0; i < BUFFERS_A_TURN; i++) {
		do
			r = virtq_pop(q, &c->b);
		while (r == 0 && virtq_listen(q));
		if (r <= 0)
			break;
		take_control(c);
		virtq_push(q, &(struct virtq_used){c->b.id, c->b.slots, 0}, 1);
	}
	if (virtq_wants_signal(q))
		virtio_signal(&c->v, CONTROL_TX);
	if (r > 0)
		virtio_kick(&c->v, CONTROL_TX);
	if (r < 0)
		virtio_broken(&c->v, "control transmit queue: %s", q->broken);
	tell(c);
}

static void
kicked(struct virtio_dev *v, unsigned int q)
{
	struct console *c = of(v);

	if (!virtio_active(v, q))
		return;
	if (q == CONTROL_RX)
		tell(c);
	else if (q == CONTROL_TX)
		run_control(c);
	else
		console_port_run(&c->port[q < RX1 ? 0 : 1 + (q - RX1) / 2], q);
}

/* --- the device --- */

static void
start(struct virtio_dev *v)
{
	struct console *c = of(v);

	/* 5.3.6: what an application has not opened must not be written to: Linux would drop it. */
	for (unsigned int i = 1; i < c->n_ports; i++)
		c->port[i].closed = true;
	virtio_serve_start(v);
}

static void
stop(struct virtio_dev *v)
{
	struct console *c = of(v);

	for (unsigned int i = 0; i < c->n_ports; i++)
		console_port_stop(&c->port[i]);
	memset(c->state, 0, sizeof(c->state));
}

static uint64_t
features(struct virtio_dev *v)
{
	return VIRTIO_F_COMMON | (of(v)->n_ports > 1 ? F_MULTIPORT : 0);
}

/* 5.3.4: cols, rows and emerg_wr are of features that are not offered. */
static void
config_read(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len)
{
	uint8_t config[12] = {0};

	pci_put(config, 4, 4, of(v)->n_ports);
	memcpy(buf, config + offset, len);
}

static const struct virtio_ops console_ops = {
	.type = VIRTIO_ID_CONSOLE,
	.pci_class = 0x078000,
	.features = features,
	.config_size = 12,
	.config_read = config_read,
	.start = start,
	.queue_changed = virtio_serve_queue,
	.stop = stop,
	.kicked = kicked,
};

static void
fini(struct device *dev)
{
	struct console *c = container_of(dev, struct console, v.dev);

	for (unsigned int i = 0; i < c->n_ports; i++)
		console_port_fini(&c->port[i]);
	virtio_fini(&c->v);
}

/* Port 0 may have nobody: then what the guest prints there goes nowhere. */
static int
open_ports(struct console *c, struct err *e)
{
	struct vm *vm = c->v.dev.vm;
	int fd = vm_take_fd(vm, VMM_FD_CONSOLE, 0);
	int r = fd < 0 ? 0 : console_port_take(&c->port[0], fd, e);

	for (unsigned int i = 1; i < c->n_ports && r == 0; i++) {
		c->port[i].changed = port_changed;
		r = console_port_listen(&c->port[i], vm_take_fd(vm, VMM_FD_PORT, i - 1), e);
	}
	return r;
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	struct console *c = container_of(dev, struct console, v.dev);
	const struct vmm_start *s = dev->vm->start;
	int r;

	c->n_ports = 1 + s->n_ports;
	snprintf(c->v.name, sizeof(c->v.name), "console");
	c->v.vq = c->q;
	for (unsigned int i = 0; i < c->n_ports; i++) {
		struct console_port *p = &c->port[i];

		console_port_init(p, &c->v, i == 0 ? RX : RX1 + 2 * (i - 1), &c->b);
		if (i == 0)
			snprintf(p->name, sizeof(p->name), "hvc0");
		else
			snprintf(p->name, sizeof(p->name), "port %s", s->port[i - 1]);
	}
	r = virtio_init(&c->v, &console_ops, SLOT_CONSOLE,
			c->n_ports == 1 ? 2 : RX1 + 2 * (c->n_ports - 1), QUEUE_SIZE, e);
	if (r == 0)
		r = open_ports(c, e);
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
