/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk (virtio 1.2, 5.2) on a disk of the host. The main thread takes requests off the queues and
 * queues them to the disk with vm->lock held; it enters the kernel without. What is in flight when the
 * machine is paused or ended is waited for; when the driver resets the device, its reset is.
 */
#include "vmm/virtio_blk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/event.h"
#include "vmm/vm.h"

#define SUBMIT_REST_MS 10 /* before what the kernel did not take is offered again */

struct config { /* 5.2.4 */
	uint64_t capacity;
	uint32_t size_max, seg_max;
	uint32_t geometry;
	uint32_t blk_size;
	uint8_t physical_block_exp, alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};

static struct blk *
of(struct virtio_dev *v)
{
	return container_of(v, struct blk, v);
}

static struct blk *
of_device(struct device *dev)
{
	return container_of(dev, struct blk, v.dev);
}

/* --- what the driver sees --- */

static uint64_t
features(struct virtio_dev *v)
{
	const struct blk *b = of(v);
	uint64_t f = VIRTIO_F_COMMON | VIRTIO_BIT(BLK_F_SEG_MAX) | VIRTIO_BIT(BLK_F_BLK_SIZE) |
		     VIRTIO_BIT(BLK_F_FLUSH) | VIRTIO_BIT(BLK_F_TOPOLOGY) |
		     VIRTIO_BIT(BLK_F_CONFIG_WCE);

	if (v->n_queues > 1)
		f |= VIRTIO_BIT(BLK_F_MQ);
	if (b->disk.read_only)
		return f | VIRTIO_BIT(BLK_F_RO);
	if (b->disk.shape.can_discard)
		f |= VIRTIO_BIT(BLK_F_DISCARD);
	return f | VIRTIO_BIT(BLK_F_WRITE_ZEROES);
}

static unsigned int
log2_of(uint32_t n)
{
	return n ? 31 - (unsigned int)__builtin_clz(n) : 0;
}

static void
config_read(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len)
{
	const struct blk *b = of(v);
	const struct disk_shape *s = &b->disk.shape;
	uint32_t sector = 1u << BLK_SECTOR_SHIFT, min = s->io_min / s->block;
	const struct config c = {
		.capacity = b->sectors,
		.seg_max = BLK_SEGMENTS_MAX,
		.blk_size = s->block,
		.physical_block_exp = (uint8_t)log2_of(s->physical / s->block),
		.alignment_offset = (uint8_t)MIN_OF(s->align_offset / s->block, 255u),
		.min_io_size = (uint16_t)MIN_OF(min, 65535u),
		.opt_io_size = s->io_opt / s->block,
		.writeback = b->write_back,
		.num_queues = (uint16_t)v->n_queues,
		.max_discard_sectors = BLK_DISCARD_MAX,
		.max_discard_seg = BLK_RANGES_MAX,
		.discard_sector_alignment = s->physical / sector,
		.max_write_zeroes_sectors = BLK_ZEROES_MAX,
		.max_write_zeroes_seg = BLK_RANGES_MAX,
		.write_zeroes_may_unmap = 1,
	};

	memcpy(buf, (const char *)&c + offset, len);
}

static void
config_write(struct virtio_dev *v, unsigned int offset, const void *buf, unsigned int len)
{
	uint8_t value;

	if (offset != offsetof(struct config, writeback) || len != 1 ||
	    !virtio_has(v, VIRTIO_BIT(BLK_F_CONFIG_WCE)))
		return;
	memcpy(&value, buf, 1);
	of(v)->write_back = value != 0;
}

static void
forget(struct virtio_dev *v)
{
	of(v)->write_back = true;
}

/* --- events --- */

static void
signal_queues(struct blk *b)
{
	for (unsigned int q = 0; q < b->v.n_queues; q++)
		if (b->signal & 1u << q && b->v.ready[q] && virtq_wants_signal(&b->vq[q]))
			virtio_signal(&b->v, q);
	b->signal = 0;
}

static void
kicked(struct virtio_dev *v, unsigned int q)
{
	struct blk *b = of(v);

	blk_serve(b, q);
	signal_queues(b);
}

/* vm->lock not held, as submitting may copy much, or wait. */
static void
submit(struct virtio_dev *v)
{
	struct blk *b = of(v);

	if (disk_submit(&b->disk) == 0)
		return;
	event_signal(b->disk.event);
	loop_rest(&v->dev.vm->loop, b->disk.event, EPOLLIN, SUBMIT_REST_MS);
}

/* Requests came back: queues that wait for one get their turn, each time another one first. */
static void
feed(struct blk *b)
{
	uint32_t starved = b->starved;
	unsigned int n = b->v.n_queues;

	b->starved = 0;
	b->turn = (b->turn + 1) % n;
	for (unsigned int i = 0; i < n && starved; i++) {
		unsigned int q = (b->turn + i) % n;

		if (starved & 1u << q)
			blk_serve(b, q);
	}
}

static void
reap(struct blk *b)
{
	struct vm *vm = b->v.dev.vm;

	pthread_mutex_lock(&vm->lock);
	disk_reap(&b->disk);
	feed(b);
	signal_queues(b);
	virtio_settle(&b->v);
	pthread_mutex_unlock(&vm->lock);
}

static void
completed(void *arg, uint32_t events)
{
	struct blk *b = arg;

	event_drain(b->disk.event);
	reap(b);
	submit(&b->v);
}

/* Waits for everything that is in flight. Main thread, vm->lock not held. */
static void
drain(struct blk *b)
{
	while (b->disk.in_flight > 0) {
		disk_wait(&b->disk);
		reap(b);
	}
}

/* --- the device --- */

static const struct virtio_ops blk_ops = {
	.type = VIRTIO_ID_BLOCK,
	.pci_class = 0x010000,
	.features = features,
	.config_size = sizeof(struct config),
	.config_read = config_read,
	.config_write = config_write,
	.start = virtio_serve_start,
	.queue_changed = virtio_serve_queue,
	.kicked = kicked,
	.after_kick = submit,
	.reset = forget,
};

/* Taken off the queues before: no new request comes while the last ones are waited for. */
static void
fini(struct device *dev)
{
	struct blk *b = of_device(dev);
	struct vm *vm = dev->vm;

	pthread_mutex_lock(&vm->lock);
	b->v.paused = true;
	pthread_mutex_unlock(&vm->lock);
	drain(b);
	if (b->disk.event >= 0)
		loop_del(&vm->loop, b->disk.event);
	virtio_fini(&b->v);
	disk_close(&b->disk);
}

static void
set_size(struct blk *b, uint64_t bytes)
{
	b->disk.shape.size = bytes;
	b->sectors = align_down(bytes, b->disk.shape.block) >> BLK_SECTOR_SHIFT;
}

static int
open_disk(struct blk *b, struct err *e)
{
	struct vm *vm = b->v.dev.vm;
	const struct vmm_disk *want = &vm->start->disk[b->index];
	int fd = vm_take_fd(vm, VMM_FD_DISK, b->index), r;

	b->disk.fd = fd;
	b->disk.event = -1;
	if (fd < 0)
		return err_set(e, EINVAL, "%s: it was not handed in", b->v.name);
	b->disk.done = blk_done;
	b->disk.arg = b;
	r = disk_open(&b->disk, fd, b->v.name, want->read_only, &vm->start->emulator, e);
	if (r < 0)
		return r;
	set_size(b, b->disk.shape.size);
	if (b->sectors == 0)
		return err_set(e, EINVAL, "%s: it is empty; give it a size (truncate -s)",
			       b->v.name);
	r = loop_add(&vm->loop, b->disk.event, EPOLLIN, completed, b);
	return r < 0 ? err_sys(e, -r, "%s: cannot watch it", b->v.name) : 0;
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	struct blk *b = of_device(dev);
	const struct vmm_disk *want = &dev->vm->start->disk[index];
	int r;

	b->index = index;
	b->write_back = true;
	b->v.vq = b->vq;
	for (unsigned int i = 0; i < DISK_DEPTH; i++) {
		b->req[i].blk = b;
		b->req[i].next = b->free;
		b->free = &b->req[i];
	}
	snprintf(b->v.name, sizeof(b->v.name), "disk %.*s", NAME_MAX_LEN - 6, want->name);
	r = open_disk(b, e);
	if (r == 0)
		r = virtio_init(&b->v, &blk_ops, SLOT_DISK0 + index, want->queues, VIRTQ_SIZE_MAX,
				e);
	if (r < 0)
		fini(dev);
	return r;
}

static void
pause_device(struct device *dev)
{
	virtio_device_pause(dev);
	drain(of_device(dev));
}

static int
request(struct device *dev, const struct vmm_req *q, struct err *e)
{
	struct blk *b = of_device(dev);
	uint64_t bytes;
	int r;

	if (q->op != VMM_OP_DISK_RESIZED || q->index != b->index)
		return -ENOSYS;
	r = disk_size(&b->disk, &bytes);
	if (r < 0)
		return err_sys(e, -r, "%s: cannot see its size", b->v.name);
	pthread_mutex_lock(&dev->vm->lock);
	if (bytes != b->disk.shape.size) {
		set_size(b, bytes);
		virtio_config_changed(&b->v);
	}
	pthread_mutex_unlock(&dev->vm->lock);
	return 0;
}

const struct device_ops virtio_blk_ops = {
	.name = "virtio-blk",
	.size = sizeof(struct blk),
	.state_offset = offsetof(struct blk, v.s),
	.state_size = sizeof(struct virtio_state),
	.init = init,
	.reset = virtio_device_reset,
	.pause = pause_device,
	.resume = virtio_device_resume,
	.request = request,
	.fini = fini,
};
