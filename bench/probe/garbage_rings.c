/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offences in rings: indices out of range and running ahead, chains in circles, chains without end,
 * indirect tables in tables, lengths that wrap, addresses in holes, in devices and in the rings
 * themselves. The only RAM that a descriptor may name on purpose is a scratch area.
 */
#include "bench/probe/garbage.h"

#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"
#include "bench/probe/str.h"
#include "bench/probe/virtio.h"

#define SCRATCH    65536
#define RING       64
#define QUEUES_MAX 8
#define LINGER_NS  200000 /* for back ends that poll */

static uint8_t *scratch;

static uint64_t
some_address(struct rnd *r, const struct vring *v)
{
	switch (rnd_below(r, 10)) {
	case 0:
		return 0;
	case 1:
		return 0xc0000000u + rnd_below(r, 0x20000000); /* BARs */
	case 2:
		return 0xfee00000u + rnd_below(r, 4096); /* the APIC */
	case 3:
		return rnd_next(r) | 1ull << 46;
	case 4:
		return 0 - rnd_below(r, 65536); /* wraps */
	case 5:
		return (uintptr_t)v->desc + rnd_below(r, 16 * RING);
	case 6:
		return 0xbffff000u + rnd_below(r, 8192); /* across the end of low RAM */
	default:
		return (uintptr_t)scratch + rnd_below(r, SCRATCH / 2);
	}
}

static uint32_t
some_length(struct rnd *r)
{
	static const uint32_t odd[] = {0,  1,    11,         12,         13,
				       16, 4096, 0x7fffffff, 0xffffffff, 0xfffff000};

	return rnd_below(r, 2) ? odd[rnd_below(r, 10)] : (uint32_t)rnd_below(r, SCRATCH / 2);
}

/* A table in the scratch area: valid entries, and now and then one that is indirect again. */
static void
some_table(struct rnd *r, const struct vring *v)
{
	struct vdesc *t = (struct vdesc *)scratch;

	for (unsigned int i = 0; i < 64; i++)
		t[i] = (struct vdesc){some_address(r, v), some_length(r), (uint16_t)rnd_below(r, 8),
				      (uint16_t)rnd_below(r, 80)};
}

static void
spoil_split(struct rnd *r, struct vring *v)
{
	struct vdesc *d = v->desc;
	uint16_t *avail = v->driver, jump;

	for (unsigned int i = 0; i < v->size; i++) {
		d[i] = (struct vdesc){some_address(r, v), some_length(r),
				      (uint16_t)(rnd_below(r, 4) ? rnd_below(r, 8) : rnd_next(r)),
				      (uint16_t)rnd_below(r, 2u * v->size)};
		avail[2 + i] = (uint16_t)(rnd_below(r, 8) ? rnd_below(r, v->size) : rnd_next(r));
	}
	if (!rnd_below(r, 4)) /* a circle of all */
		for (unsigned int i = 0; i < v->size; i++)
			d[i] = (struct vdesc){(uintptr_t)scratch, 16, VDESC_NEXT,
					      (uint16_t)((i + 1) % v->size)};
	if (!rnd_below(r, 4))
		memset(v->device, (int)rnd_next(r), 6 + 8u * v->size);
	jump = (uint16_t)(rnd_below(r, 3) ? rnd_below(r, v->size) + 1 : rnd_next(r));
	__atomic_store_n(&avail[1], (uint16_t)(avail[1] + jump), __ATOMIC_RELEASE);
}

static void
spoil_packed(struct rnd *r, struct vring *v)
{
	struct vdesc_packed *d = v->desc;
	bool circle = !rnd_below(r, 4);

	for (unsigned int i = 0; i < v->size; i++) {
		uint16_t flags = (uint16_t)(rnd_below(r, 8) | VDESC_AVAIL);

		if (circle)
			flags = VDESC_AVAIL | VDESC_NEXT; /* a chain as long as the ring */
		else if (!rnd_below(r, 8))
			flags = (uint16_t)rnd_next(r);
		d[i].addr = some_address(r, v);
		d[i].len = some_length(r);
		d[i].id = (uint16_t)(rnd_below(r, 4) ? rnd_below(r, v->size) : rnd_next(r));
		__atomic_store_n(&d[i].flags, flags, __ATOMIC_RELEASE);
	}
	if (!rnd_below(r, 2)) {
		v->driver[0] = (uint16_t)rnd_next(r);
		v->driver[1] = (uint16_t)rnd_next(r);
	}
}

static void
round_of(struct rnd *r, struct pci_dev *d)
{
	uint64_t wanted = rnd_next(r) &
			  (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_PACKED | 1ull << 29 | 1ull << 15);
	static struct virtq q[QUEUES_MAX];
	uint16_t n, up = 0;
	struct virtio v;
	uint64_t end;

	if (virtio_open(&v, d) || virtio_features(&v, wanted, 0))
		return;
	n = mmio_read16(v.common + VCOMMON_NUM_QUEUES);
	for (; up < n && up < QUEUES_MAX; up++) {
		if (virtio_queue(&v, &q[up], up, RING))
			break;
	}
	if (virtio_ready(&v))
		return;
	for (unsigned int again = 0; again < 2; again++) {
		for (uint16_t i = 0; i < up; i++) {
			some_table(r, &q[i].ring);
			if (q[i].ring.packed)
				spoil_packed(r, &q[i].ring);
			else
				spoil_split(r, &q[i].ring);
			mmio_write16(q[i].notify, rnd_below(r, 4) ? i : (uint16_t)rnd_next(r));
		}
		end = rdtsc() + clock_ticks(LINGER_NS);
		while (rdtsc() < end)
			cpu_pause();
	}
	/* The device must let go of the memory before it is used again. */
	mmio_write8(v.common + VCOMMON_STATUS, 0);
}

void
garbage_rings(struct rnd *r, struct pci_dev **d, unsigned int nd, uint64_t n)
{
	scratch = heap_alloc(SCRATCH);
	if (!scratch)
		return;
	while (n--) {
		uint64_t mark = heap_mark();

		round_of(r, d[rnd_below(r, nd)]);
		heap_release(mark);
	}
}
