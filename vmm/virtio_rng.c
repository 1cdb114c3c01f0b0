/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-rng (virtio 1.2, 5.4): fills buffers with getrandom(2). At most 64 KiB a turn of the loop and
 * 4 KiB a buffer, so that a guest that asks for gigabytes only makes itself wait.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "vmm/virtio.h"
#include "vmm/virtq.h"
#include "vmm/vm.h"

#define QUEUE_SIZE     64
#define BUFFERS_A_TURN 16
#define BUFFER_BYTES   4096

struct rng {
	struct virtio_dev v;
	struct virtq q;
	struct virtq_buffer b;
};

/* 5.4.6.1: at least one byte into each buffer; the length says how many. */
static void
fill(struct rng *g)
{
	char bytes[BUFFER_BYTES];
	ssize_t n = getrandom(bytes, MIN_OF(sizeof(bytes), g->b.in_len), 0);
	struct virtq_used u = {g->b.id, g->b.slots, 0};

	if (n > 0)
		u.len = (uint32_t)virtq_copy_in(g->b.iov + g->b.n_out, g->b.n_in, 0, bytes,
						(size_t)n);
	virtq_push(&g->q, &u, 1);
}

static void
run(struct rng *g)
{
	int r = 1;

	for (unsigned int i = 0; i < BUFFERS_A_TURN; i++) {
		r = virtq_pop(&g->q, &g->b);
		if (r == 0 && virtq_listen(&g->q)) {
			r = 1; /* there is one after all; no kick tells of it */
			continue;
		}
		if (r <= 0)
			break;
		fill(g);
	}
	if (virtq_wants_signal(&g->q))
		virtio_signal(&g->v, 0);
	if (r > 0)
		virtio_kick(&g->v, 0);
	if (r < 0)
		virtio_broken(&g->v, "request queue: %s", g->q.broken);
}

static void
kicked(struct virtio_dev *v, unsigned int q)
{
	if (virtio_active(v, q))
		run(container_of(v, struct rng, v));
}

static uint64_t
features(struct virtio_dev *v)
{
	return VIRTIO_F_COMMON;
}

static const struct virtio_ops rng_ops = {
	.type = VIRTIO_ID_RNG,
	.pci_class = 0x00ff00,
	.features = features,
	.start = virtio_serve_start,
	.queue_changed = virtio_serve_queue,
	.kicked = kicked,
};

static void
fini(struct device *dev)
{
	virtio_fini(&container_of(dev, struct rng, v.dev)->v);
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	struct rng *g = container_of(dev, struct rng, v.dev);
	int r;

	snprintf(g->v.name, sizeof(g->v.name), "rng");
	g->v.vq = &g->q;
	r = virtio_init(&g->v, &rng_ops, SLOT_RNG, 1, QUEUE_SIZE, e);
	if (r < 0)
		fini(dev);
	return r;
}

const struct device_ops virtio_rng_ops = {
	.name = "virtio-rng",
	.size = sizeof(struct rng),
	.state_offset = offsetof(struct rng, v.s),
	.state_size = sizeof(struct virtio_state),
	.init = init,
	.reset = virtio_device_reset,
	.pause = virtio_device_pause,
	.resume = virtio_device_resume,
	.fini = fini,
};
