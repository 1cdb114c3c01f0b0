/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/virtq.h"

#include <errno.h>
#include <string.h>

#include "vmm/virtq_ring.h"

int
virtq_init(struct virtq *vq, const struct mem *m, const struct virtio_queue *q, uint64_t features)
{
	bool packed = features & VIRTIO_F_RING_PACKED;

	*vq = (struct virtq){
		.mem = m,
		.size = q->size,
		.packed = packed,
		.event_idx = features & VIRTIO_F_EVENT_IDX,
		.indirect = features & VIRTIO_F_INDIRECT,
		.avail = {0, packed},
		.used = {0, packed},
		.signalled_wrap = packed,
	};
	if (virtio_queue_rings(m, q, packed, &vq->ring) < 0) {
		vq->broken = "not a ring in RAM";
		return -EINVAL;
	}
	return 0;
}

int
virtq_fault(struct virtq *vq, const char *why)
{
	if (!vq->broken)
		vq->broken = why;
	return -EPROTO;
}

int
virtq_add(struct virtq *vq, struct virtq_buffer *b, uint64_t addr, uint32_t len, uint16_t flags)
{
	bool in = flags & DESC_WRITE;
	uint32_t *total = in ? &b->in_len : &b->out_len;
	unsigned int n = b->n_out + b->n_in;
	void *p;

	if (!in && b->n_in)
		return virtq_fault(vq, "a readable buffer after a writable one");
	if (n == vq->size)
		return virtq_fault(vq, "a chain longer than the queue");
	if (n == VIRTQ_SIZE_MAX)
		return virtq_fault(vq, "a chain of more than 256 buffers");
	if (__builtin_add_overflow(*total, len, total))
		return virtq_fault(vq, "a chain of more than 4 GiB");
	if (len == 0)
		return 0; /* no bytes, so nowhere to be */
	p = mem_at(vq->mem, addr, len);
	if (!p)
		return virtq_fault(vq, "a buffer outside RAM");
	b->iov[n] = (struct iovec){p, len};
	if (in)
		b->n_in++;
	else
		b->n_out++;
	return 0;
}

int
virtq_table(struct virtq *vq, uint64_t addr, uint32_t len, const void **ret, unsigned int *ret_n)
{
	const void *p;

	if (!vq->indirect)
		return virtq_fault(vq, "an indirect descriptor that was not negotiated");
	if (len == 0 || len % sizeof(struct split_desc))
		return virtq_fault(vq, "an indirect table of a bad length");
	if (len / sizeof(struct split_desc) > vq->size)
		return virtq_fault(vq, "an indirect table longer than the queue");
	p = mem_at(vq->mem, addr, len);
	if (!p)
		return virtq_fault(vq, "an indirect table outside RAM");
	*ret = p;
	*ret_n = len / sizeof(struct split_desc);
	return 0;
}

int
virtq_pop(struct virtq *vq, struct virtq_buffer *b)
{
	if (vq->broken)
		return -EPROTO;
	b->n_out = b->n_in = 0;
	b->out_len = b->in_len = 0;
	return vq->packed ? virtq_packed_pop(vq, b) : virtq_split_pop(vq, b);
}

void
virtq_rewind(struct virtq *vq, struct virtq_position p)
{
	vq->avail = p;
}

void
virtq_push(struct virtq *vq, const struct virtq_used *u, unsigned int n)
{
	if (vq->broken)
		return;
	if (vq->packed)
		virtq_packed_push(vq, u, n);
	else
		virtq_split_push(vq, u, n);
}

bool
virtq_wants_signal(struct virtq *vq)
{
	bool wants;

	if (vq->broken || (vq->signalled == vq->used.next && vq->signalled_wrap == vq->used.wrap))
		return false; /* nothing was pushed */
	wants = vq->packed ? virtq_packed_wants_signal(vq) : virtq_split_wants_signal(vq);
	vq->signalled = vq->used.next;
	vq->signalled_wrap = vq->used.wrap;
	return wants;
}

void
virtq_quiet(struct virtq *vq)
{
	if (vq->broken)
		return;
	if (vq->packed)
		virtq_packed_quiet(vq);
	else
		virtq_split_quiet(vq);
}

bool
virtq_listen(struct virtq *vq)
{
	if (vq->broken)
		return false;
	return vq->packed ? virtq_packed_listen(vq) : virtq_split_listen(vq);
}

/* Calls memcpy for each part of [@offset, @offset + @len) that the pieces have. */
static size_t
copy(const struct iovec *iov, unsigned int n, size_t offset, void *flat, size_t len, bool to_iov)
{
	size_t done = 0;

	for (unsigned int i = 0; i < n && done < len; i++) {
		size_t part;
		char *at;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		at = (char *)iov[i].iov_base + offset;
		part = MIN_OF(len - done, iov[i].iov_len - offset);
		memcpy(to_iov ? at : (char *)flat + done, to_iov ? (char *)flat + done : at, part);
		done += part;
		offset = 0;
	}
	return done;
}

size_t
virtq_copy_in(const struct iovec *iov, unsigned int n, size_t offset, const void *src, size_t len)
{
	return copy(iov, n, offset, (void *)(uintptr_t)src, len, true);
}

size_t
virtq_copy_out(const struct iovec *iov, unsigned int n, size_t offset, void *dst, size_t len)
{
	return copy(iov, n, offset, dst, len, false);
}
