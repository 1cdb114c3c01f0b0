/* fuzz-libs: vmm_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of a ring in guest memory that is all the fuzzer's, and that changes between two
 * looks. Every buffer that comes out must lie in that memory: it is read and written.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/virtq.h"

#define MEM   65536
#define SIZE  16
#define CHUNK 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use(struct virtq *vq, struct virtq_buffer *b)
{
	uint8_t bytes[4096];
	struct virtq_used u = {b->id, b->slots, b->in_len};

	virtq_copy_out(b->iov, b->n_out, 1, bytes, sizeof(bytes));
	memset(bytes, 0x5a, 16);
	virtq_copy_in(b->iov + b->n_out, b->n_in, 0, bytes, 16);
	virtq_push(vq, &u, 1);
	virtq_wants_signal(vq);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = {.n = 1};
	struct virtio_queue q = {.size = SIZE, .desc = 0, .driver = 0x200, .device = 0x400};
	struct virtq_buffer b;
	struct virtq vq;
	uint64_t features;

	if (size < 2)
		return 0;
	m.region[0] = (struct mem_region){.size = MEM, .hva = aligned_alloc(4096, MEM), .fd = -1};
	memset(m.region[0].hva, 0, MEM);
	features = (data[0] & 1 ? VIRTIO_F_RING_PACKED : 0) |
		   (data[0] & 2 ? VIRTIO_F_EVENT_IDX : 0) | (data[0] & 4 ? VIRTIO_F_INDIRECT : 0);
	q.size = data[0] & 8 ? SIZE : data[1];
	data += 2;
	size -= 2;
	if (virtq_init(&vq, &m, &q, features) == 0) {
		/* Rings first, then changes of them, each followed by a turn of the device. */
		size_t first = MIN_OF(size, 0x800u);

		memcpy(m.region[0].hva, data, first);
		for (size_t at = first; at <= size; at += CHUNK) {
			struct virtq_position before = vq.avail;

			for (unsigned int i = 0; i < 4 && virtq_pop(&vq, &b) == 1; i++)
				use(&vq, &b);
			if (at % 128)
				virtq_rewind(&vq, before);
			virtq_quiet(&vq);
			virtq_listen(&vq);
			if (at < size)
				memcpy(m.region[0].hva + (data[at] * 8) % 0x800, data + at,
				       MIN_OF(size - at, (size_t)CHUNK));
		}
	}
	free(m.region[0].hva);
	return 0;
}
