/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/virtio.h"

#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"
#include "bench/probe/str.h"

#define VIRTIO_VENDOR 0x1af4
#define MODERN_BASE   0x1040

#define CAP_COMMON 1
#define CAP_NOTIFY 2
#define CAP_ISR    3
#define CAP_DEVICE 4

#define ST_ACKNOWLEDGE 1
#define ST_DRIVER      2
#define ST_DRIVER_OK   4
#define ST_FEATURES_OK 8
#define ST_NEEDS_RESET 64

bool
virtio_is(const struct pci_dev *d, uint16_t id)
{
	/* Transitional ids (0x1000..) have the type in the subsystem id (4.1.2.1). */
	uint16_t type = 0;

	if (d->vendor != VIRTIO_VENDOR)
		return false;
	if (d->device >= MODERN_BASE && d->device < MODERN_BASE + 0x40)
		type = (uint16_t)(d->device - MODERN_BASE);
	else if (d->device >= 0x1000 && d->device < 0x1040)
		type = (uint16_t)(pci_read(d, PCI_SUBSYS, 4) >> 16);
	return type && (!id || type == id);
}

/* A structure that a capability points at, when it lies inside its BAR. */
static uint64_t
cap_address(struct pci_dev *d, unsigned int cap, uint32_t min_len, uint32_t *ret_len)
{
	unsigned int bar = pci_read(d, cap + 4, 1);
	uint32_t offset = pci_read(d, cap + 8, 4), len = pci_read(d, cap + 12, 4);
	uint64_t base = pci_bar(d, bar);

	if (!base || len < min_len || (uint64_t)offset + len > d->bar_size[bar])
		return 0;
	if (ret_len)
		*ret_len = len;
	return base + offset;
}

static void
read_cap(struct virtio *v, unsigned int cap)
{
	struct pci_dev *d = v->pci;

	/* The first of a kind that can be used is the one to use (4.1.4.1). */
	switch (pci_read(d, cap + 3, 1)) {
	case CAP_COMMON:
		if (!v->common)
			v->common = cap_address(d, cap, VCOMMON_SIZE, NULL);
		break;
	case CAP_NOTIFY:
		if (!v->notify) {
			v->notify = cap_address(d, cap, 2, &v->notify_len);
			v->notify_mul = pci_read(d, cap + 16, 4);
		}
		break;
	case CAP_ISR:
		if (!v->isr)
			v->isr = cap_address(d, cap, 1, NULL);
		break;
	case CAP_DEVICE:
		if (!v->config)
			v->config = cap_address(d, cap, 1, &v->config_len);
		break;
	}
}

const char *
virtio_open(struct virtio *v, struct pci_dev *pci)
{
	uint64_t t0;

	*v = (struct virtio){.pci = pci, .vector = VIRTIO_NO_VECTOR};
	for (unsigned int cap = pci_find_cap(pci, 0, PCI_CAP_VENDOR), n = 0; cap && n < 16; n++) {
		read_cap(v, cap);
		cap = pci_find_cap(pci, cap, PCI_CAP_VENDOR);
	}
	if (!v->common || !v->notify)
		return "no usable common or notification structure";
	pci_enable(pci);
	mmio_write8(v->common + VCOMMON_STATUS, 0);
	t0 = rdtsc();
	while (mmio_read8(v->common + VCOMMON_STATUS)) {
		if (rdtsc() - t0 > tsc.hz)
			return "does not reset";
	}
	mmio_write8(v->common + VCOMMON_STATUS, ST_ACKNOWLEDGE);
	mmio_write8(v->common + VCOMMON_STATUS, ST_ACKNOWLEDGE | ST_DRIVER);
	return NULL;
}

uint64_t
virtio_offered(const struct virtio *v)
{
	uint64_t f;

	mmio_write32(v->common + VCOMMON_DFSELECT, 1);
	f = (uint64_t)mmio_read32(v->common + VCOMMON_DF) << 32;
	mmio_write32(v->common + VCOMMON_DFSELECT, 0);
	return f | mmio_read32(v->common + VCOMMON_DF);
}

const char *
virtio_features(struct virtio *v, uint64_t wanted, uint64_t needed)
{
	const uint8_t status = ST_ACKNOWLEDGE | ST_DRIVER | ST_FEATURES_OK;
	uint64_t offered = virtio_offered(v);

	needed |= VIRTIO_F_VERSION_1;
	if ((offered & needed) != needed)
		return needed & ~offered & VIRTIO_F_RING_PACKED ? "offers no packed rings"
								: "lacks a feature that we need";
	v->features = offered & (wanted | needed | VIRTIO_F_ACCESS_PLATFORM);
	mmio_write32(v->common + VCOMMON_GFSELECT, 0);
	mmio_write32(v->common + VCOMMON_GF, (uint32_t)v->features);
	mmio_write32(v->common + VCOMMON_GFSELECT, 1);
	mmio_write32(v->common + VCOMMON_GF, (uint32_t)(v->features >> 32));
	mmio_write8(v->common + VCOMMON_STATUS, status);
	if (mmio_read8(v->common + VCOMMON_STATUS) != status)
		return "refuses the features that we took";
	return NULL;
}

static void
write64(uint64_t a, const void *p)
{
	mmio_write32(a, (uint32_t)(uintptr_t)p);
	mmio_write32(a + 4, (uint32_t)((uint64_t)(uintptr_t)p >> 32));
}

const char *
virtio_queue(struct virtio *v, struct virtq *q, uint16_t index, uint16_t size)
{
	bool packed = v->features & VIRTIO_F_RING_PACKED;
	bool indirect = v->features & VIRTIO_F_INDIRECT_DESC;
	uint64_t c = v->common, off;
	uint16_t max;
	void *mem;

	mmio_write16(c + VCOMMON_QSELECT, index);
	max = mmio_read16(c + VCOMMON_QSIZE);
	if (!max)
		return "a queue is missing";
	if (mmio_read16(c + VCOMMON_QENABLE))
		return "a queue is enabled before we enabled it";
	if (size > max)
		size = max;
	if (!packed && (size & (size - 1)))
		return "a split ring's size must be a power of 2";
	mem = heap_alloc(vring_bytes(size, packed, indirect));
	if (!mem)
		return "out of memory";
	vring_init(&q->ring, mem, size, packed, indirect);
	q->index = index;
	q->kicks = 0;
	mmio_write16(c + VCOMMON_QSIZE, size);
	mmio_write16(c + VCOMMON_QMSIX, v->vector);
	if (mmio_read16(c + VCOMMON_QMSIX) != v->vector)
		return "has no room for an interrupt";
	write64(c + VCOMMON_QDESC, q->ring.desc);
	write64(c + VCOMMON_QDRIVER, q->ring.driver);
	write64(c + VCOMMON_QDEVICE, q->ring.device);
	off = (uint64_t)mmio_read16(c + VCOMMON_QNOTIFYOFF) * v->notify_mul;
	if (off + 2 > v->notify_len)
		return "a queue's notification address lies outside its structure";
	q->notify = v->notify + off;
	mmio_write16(c + VCOMMON_QENABLE, 1);
	return NULL;
}

const char *
virtio_ready(struct virtio *v)
{
	const uint8_t status = ST_ACKNOWLEDGE | ST_DRIVER | ST_FEATURES_OK | ST_DRIVER_OK;

	mmio_write8(v->common + VCOMMON_STATUS, status);
	return mmio_read8(v->common + VCOMMON_STATUS) & ST_NEEDS_RESET ? "needs a reset" : NULL;
}

void
virtq_kick(struct virtq *q)
{
	vring_publish(&q->ring);
	if (!vring_wants_kick(&q->ring))
		return;
	mmio_write16(q->notify, q->index);
	q->kicks++;
}
