/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of a ring of either kind, for tests. */
#ifndef CORELANE_TESTS_VMM_DRIVER_H
#define CORELANE_TESTS_VMM_DRIVER_H

#include "tests/unit/vmm_fake.h"

#include "vmm/virtq.h"
#include "vmm/virtq_ring.h"

#define SIZE   16
#define DESC   0x10000u
#define DRIVER 0x12000u
#define DEVICE 0x13000u
#define DATA   0x20000u
#define TABLES 0x40000u
#define FEATURES(packed, event)                                                                    \
	(((packed) ? VIRTIO_F_RING_PACKED : 0) | ((event) ? VIRTIO_F_EVENT_IDX : 0) |              \
	 VIRTIO_F_INDIRECT | VIRTIO_F_VERSION_1)

struct seg {
	uint64_t addr;
	uint32_t len;
	bool write;
};

/* The driver's side. */
struct driver {
	struct mem *mem;
	uint64_t base; /* added to DESC, DRIVER and DEVICE: several rings */
	bool packed;
	uint16_t next, free; /* split: avail index; packed: position */
	bool wrap;
	uint16_t used;
	bool used_wrap;
	uint16_t slots[SIZE]; /* packed: by buffer id */
	uint16_t next_id;
};

static inline void *
at(struct driver *d, uint64_t gpa)
{
	return mem_at(d->mem, gpa, 1);
}

static inline void
driver_init(struct driver *d, struct mem *m, bool packed)
{
	*d = (struct driver){.mem = m, .packed = packed, .wrap = true, .used_wrap = true};
	memset(mem_at(m, DESC, 0x4000), 0, 0x4000); /* of base 0: RAM is zero elsewhere */
}

static inline void
split_add(struct driver *d, const struct seg *s, unsigned int n)
{
	struct split_desc *t = at(d, d->base + DESC);
	struct split_avail *a = at(d, d->base + DRIVER);
	uint16_t head = (uint16_t)(d->free % SIZE);

	for (unsigned int i = 0; i < n; i++) {
		uint16_t k = (uint16_t)(d->free++ % SIZE);

		t[k] = (struct split_desc){s[i].addr, s[i].len,
					   (uint16_t)((i + 1 < n ? DESC_NEXT : 0) |
						      (s[i].write ? DESC_WRITE : 0)),
					   (uint16_t)(d->free % SIZE)};
	}
	a->ring[d->next % SIZE] = head;
	a->idx = ++d->next;
}

static inline void
packed_add(struct driver *d, const struct seg *s, unsigned int n)
{
	struct packed_desc *t = at(d, d->base + DESC);
	uint16_t id = (uint16_t)(d->next_id++ % SIZE);

	d->slots[id] = (uint16_t)n;
	for (unsigned int i = 0; i < n; i++) {
		t[d->next] = (struct packed_desc){s[i].addr, s[i].len, id,
						  (uint16_t)((i + 1 < n ? DESC_NEXT : 0) |
							     (s[i].write ? DESC_WRITE : 0) |
							     (d->wrap ? DESC_AVAIL : DESC_USED))};
		if (++d->next == SIZE) {
			d->next = 0;
			d->wrap = !d->wrap;
		}
	}
}

static inline void
driver_add(struct driver *d, const struct seg *s, unsigned int n)
{
	if (d->packed)
		packed_add(d, s, n);
	else
		split_add(d, s, n);
}

/* The next used buffer's length, or -1. */
static inline int64_t
driver_get(struct driver *d)
{
	if (!d->packed) {
		struct split_used *u = at(d, d->base + DEVICE);

		if (u->idx == d->used)
			return -1;
		return u->ring[d->used++ % SIZE].len;
	}
	struct packed_desc *t = (struct packed_desc *)at(d, d->base + DESC) + d->used;
	bool a = t->flags & DESC_AVAIL, u = t->flags & DESC_USED;

	if (a != d->used_wrap || u != d->used_wrap)
		return -1;
	d->used = (uint16_t)(d->used + d->slots[t->id]);
	if (d->used >= SIZE) {
		d->used = (uint16_t)(d->used - SIZE);
		d->used_wrap = !d->used_wrap;
	}
	return t->len;
}

static const struct virtio_queue queue = {
	.size = SIZE, .enabled = true, .desc = DESC, .driver = DRIVER, .device = DEVICE};

#endif
