/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of a split or packed ring (virtio 1.2, 2.7 and 2.8), for devices that the VMM serves
 * itself. Guest memory may change at any moment: every descriptor is copied once, the copy is checked,
 * and its buffers go through the gate (mem_at). After a broken rule a queue stays broken.
 *
 * One thread at a time (vm->lock). Nothing here allocates or makes a system call.
 */
#ifndef CORELANE_VMM_VIRTQ_H
#define CORELANE_VMM_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/mem.h"
#include "vmm/virtio_queue.h"

/*
 * Buffers of one chain. A device whose driver may chain as many as the queue has entries offers no larger
 * a queue; one that takes short chains only (the control queue) may.
 */
#define VIRTQ_SIZE_MAX 256

struct virtq_position {
	uint16_t next;
	bool wrap; /* packed only */
};

struct virtq {
	const struct mem *mem;
	struct virtio_rings ring;
	uint16_t size;
	bool packed, event_idx, indirect;
	struct virtq_position avail; /* the next buffer to take */
	struct virtq_position used;  /* where the next used one is told */
	uint16_t signalled;          /* used.next at the last interrupt */
	bool signalled_wrap;
	const char *broken; /* NULL, or which rule the driver broke */
};

/* A buffer: @out pieces that the driver wrote, then @in pieces for us to write. */
struct virtq_buffer {
	uint16_t id;
	uint16_t slots; /* ring entries it takes (packed) */
	unsigned int n_out, n_in;
	uint32_t out_len, in_len;
	struct iovec iov[VIRTQ_SIZE_MAX]; /* the n_out, then the n_in */
};

struct virtq_used {
	uint16_t id, slots;
	uint32_t len; /* bytes written */
};

/* @q is enabled, so its rings are in RAM: else -EINVAL, and the queue is broken. */
int virtq_init(struct virtq *vq, const struct mem *m, const struct virtio_queue *q,
	       uint64_t features);

/* 1: the next buffer; 0: none; -EPROTO: vq->broken says why, and nothing works any more. */
int virtq_pop(struct virtq *vq, struct virtq_buffer *ret);
/* The owner saw a rule broken (what is in a buffer, say): the same as when pop does. Always -EPROTO. */
int virtq_fault(struct virtq *vq, const char *why);
/* Un-takes everything since @p was read from vq->avail. */
void virtq_rewind(struct virtq *vq, struct virtq_position p);

/* Gives @n (> 0) buffers back, visible to the driver all at once. */
void virtq_push(struct virtq *vq, const struct virtq_used *u, unsigned int n);
/* Whether the driver wants an interrupt for what was pushed since the last time this was true. */
bool virtq_wants_signal(struct virtq *vq);

/* Asks the driver not to kick (a hint), or to kick for the next buffer. */
void virtq_quiet(struct virtq *vq);
/* true: there is a buffer already, look again. */
bool virtq_listen(struct virtq *vq);

/* Bytes @offset.. of a piece list; the number copied. */
size_t virtq_copy_in(const struct iovec *iov, unsigned int n, size_t offset, const void *src,
		     size_t len);
size_t virtq_copy_out(const struct iovec *iov, unsigned int n, size_t offset, void *dst,
		      size_t len);

#endif
