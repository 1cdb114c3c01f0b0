/* fuzz-libs: vmm_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest may do to its console, balloon, random numbers, watchdog and panic device: rings and
 * registers are the fuzzer's, and clients of console ports come and go meanwhile. Each must survive a
 * reset, and a broken one do nothing any more.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/virtio_pci.h"
#include "vmm/vm.h"

#define MEM       65536
#define SIZE      16
#define RING_STEP 0x400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct device_ops *const kinds[] = {
	&virtio_console_ops, &virtio_balloon_ops, &virtio_rng_ops, &watchdog_ops, &pvpanic_ops,
};
enum { VIRTIO = 3 }; /* so many of them are virtio devices */

static struct vmm_start start;
static struct vmm_stats stats;
static struct vm vm = {.start = &start, .stats = &stats, .start_fd = -1, .kvm_fd = -1, .vm_fd = -1};
static struct pci pci;
static struct device *dev[ARRAY_SIZE(kinds)];
static int peer = -1, listener = -1, client = -1; /* of hvc0, of the port */

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
hand_in(unsigned int i, uint16_t role, int fd)
{
	start.fd[i].role = role;
	vm.fds[i] = fd;
	start.n_fds = i + 1;
}

/* Abstract: no file is left. The kernel chooses the name. */
static int
listening(void)
{
	const struct sockaddr_un any = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(bind(fd, (const struct sockaddr *)&any, sizeof(sa_family_t)) == 0);
	must(listen(fd, 4) == 0);
	return fd;
}

static void
set_up(void)
{
	struct mem_region *r = &vm.mem.region[0];
	int pair[2];
	struct err e;

	start.n_ports = start.balloon = start.watchdog = 1;
	strcpy(start.port[0], "agent");
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	peer = pair[0];
	listener = listening();
	hand_in(0, VMM_FD_CONSOLE, pair[1]);
	hand_in(1, VMM_FD_PORT, dup(listener));
	*r = (struct mem_region){.size = MEM, .fd = memfd_create("fuzz", MFD_CLOEXEC)};
	must(ftruncate(r->fd, MEM) == 0);
	r->hva = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	must(r->hva != MAP_FAILED);
	vm.mem.n = 1;
	vm.mem.page_size = start.page_size = 4096;
	must(pthread_mutex_init(&vm.lock, NULL) == 0 && irq_init(&vm) == 0);
	must(loop_init(&vm.loop) == 0);
	vm.pci = &pci;
	pci.dev = (struct device){.ops = &pci_ops, .vm = &vm};
	must(pci_ops.init(&pci.dev, 0, &e) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		dev[i] = calloc(1, kinds[i]->size);
		*dev[i] = (struct device){.ops = kinds[i], .vm = &vm};
		must(kinds[i]->init(dev[i], 0, &e) == 0);
	}
}

static void
begin(struct virtio_dev *v, uint8_t how)
{
	virtio_common_write(v, 0x14, 1, 0);
	must(virtio_common_read(v, 0x14, 1) == 0 && !v->started);
	v->s.features = v->ops->features(v) &
			~((how & 1 ? 0 : VIRTIO_F_RING_PACKED) |
			  (how & 2 ? 0 : VIRTIO_F_EVENT_IDX) | (how & 4 ? 0 : VIRTIO_F_INDIRECT));
	v->s.status = 15;
	for (unsigned int q = 0; q < v->n_queues; q++)
		v->s.queue[q] = (struct virtio_queue){.size = SIZE,
						      .vector = VIRTIO_NO_VECTOR,
						      .enabled = true,
						      .desc = q * RING_STEP,
						      .driver = q * RING_STEP + 0x100,
						      .device = q * RING_STEP + 0x200};
	v->started = true;
	v->ops->start(v);
}

static void
come_or_go(void)
{
	struct sockaddr_un at;
	socklen_t len = sizeof(at);

	if (client >= 0) {
		close(client);
		client = -1;
		return;
	}
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	if (connect(client, (struct sockaddr *)&at, len) < 0) {
		close(client);
		client = -1;
	}
}

static void
stop_soon(void *arg, uint32_t events)
{
	uint64_t n;

	(void)events;
	must(read(*(int *)arg, &n, sizeof(n)) > 0);
	atomic_store(&vm.loop.stop, true);
}

/* A turn of the loop, for what is due there. */
static void
turn(void)
{
	static int tick = -1;
	uint64_t one = 1;

	if (tick < 0) {
		tick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		must(loop_add(&vm.loop, tick, EPOLLIN, stop_soon, &tick) == 0);
	}
	must(write(tick, &one, sizeof(one)) > 0);
	atomic_store(&vm.loop.stop, false);
	must(loop_run(&vm.loop) == 0);
}

/* Four bytes: what, and to what. */
static void
act(struct device *d, const uint8_t *p)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);
	bool is_virtio = d->ops != &watchdog_ops && d->ops != &pvpanic_ops;
	struct pci_fn *fn = pci.fn[d->ops == &watchdog_ops  ? SLOT_WATCHDOG
				   : d->ops == &pvpanic_ops ? SLOT_PANIC
							    : v->fn.slot];
	unsigned int size = 1u << (p[1] & 1);
	char buf[4096];

	switch (p[0] % 8) {
	case 0:
		if (is_virtio)
			virtio_kick(v, p[1] % v->n_queues);
		break;
	case 1:
		fn->ops->bar_write(fn, 0, (is_virtio ? 0x2000u : 0) + (p[2] & 0xfu & ~(size - 1)),
				   size, (uint64_t)p[3] << 8 | p[1]);
		break;
	case 2:
		fn->ops->bar_read(fn, 0, (is_virtio ? 0x2000u : 0) + (p[2] & 0xfu & ~(size - 1)),
				  size);
		break;
	case 3:
		pci_fn_write(fn, (unsigned int)p[2] & ~3u, 4, (uint32_t)p[3] << 24 | p[1]);
		break;
	case 4:
		come_or_go();
		break;
	case 5:
		(void)!write(p[1] & 1 && client >= 0 ? client : peer, p, 4);
		break;
	case 6:
		(void)!read(p[1] & 1 && client >= 0 ? client : peer, buf, sizeof(buf));
		break;
	default:
		d->ops->reset(d);
		if (is_virtio)
			begin(v, p[1]);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmm_reply reply = {0};
	struct device *d;
	size_t rings;

	if (peer < 0)
		set_up();
	if (size < 4)
		return 0;
	d = dev[data[0] % ARRAY_SIZE(kinds)];
	memset(vm.mem.region[0].hva, 0, MEM);
	rings = MIN_OF(size - 4, (size_t)data[2] * 64);
	memcpy(vm.mem.region[0].hva, data + 4, rings);
	d->ops->reset(d);
	if (data[0] % ARRAY_SIZE(kinds) < VIRTIO)
		begin(container_of(d, struct virtio_dev, dev), data[1]);
	for (size_t at = 4 + rings; at + 4 <= size; at += 4) {
		act(d, data + at);
		if (data[at] & 0x80)
			turn();
	}
	turn();
	if (d->ops->status)
		d->ops->status(d, &reply);
	return 0;
}
