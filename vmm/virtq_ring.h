/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts of both ring kinds, and what virtq.c, virtq_split.c and virtq_packed.c share. */
#ifndef CORELANE_VMM_VIRTQ_RING_H
#define CORELANE_VMM_VIRTQ_RING_H

#include <stdint.h>

#include "vmm/virtq.h"

enum { /* 2.7.5, 2.8.5 */
       DESC_NEXT = 1,
       DESC_WRITE = 2,
       DESC_INDIRECT = 4,
       DESC_AVAIL = 1 << 7, /* packed */
       DESC_USED = 1 << 15,
};

struct split_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct split_avail {
	uint16_t flags, idx, ring[]; /* [size]: used_event */
};

struct split_used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[]; /* [size]: avail_event, 16 bits */
};

struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

struct packed_event {
	uint16_t off_wrap, flags;
};

enum { EVENT_ENABLE, EVENT_DISABLE, EVENT_DESC }; /* 2.8.10 */

/* Adds one checked piece to @b. 0 or -EPROTO. */
int virtq_add(struct virtq *vq, struct virtq_buffer *b, uint64_t addr, uint32_t len,
	      uint16_t flags);
/* The descriptors of an indirect table: its address, and how many. 0 or -EPROTO. */
int virtq_table(struct virtq *vq, uint64_t addr, uint32_t len, const void **ret,
		unsigned int *ret_n);

int virtq_split_pop(struct virtq *vq, struct virtq_buffer *b);
void virtq_split_push(struct virtq *vq, const struct virtq_used *u, unsigned int n);
bool virtq_split_wants_signal(struct virtq *vq);
void virtq_split_quiet(struct virtq *vq);
bool virtq_split_listen(struct virtq *vq);

int virtq_packed_pop(struct virtq *vq, struct virtq_buffer *b);
void virtq_packed_push(struct virtq *vq, const struct virtq_used *u, unsigned int n);
bool virtq_packed_wants_signal(struct virtq *vq);
void virtq_packed_quiet(struct virtq *vq);
bool virtq_packed_listen(struct virtq *vq);

#endif
