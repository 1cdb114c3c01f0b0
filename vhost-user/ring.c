/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/ring.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "vhost-user/ring_mem.h"
#include "vhost-user/shared_event.h"

_Static_assert(offsetof(struct ring_inflight, position) == 16 && sizeof(struct ring_inflight) == 32,
	       "as the protocol has it");

#define WRAP_BIT 0x8000u

static bool
has(uint64_t features, unsigned int bit)
{
	return features >> bit & 1;
}

static bool
area_ok(const struct gpa_map *mem, const void *ptr, uint64_t len, uintptr_t align)
{
	return (uintptr_t)ptr % align == 0 && gpa_holds(mem, ptr, len);
}

/* Virtio 1.2, 2.7.1 and 2.8.10.1: sizes and alignments. */
static bool
split_ok(const struct gpa_map *mem, const struct ring_setup *s)
{
	uint64_t event = has(s->features, VIRTIO_RING_F_EVENT_IDX) ? 2 : 0;

	return s->size > 0 && s->size <= RING_SIZE_MAX && (s->size & (s->size - 1)) == 0 &&
	       area_ok(mem, s->desc, sizeof(struct vring_desc) * s->size, 16) &&
	       area_ok(mem, s->avail, 4 + 2ull * s->size + event, 2) &&
	       area_ok(mem, s->used, 4 + sizeof(struct vring_used_elem) * s->size + event, 4);
}

static bool
packed_ok(const struct gpa_map *mem, const struct ring_setup *s)
{
	return s->size > 0 && s->size <= RING_SIZE_MAX &&
	       area_ok(mem, s->desc, sizeof(struct vring_packed_desc) * s->size, 16) &&
	       area_ok(mem, s->avail, sizeof(struct vring_packed_desc_event), 4) &&
	       area_ok(mem, s->used, sizeof(struct vring_packed_desc_event), 4);
}

static void
set_offloads(struct ring *r, const struct ring_setup *s)
{
	static const struct {
		uint8_t gso;
		uint8_t from_guest, to_guest; /* features */
	} known[] = {
		{VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_GUEST_TSO4},
		{VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_GUEST_TSO6},
		{VIRTIO_NET_HDR_GSO_UDP, VIRTIO_NET_F_HOST_UFO, VIRTIO_NET_F_GUEST_UFO},
		/* HOST_USO, GUEST_USO4: virtio 1.2, 5.1.3; not in all kernels' headers */
		{5, 56, 54},
	};

	r->csum = has(s->features, s->transmit ? VIRTIO_NET_F_CSUM : VIRTIO_NET_F_GUEST_CSUM);
	r->gso = 0;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (r->csum &&
		    has(s->features, s->transmit ? known[i].from_guest : known[i].to_guest))
			r->gso |= (uint8_t)(1u << known[i].gso);
}

static int
find_position(struct ring *r, const struct ring_setup *s)
{
	r->pos = s->base;
	r->wrap = false;
	if (!r->packed) {
		r->seen = r->pos;
		return 0;
	}
	r->pos = s->base & (WRAP_BIT - 1);
	r->wrap = s->base & WRAP_BIT;
	if (r->inflight && s->resume)
		ring_resume(r);
	if (r->pos >= r->size)
		return -EINVAL;
	if (r->inflight) {
		struct ring_inflight now = {.used_idx = r->pos,
					    .old_used_idx = r->pos,
					    .used_wrap = r->wrap,
					    .old_used_wrap = r->wrap};

		write_once(&r->inflight->position, now.position);
		write_release(&r->inflight->version, RING_INFLIGHT_VERSION);
	}
	return 0;
}

int
ring_attach(struct ring *r, const struct gpa_map *mem, const struct ring_setup *s)
{
	bool packed = has(s->features, VIRTIO_F_RING_PACKED);

	ring_detach(r);
	if (!(packed ? packed_ok(mem, s) : split_ok(mem, s)))
		return -EINVAL;
	*r = (struct ring){
		.desc = s->desc,
		.avail = s->avail,
		.used = s->used,
		.mem = mem,
		.inflight = packed ? s->inflight : NULL,
		.size = (uint16_t)s->size,
		.packed = packed,
		.event_idx = has(s->features, VIRTIO_RING_F_EVENT_IDX),
		.mergeable = has(s->features, VIRTIO_NET_F_MRG_RXBUF),
		.in_order = has(s->features, VIRTIO_F_IN_ORDER),
		.rude = s->rude,
		.call_fd = s->call_fd,
		.kick_fd = s->kick_fd,
	};
	/* virtio 1.2, 5.1.6.1: num_buffers is there with either of these */
	r->hlen = packed || r->mergeable || has(s->features, VIRTIO_F_VERSION_1)
			  ? sizeof(struct virtio_net_hdr_v1)
			  : sizeof(struct virtio_net_hdr);
	set_offloads(r, s);
	if (find_position(r, s) < 0)
		return -EINVAL;
	r->up = true;
	ring_quiet(r);
	return 0;
}

void
ring_detach(struct ring *r)
{
	r->up = false;
	r->call_fd = r->kick_fd = -1;
}

void
ring_call(struct ring *r)
{
	int e;

	if (r->rude && atomic_load_explicit(r->rude, memory_order_relaxed))
		return;
	e = shared_event_signal(r->call_fd);
	if (e == 0)
		r->calls++;
	if (e != -EINTR)
		return;
	r->broken = true;
	if (r->rude)
		atomic_store_explicit(r->rude, true, memory_order_relaxed);
}

uint16_t
ring_base(const struct ring *r)
{
	return r->packed && r->wrap ? r->pos | WRAP_BIT : r->pos;
}

uint32_t
ring_waiting(const struct ring *r)
{
	uint16_t flags;

	if (!r->up || r->broken)
		return 0;
	if (!r->packed)
		return (uint16_t)(read_acquire(&r->avail->idx) - r->pos);
	flags = read_acquire(&r->slot[r->pos].flags);
	return (flags >> VRING_PACKED_DESC_F_AVAIL & 1) == r->wrap &&
	       (flags >> VRING_PACKED_DESC_F_USED & 1) != r->wrap;
}

static uint16_t *
split_avail_event(struct ring *r)
{
	return (uint16_t *)&r->used->ring[r->size];
}

static void
split_notify(struct ring *r, bool wanted)
{
	/* with EVENT_IDX the flag means nothing, and a position just passed is far away (2.7.10) */
	if (r->event_idx)
		write_once(split_avail_event(r), (uint16_t)(wanted ? r->pos : r->pos - 1));
	else
		write_once(&r->used->flags, wanted ? 0 : VRING_USED_F_NO_NOTIFY);
}

static void
packed_notify(struct ring *r, bool wanted)
{
	uint16_t flags = wanted ? VRING_PACKED_EVENT_FLAG_ENABLE : VRING_PACKED_EVENT_FLAG_DISABLE;

	if (wanted && r->event_idx) {
		write_once(&r->device->off_wrap, ring_base(r));
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	}
	/* release: the driver that sees the flags sees the position that they speak of */
	write_release(&r->device->flags, flags);
}

void
ring_listen(struct ring *r)
{
	if (!r->up)
		return;
	if (r->packed)
		packed_notify(r, true);
	else
		split_notify(r, true);
	/* pairs with the driver's barrier between what it offers and its look at this (2.7.13.4.1) */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void
ring_quiet(struct ring *r)
{
	if (!r->up)
		return;
	if (r->packed)
		packed_notify(r, false);
	else
		split_notify(r, false);
}
