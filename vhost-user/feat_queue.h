/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole frames that wait, oldest first, in memory of our own that is there before the first one comes.
 * One thread at a time.
 */
#ifndef CORELANE_VHOST_USER_FEAT_QUEUE_H
#define CORELANE_VHOST_USER_FEAT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-user/pkt.h"

struct frame_queue {
	uint8_t *mem;
	uint32_t size;
	uint32_t head, tail; /* offsets: the oldest frame; where the next one goes */
	uint32_t frames, bytes;
	uint32_t limit; /* of bytes */
};

/* Room for @limit bytes in frames; a few less when they are tiny. -ENOMEM. */
int frame_queue_init(struct frame_queue *q, uint32_t limit);
void frame_queue_fini(struct frame_queue *q);

/* Copies the frame; false: the queue is full. One frame is taken whatever the limit. */
bool frame_queue_push(struct frame_queue *q, const struct pkt *pkt);

/*
 * Takes the oldest frame out. @ret refers to it where it lies, until the next push; its head is as
 * long as a deep one. False: there is none.
 */
bool frame_queue_pop(struct frame_queue *q, struct pkt *ret);

/* The length of the oldest frame; 0: none waits. */
uint32_t frame_queue_next(struct frame_queue *q);

#endif
