/* SPDX-License-Identifier: Apache-2.0 */
/* Setting virtqueues up and waking devices: what is not on the fast path. See ring.h. */
#include "bench/load/ring.h"

#include <string.h>
#include <unistd.h>

/* Event suppression structures stand behind the packed descriptors, a cache line each. */
#define EVENT_BYTES 64

size_t
ring_bytes(bool packed, uint16_t size)
{
	if (packed)
		return size * sizeof(struct vring_packed_desc) + 2 * (size_t)EVENT_BYTES;
	return vring_size(size, 64);
}

static void
reset_split(struct ring *r, void *mem)
{
	/* Used ring on a cache line of its own: the two sides write to different lines. */
	vring_init(&r->vr, r->size, mem, 64);
	for (uint16_t i = 0; i < r->size; i++) {
		r->vr.desc[i].addr = r->buf_gpa + i * r->stride;
		r->vr.desc[i].flags = r->receive ? VRING_DESC_F_WRITE : 0;
	}
	r->vr.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

static void
reset_packed(struct ring *r, void *mem)
{
	uint8_t *events = (uint8_t *)mem + r->size * sizeof(struct vring_packed_desc);

	r->desc = mem;
	r->driver = (void *)events;
	r->device = (void *)(events + EVENT_BYTES);
	r->driver->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	r->avail_wrap = true;
	r->used_wrap = true;
}

void
ring_reset(struct ring *r, void *mem)
{
	memset(mem, 0, ring_bytes(r->packed, r->size));
	memset(r->with_device, 0, sizeof(r->with_device));
	r->broken = false;
	r->avail = 0;
	r->used = 0;
	r->held = 0;
	r->n_free = r->size;
	r->free_at = 0;
	for (uint16_t i = 0; i < r->size; i++)
		r->free[i] = i;
	if (r->packed)
		reset_packed(r, mem);
	else
		reset_split(r, mem);
}

void
ring_addresses(const struct ring *r, uint64_t *ret_desc, uint64_t *ret_driver, uint64_t *ret_device)
{
	if (r->packed) {
		*ret_desc = (uintptr_t)r->desc;
		*ret_driver = (uintptr_t)r->driver;
		*ret_device = (uintptr_t)r->device;
		return;
	}
	*ret_desc = (uintptr_t)r->vr.desc;
	*ret_driver = (uintptr_t)r->vr.avail;
	*ret_device = (uintptr_t)r->vr.used;
}

static uint32_t
packed_base(const struct ring *r)
{
	uint16_t slot = r->used, held = r->held;
	bool wrap = r->used_wrap;
	uint32_t half;

	for (; held > 0 && ring_slot_used(r, slot, wrap); held--)
		if (++slot == r->size) {
			slot = 0;
			wrap = !wrap;
		}
	half = slot | (wrap ? 0x8000u : 0);
	return half | half << 16;
}

uint32_t
ring_left_at(const struct ring *r)
{
	return r->packed ? packed_base(r) : __atomic_load_n(&r->vr.used->idx, __ATOMIC_ACQUIRE);
}

void
ring_kick(struct ring *r)
{
	static const uint64_t one = 1;

	if (r->packed ? r->device->flags == VRING_PACKED_EVENT_FLAG_DISABLE
		      : r->vr.used->flags & VRING_USED_F_NO_NOTIFY)
		return;
	/* The eventfd can only be full, and then the device is awake anyway. */
	if (write(r->kick_fd, &one, sizeof(one)) == sizeof(one))
		r->kicks++;
}
