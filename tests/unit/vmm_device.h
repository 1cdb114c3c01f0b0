/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One virtio device as a whole, in a machine without KVM, with a driver on each of its queues. The loop
 * runs in the test's thread, a while at a time.
 */
#ifndef CORELANE_TESTS_VMM_DEVICE_H
#define CORELANE_TESTS_VMM_DEVICE_H

#include "tests/unit/vmm_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "vmm/virtio.h"

#define RING_STEP 0x4000u   /* the rings of queue q: at DESC + q * RING_STEP, below BUFFERS */
#define BUFFERS   0x100000u /* for the test */

struct one_device {
	struct fake *f;
	struct pci *pci;
	struct device *dev;
	struct virtio_dev *v;
	struct driver d[VIRTIO_QUEUES_MAX];
};

/* What the start message says is filled in by now. */
static inline int
one_device_try(struct one_device *o, struct fake *f, const struct device_ops *ops, struct err *e)
{
	int r;

	*o = (struct one_device){.f = f};
	o->pci = calloc(1, sizeof(*o->pci));
	o->dev = calloc(1, ops->size);
	o->v = container_of(o->dev, struct virtio_dev, dev);
	o->pci->dev = (struct device){.ops = &pci_ops, .vm = &f->vm};
	assert_int_equal(pci_ops.init(&o->pci->dev, 0, e), 0);
	*o->dev = (struct device){.ops = ops, .vm = &f->vm};
	r = ops->init(o->dev, 0, e);
	if (r < 0) {
		pci_ops.fini(&o->pci->dev);
		free(o->dev);
		free(o->pci);
	}
	return r;
}

static inline void
one_device_init(struct one_device *o, struct fake *f, const struct device_ops *ops)
{
	struct err e;

	if (one_device_try(o, f, ops, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void
one_device_fini(struct one_device *o)
{
	o->dev->ops->fini(o->dev);
	pci_ops.fini(&o->pci->dev);
	free(o->dev);
	free(o->pci);
	fake_free(o->f);
}

/* The driver's side of initialisation, with the features that it wants of those offered. */
static inline void
one_device_start(struct one_device *o, bool packed, uint64_t wanted)
{
	struct virtio_dev *v = o->v;
	uint64_t f = (wanted | FEATURES(packed, true)) & v->ops->features(v);

	v->s.features = f;
	v->s.status = 15;
	for (unsigned int q = 0; q < v->n_queues; q++) {
		o->d[q] = (struct driver){.mem = &o->f->vm.mem,
					  .base = q * RING_STEP,
					  .packed = packed,
					  .wrap = true,
					  .used_wrap = true};
		memset(mem_at(&o->f->vm.mem, DESC + q * RING_STEP, RING_STEP), 0, RING_STEP);
		v->s.queue[q] = (struct virtio_queue){.size = SIZE,
						      .vector = VIRTIO_NO_VECTOR,
						      .enabled = true,
						      .desc = DESC + q * RING_STEP,
						      .driver = DRIVER + q * RING_STEP,
						      .device = DEVICE + q * RING_STEP};
	}
	v->started = true;
	v->ops->start(v);
}

/* The end of a while; on a loaded machine there may be things to do yet, which do not count for it. */
struct one_device_end {
	struct loop *loop;
	int timer;
	unsigned int more; /* turns, for what never rests */
};

static inline void
one_device_in(int timer, unsigned int ms)
{
	const struct itimerspec soon = {
		.it_value = {ms / 1000, (long)(ms % 1000) * 1000000 + (ms == 0)}};

	assert_int_equal(timerfd_settime(timer, 0, &soon, NULL), 0);
}

static inline void
one_device_at_end(void *arg, uint32_t events)
{
	struct one_device_end *end = arg;
	struct pollfd others = {.fd = end->loop->epfd, .events = POLLIN};

	one_device_in(end->timer, 1000000); /* no longer ready itself */
	if (end->more-- == 0 || poll(&others, 1, 0) == 0)
		atomic_store(&end->loop->stop, true);
	else
		one_device_in(end->timer, 0);
}

/* Whatever the loop has to do for @ms. */
static inline void
one_device_run(struct one_device *o, unsigned int ms)
{
	struct loop *l = &o->f->vm.loop;
	struct one_device_end end = {.loop = l,
				     .timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
				     .more = 1000};

	one_device_in(end.timer, ms);
	assert_int_equal(loop_add(l, end.timer, EPOLLIN, one_device_at_end, &end), 0);
	assert_int_equal(loop_run(l), 0);
	atomic_store(&l->stop, false);
	loop_del(l, end.timer);
	close(end.timer);
}

/* A buffer of one piece on queue @q, and its kick. */
static inline void
one_device_add(struct one_device *o, unsigned int q, uint64_t addr, uint32_t len, bool write)
{
	const struct seg s = {addr, len, write};

	driver_add(&o->d[q], &s, 1);
	virtio_kick(o->v, q);
}

/* The starter's next event of @kind into @ret; false: there is none. Others are passed over. */
static inline bool
one_device_event(struct one_device *o, enum vmm_event_kind kind, struct vmm_event *ret)
{
	static const struct msg_head want = {.magic = VMM_EVENT_MAGIC,
					     .version = VMM_MSG_VERSION,
					     .size = sizeof(struct vmm_event)};
	size_t n;

	assert_int_equal(fcntl(o->f->starter, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	while (fdmsg_recv(o->f->starter, &want, ret, NULL, 0, &n) == 0)
		if (ret->kind == kind)
			return true;
	return false;
}

#endif
