/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of a virtqueue, split (virtio 1.2, 2.7) or packed (2.8), polled, without
 * EVENT_IDX. Everything that the device writes is checked against what it was given. Pure: memory
 * only, no device access; tested on the host against a fake device.
 *
 * A buffer is a chain of 1..VRING_SEGS_MAX segments; its id is a number below the ring's size that is
 * the caller's index for it until the device gives it back.
 */
#ifndef CORELANE_PROBE_VRING_H
#define CORELANE_PROBE_VRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VRING_SIZE_MAX 1024
#define VRING_SEGS_MAX 4

#define VDESC_NEXT     1
#define VDESC_WRITE    2
#define VDESC_INDIRECT 4
#define VDESC_AVAIL    0x80
#define VDESC_USED     0x8000

struct vdesc { /* split: le64 addr, le32 len, le16 flags, le16 next */
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct vdesc_packed {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

struct vseg {
	uint64_t addr;
	uint32_t len;
	bool write; /* the device writes it; these come last */
};

struct vring {
	bool packed, indirect;
	uint16_t size;
	uint16_t n_free;    /* descriptors */
	uint16_t n_out;     /* buffers that the device has */
	const char *broken; /* the device's first offence; nothing works after it */

	void *desc;
	uint16_t *driver; /* split: avail ring; packed: driver event suppression */
	uint16_t *device; /* split: used ring; packed: device event suppression */
	void *tables;     /* indirect: VRING_SEGS_MAX descriptors for each id */

	uint16_t next, last_used; /* split: free-running; packed: places in the ring */
	uint16_t unshown;         /* added since vring_publish() */
	bool next_wrap, used_wrap;

	uint16_t n_ids;
	uint16_t free_id[VRING_SIZE_MAX];  /* split: free descriptors; packed: free ids */
	uint16_t chain[VRING_SIZE_MAX];    /* split: the next descriptor of the same buffer */
	uint16_t n_desc[VRING_SIZE_MAX];   /* by id; 0: the device does not have it */
	uint32_t writable[VRING_SIZE_MAX]; /* by id: bytes that the device may write */
};

/* Bytes of memory that a ring of @size wants, zeroed and aligned to 64. */
size_t vring_bytes(uint16_t size, bool packed, bool indirect);
/*
 * @size: 2..VRING_SIZE_MAX, a power of 2 for split rings. The device gets the addresses of desc,
 * driver and device. Interrupts are switched off.
 */
void vring_init(struct vring *v, void *mem, uint16_t size, bool packed, bool indirect);

/* The id of the buffer now waiting in the ring, or -1 when it does not fit. Call vring_publish(). */
int vring_add(struct vring *v, const struct vseg *segs, unsigned int n);
/* Shows the device what was added. */
void vring_publish(struct vring *v);
/* Whether the device wants to be told; after vring_publish(). */
bool vring_wants_kick(const struct vring *v);

/* A buffer that the device is done with, and how many bytes it says it wrote. false: none, or broken. */
bool vring_get(struct vring *v, uint16_t *ret_id, uint32_t *ret_len);

/* The device's interrupts for this ring. */
void vring_interrupts(struct vring *v, bool on);

#endif
