/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-vsock (virtio 1.2, 5.10) through the kernel's vhost-vsock: the host's programs reach the guest as
 * AF_VSOCK at its address, and the guest reaches them at address 2. The kernel serves both rings: a kick is
 * an ioeventfd that it reads, an interrupt an irqfd that it signals. The event queue is there and stays
 * silent: its one event tells of a migration.
 */
#include "vmm/vhost_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/virtio.h"
#include "vmm/virtio_queue.h"
#include "vmm/vm.h"

enum { RX, TX, EVENT, N_QUEUES, N_VHOST = EVENT };

#define QUEUE_SIZE  256
#define F_SEQPACKET VIRTIO_BIT(1)

struct vsock {
	struct virtio_dev v;
	int fd;        /* /dev/vhost-vsock; owned */
	int no_vector; /* eventfd for rings without an interrupt; owned */
	uint64_t theirs;
	uint16_t base[N_VHOST]; /* state: where each ring goes on after a pause */
	bool running;
};

static struct vsock *
of(struct virtio_dev *v)
{
	return container_of(v, struct vsock, v);
}

static int
call(const struct vsock *d, unsigned long op, void *arg)
{
	return ioctl(d->fd, op, arg) < 0 ? -errno : 0;
}

/* --- the rings --- */

static int
set_memory(struct vsock *d)
{
	const struct mem *m = &d->v.dev.vm->mem;
	union { /* its last member is an array without a length */
		struct vhost_memory t;
		uint8_t room[sizeof(struct vhost_memory) +
			     MEM_REGIONS_MAX * sizeof(struct vhost_memory_region)];
	} table;

	memset(&table, 0, sizeof(table));
	table.t.nregions = m->n;
	for (unsigned int i = 0; i < m->n; i++)
		table.t.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = m->region[i].gpa,
			.memory_size = m->region[i].size,
			.userspace_addr = (uintptr_t)m->region[i].hva,
		};
	return call(d, VHOST_SET_MEM_TABLE, &table);
}

/* The eventfd may change when the driver moves the vector. */
static int
set_call(struct vsock *d, unsigned int q)
{
	int fd = virtio_call_fd(&d->v, q);
	struct vhost_vring_file f = {.index = q, .fd = fd >= 0 ? fd : d->no_vector};

	return call(d, VHOST_SET_VRING_CALL, &f);
}

static int
set_ring(struct vsock *d, unsigned int q)
{
	const struct virtio_queue *s = &d->v.s.queue[q];
	struct vhost_vring_state num = {.index = q, .num = s->size};
	struct vhost_vring_state base = {.index = q, .num = d->base[q]};
	struct vhost_vring_file kick = {.index = q, .fd = d->v.kick[q]};
	struct vhost_vring_addr addr = {.index = q};
	struct virtio_rings rings;
	int r = virtio_queue_rings(&d->v.dev.vm->mem, s, false, &rings);

	if (r < 0) /* they were in RAM when the queue was enabled, and RAM does not move */
		return r;
	addr.desc_user_addr = (uintptr_t)rings.desc;
	addr.avail_user_addr = (uintptr_t)rings.driver;
	addr.used_user_addr = (uintptr_t)rings.device;
	r = call(d, VHOST_SET_VRING_NUM, &num);
	if (r == 0)
		r = call(d, VHOST_SET_VRING_BASE, &base);
	if (r == 0)
		r = call(d, VHOST_SET_VRING_ADDR, &addr);
	if (r == 0)
		r = call(d, VHOST_SET_VRING_KICK, &kick);
	return r < 0 ? r : set_call(d, q);
}

static int
set_running(struct vsock *d, int on)
{
	return call(d, VHOST_VSOCK_SET_RUNNING, &on);
}

/* Once both rings are there. */
static void
go(struct vsock *d)
{
	uint64_t features = d->v.s.features & d->theirs;
	int r = 0;

	if (d->running || d->v.paused || !d->v.s.queue[RX].enabled || !d->v.s.queue[TX].enabled)
		return;
	r = call(d, VHOST_SET_FEATURES, &features);
	if (r == 0)
		r = set_memory(d);
	for (unsigned int q = 0; q < N_VHOST && r == 0; q++)
		r = set_ring(d, q);
	if (r == 0)
		r = set_running(d, 1);
	if (r < 0) {
		virtio_broken(&d->v, "the kernel does not take its rings: %s", strerror(-r));
		return;
	}
	d->running = true;
	for (unsigned int q = 0; q < N_VHOST; q++)
		virtio_kick(&d->v, q); /* for what came while nobody looked */
}

/* When it returns the kernel touches the rings no more, and d->base says how far it got. */
static void
halt(struct vsock *d)
{
	if (!d->running)
		return;
	d->running = false;
	set_running(d, 0);
	for (unsigned int q = 0; q < N_VHOST; q++) {
		struct vhost_vring_state s = {.index = q};

		if (call(d, VHOST_GET_VRING_BASE, &s) == 0)
			d->base[q] = (uint16_t)s.num;
	}
}

/* --- the device --- */

static void
start(struct virtio_dev *v)
{
	struct vsock *d = of(v);

	memset(d->base, 0, sizeof(d->base));
	go(d);
}

static void
queue_changed(struct virtio_dev *v, unsigned int q)
{
	struct vsock *d = of(v);

	if (!d->running)
		go(d);
	else if (q < N_VHOST)
		set_call(d, q);
}

static void
stop(struct virtio_dev *v)
{
	halt(of(v));
}

static void
paused(struct virtio_dev *v)
{
	halt(of(v));
}

static void
resumed(struct virtio_dev *v)
{
	if (v->started)
		go(of(v));
}

/* What the kernel serves, and of that what the rings here can be: split only. */
static uint64_t
features(struct virtio_dev *v)
{
	return of(v)->theirs &
	       (VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | F_SEQPACKET);
}

static void
config_read(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len)
{
	uint8_t cid[8] = {0};

	pci_put(cid, 0, 4, v->dev.vm->start->vsock_cid);
	memcpy(buf, cid + offset, len);
}

static const struct virtio_ops vsock_ops = {
	.type = VIRTIO_ID_VSOCK,
	.pci_class = 0x028000,
	.features = features,
	.config_size = 8,
	.config_read = config_read,
	.start = start,
	.queue_changed = queue_changed,
	.stop = stop,
	.paused = paused,
	.resumed = resumed,
};

static void
fini(struct device *dev)
{
	struct vsock *d = container_of(dev, struct vsock, v.dev);

	virtio_fini(&d->v);
	if (d->fd >= 0)
		close(d->fd);
	if (d->no_vector >= 0)
		close(d->no_vector);
}

static int
open_kernel(struct vsock *d, struct err *e)
{
	uint64_t cid = d->v.dev.vm->start->vsock_cid;
	int r;

	if (d->fd < 0)
		return err_set(e, EINVAL, "vsock: /dev/vhost-vsock was not handed in");
	r = call(d, VHOST_SET_OWNER, NULL);
	if (r == 0)
		r = call(d, VHOST_GET_FEATURES, &d->theirs);
	if (r < 0)
		return err_sys(e, -r, "vsock: what was handed in is no /dev/vhost-vsock");
	if (!(d->theirs & VIRTIO_F_VERSION_1))
		return err_set(e, ENOTSUP, "vsock: the host's vhost-vsock is too old (virtio 0.9)");
	r = call(d, VHOST_VSOCK_SET_GUEST_CID, &cid);
	if (r == -EADDRINUSE)
		return err_set(e, EADDRINUSE,
			       "vsock: the address %llu is another machine's on this host; declare "
			       "another cid",
			       (unsigned long long)cid);
	return r < 0 ? err_sys(e, -r, "vsock: address %llu", (unsigned long long)cid) : 0;
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	struct vsock *d = container_of(dev, struct vsock, v.dev);
	int r;

	snprintf(d->v.name, sizeof(d->v.name), "vsock");
	d->fd = vm_take_fd(dev->vm, VMM_FD_VSOCK, 0);
	d->no_vector = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = d->no_vector < 0 ? err_sys(e, errno, "vsock: eventfd") : open_kernel(d, e);
	if (r == 0)
		r = virtio_init(&d->v, &vsock_ops, SLOT_VSOCK, N_QUEUES, QUEUE_SIZE, e);
	if (r < 0)
		fini(dev);
	return r;
}

const struct device_ops virtio_vsock_ops = {
	.name = "virtio-vsock",
	.size = sizeof(struct vsock),
	.state_offset = offsetof(struct vsock, v.s),
	.state_size = sizeof(struct virtio_state),
	.init = init,
	.reset = virtio_device_reset,
	.pause = virtio_device_pause,
	.resume = virtio_device_resume,
	.fini = fini,
};
