/* fuzz-libs: vmm_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole virtio-blk device on a small file. Rings, headers and ranges are the fuzzer's and change while
 * requests are under way; the driver resets when it likes. Every request must come back, and the file
 * keep its size.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/virtio_blk.h"
#include "vmm/virtio_pci.h"
#include "vmm/vm.h"

#define MEM   65536
#define DISK  65536
#define SIZE  16
#define RINGS 0x800
#define CHUNK 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vmm_start start;
static struct vmm_stats stats;
static struct vm vm = {.start = &start, .stats = &stats, .start_fd = -1, .kvm_fd = -1, .vm_fd = -1};
static struct pci pci;
static struct device *dev;
static struct blk *blk;
static int file = -1;

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
set_up(void)
{
	struct err e;

	start.n_disks = start.n_fds = 1;
	start.disk[0] = (struct vmm_disk){.name = "root", .queues = 1};
	start.fd[0].role = VMM_FD_DISK;
	file = memfd_create("fuzz", MFD_CLOEXEC);
	must(ftruncate(file, DISK) == 0);
	vm.fds[0] = dup(file);
	vm.mem.n = 1;
	vm.mem.region[0] =
		(struct mem_region){.size = MEM, .hva = aligned_alloc(4096, MEM), .fd = -1};
	must(pthread_mutex_init(&vm.lock, NULL) == 0 && irq_init(&vm) == 0);
	must(loop_init(&vm.loop) == 0);
	pci.dev = (struct device){.ops = &pci_ops, .vm = &vm};
	must(pci_ops.init(&pci.dev, 0, &e) == 0);
	dev = calloc(1, virtio_blk_ops.size);
	*dev = (struct device){.ops = &virtio_blk_ops, .vm = &vm};
	must(virtio_blk_ops.init(dev, 0, &e) == 0);
	blk = container_of(dev, struct blk, v.dev);
}

/* Everything that was taken is waited for; then nothing is lost. */
static void
drain(void)
{
	struct stat st;
	unsigned int n = 0;

	virtio_blk_ops.pause(dev);
	must(blk->v.in_flight == 0 && blk->disk.in_flight == 0 && !blk->disk.waiting);
	for (const struct blk_req *r = blk->free; r; r = r->next)
		n++;
	must(n == DISK_DEPTH);
	must(fstat(file, &st) == 0 && st.st_size == DISK);
	virtio_blk_ops.resume(dev);
}

static void
begin(uint8_t how)
{
	struct virtio_dev *v = &blk->v;

	virtio_common_write(v, 0x14, 1, 0);
	drain();
	must(virtio_common_read(v, 0x14, 1) == 0);
	v->s.features = v->ops->features(v) &
			~((how & 1 ? 0 : VIRTIO_F_RING_PACKED) |
			  (how & 2 ? 0 : VIRTIO_F_EVENT_IDX) | (how & 4 ? 0 : VIRTIO_F_INDIRECT));
	v->s.status = 15;
	v->s.queue[0] = (struct virtio_queue){.size = SIZE,
					      .vector = VIRTIO_NO_VECTOR,
					      .enabled = true,
					      .driver = 0x200,
					      .device = 0x400};
	v->started = true;
	v->ops->start(v);
}

static void
turn(void)
{
	pthread_mutex_lock(&vm.lock);
	blk->v.ops->kicked(&blk->v, 0);
	pthread_mutex_unlock(&vm.lock);
	blk->v.ops->after_kick(&blk->v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *m, how;

	if (file < 0)
		set_up();
	if (size < 1)
		return 0;
	how = *data++;
	size--;
	m = vm.mem.region[0].hva;
	memset(m, 0, MEM);
	memcpy(m, data, MIN_OF(size, (size_t)2 * RINGS)); /* rings, then headers and ranges */
	begin(how);
	for (size_t at = MIN_OF(size, (size_t)2 * RINGS); at <= size; at += CHUNK) {
		turn();
		if (at < size) {
			memcpy(m + (data[at] * 16) % (2 * RINGS), data + at,
			       MIN_OF(size - at, (size_t)CHUNK));
			if (data[at] % 8 == 0)
				begin(how);
		}
		if (how & 8)
			drain();
	}
	drain();
	return 0;
}
