/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VFIO device and an IOMMU behind struct vfio_io: what a test lets them say, and what was asked of them.
 * One of each, in static variables: tests run one after the other.
 */
#ifndef CORELANE_TESTS_VFIO_FAKE_H
#define CORELANE_TESTS_VFIO_FAKE_H

#include <errno.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/io.h"
#include "vfio/iommufd_abi.h"

#define FAKE_DEV_FD    1000
#define FAKE_IOMMU_FD  1001
#define FAKE_REGION(i) ((uint64_t)(i) << 40) /* offset in the fd, as vfio-pci has it */
#define FAKE_BAR_BYTES 0x10000
#define FAKE_VECTORS   128
#define FAKE_MAPS      64

static struct {
	/* What it says. */
	uint32_t flags, num_regions, num_irqs;
	uint8_t config[256];
	uint64_t bar_size[6], bar_offset[6];
	uint32_t bar_flags[6];
	uint8_t caps[6][512]; /* of its region's description, from its first byte on */
	uint32_t caps_len[6];
	uint32_t irqs[VFIO_PCI_NUM_IRQS], irq_flags[VFIO_PCI_NUM_IRQS];
	unsigned int room_irqs; /* vectors of a kind that the host has at most; 0: any number */
	int refuse_irqs, refuse_reset, refuse_map, refuse_dma, refuse_config; /* errno, or 0 */

	/* What was asked of it. */
	uint8_t bar[6][FAKE_BAR_BYTES] __attribute__((aligned(4096)));
	int vector[VFIO_PCI_NUM_IRQS][FAKE_VECTORS]; /* eventfds, -1 */
	unsigned int enabled[VFIO_PCI_NUM_IRQS];     /* vectors, used or not */
	unsigned int enables[VFIO_PCI_NUM_IRQS];     /* how often from none */
	int resample;
	unsigned int resets, closed, maps, command_writes;
	struct {
		uint64_t iova, size;
	} dma[FAKE_MAPS];
	unsigned int n_dma, dma_calls;
	bool bad; /* a call that the kernel would refuse */
} card;

static inline unsigned int
fake_vectors(unsigned int kind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		n += card.vector[kind][i] >= 0;
	return n;
}

static inline void
fake_vectors_off(unsigned int kind)
{
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		card.vector[kind][i] = -1;
	card.enabled[kind] = 0;
}

static inline int
fake_bar_info(struct vfio_region_info *i)
{
	uint32_t room = i->argsz;

	i->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	i->offset = FAKE_REGION(i->index);
	i->argsz = sizeof(*i);
	if (i->index == VFIO_PCI_CONFIG_REGION_INDEX) {
		i->size = 4096;
		return 0;
	}
	if (i->index >= 6)
		return -EINVAL;
	i->size = card.bar_size[i->index];
	i->offset += card.bar_offset[i->index];
	i->flags |= card.bar_flags[i->index];
	if (card.caps_len[i->index]) {
		i->argsz = card.caps_len[i->index];
		if (room >= i->argsz) {
			memcpy((char *)i + sizeof(*i), &card.caps[i->index][sizeof(*i)],
			       i->argsz - sizeof(*i));
			memcpy(&i->cap_offset,
			       &card.caps[i->index][offsetof(struct vfio_region_info, cap_offset)],
			       sizeof(i->cap_offset));
			i->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		}
	}
	return 0;
}

/* As drivers/vfio/pci/vfio_pci_intrs.c does it. */
static inline int
fake_set_irqs(const struct vfio_irq_set *s)
{
	const int32_t *fd = (const int32_t *)s->data;
	uint32_t kind = s->index;

	if (kind >= VFIO_PCI_NUM_IRQS || card.irqs[kind] == 0)
		return -EINVAL;
	if (s->flags == (VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER) && s->count == 0) {
		fake_vectors_off(kind);
		return 0;
	}
	if (s->start >= card.irqs[kind] || s->count > card.irqs[kind] - s->start) {
		card.bad = true;
		return -EINVAL;
	}
	if (s->flags == (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK)) {
		card.resample = fd[0];
		return 0;
	}
	if (s->flags != (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER) ||
	    s->argsz != sizeof(*s) + s->count * sizeof(*fd)) {
		card.bad = true;
		return -EINVAL;
	}
	if (card.refuse_irqs)
		return -card.refuse_irqs;
	if (card.room_irqs && s->start + s->count > card.room_irqs)
		return -ENOSPC;
	if (card.enabled[kind] == 0) {
		card.enables[kind]++;
		card.enabled[kind] = s->start + s->count;
	} else if (s->start + s->count > card.enabled[kind]) {
		if (card.irq_flags[kind] & VFIO_IRQ_INFO_NORESIZE) {
			card.bad = true;
			return -EINVAL;
		}
		card.enabled[kind] = s->start + s->count;
	}
	for (uint32_t i = 0; i < s->count; i++)
		card.vector[kind][s->start + i] = fd[i];
	return 0;
}

static inline int
fake_dma(bool map, uint64_t iova, uint64_t size)
{
	card.dma_calls++;
	if (map && card.refuse_dma)
		return -card.refuse_dma;
	for (unsigned int i = 0; i < card.n_dma; i++) {
		if (!map && card.dma[i].iova == iova && card.dma[i].size == size) {
			card.dma[i] = card.dma[--card.n_dma];
			return 0;
		}
		if (map && iova < card.dma[i].iova + card.dma[i].size &&
		    card.dma[i].iova < iova + size)
			return -EEXIST;
	}
	if (!map || card.n_dma == FAKE_MAPS) {
		card.bad = true;
		return -EINVAL;
	}
	card.dma[card.n_dma].iova = iova;
	card.dma[card.n_dma++].size = size;
	return 0;
}

/* An address space of iommufd, number 7. */
static inline int
fake_iommufd(unsigned long request, const void *arg)
{
	const struct iommufd_ioas_map *m = arg;
	const struct iommufd_ioas_unmap *u = arg;
	uint32_t want = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_WRITEABLE | IOMMUFD_MAP_READABLE;

	if (request == IOMMUFD_IOAS_UNMAP) {
		card.bad |= u->size != sizeof(*u) || u->ioas_id != 7;
		return fake_dma(false, u->iova, u->length);
	}
	if (request != IOMMUFD_IOAS_MAP)
		return -ENOTTY;
	card.bad |= m->size != sizeof(*m) || m->ioas_id != 7 || m->flags != want || !m->user_va;
	return fake_dma(true, m->iova, m->length);
}

static inline int
fake_info(unsigned long request, void *arg)
{
	struct vfio_device_info *info = arg;
	struct vfio_irq_info *irq = arg;

	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		info->flags = card.flags;
		info->num_regions = card.num_regions;
		info->num_irqs = card.num_irqs;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return fake_bar_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		if (irq->index >= card.num_irqs)
			return -EINVAL;
		irq->flags = card.irq_flags[irq->index];
		irq->count = card.irqs[irq->index];
		return 0;
	default:
		return -ENOTTY;
	}
}

static inline int
fake_ioctl(int fd, unsigned long request, void *arg)
{
	const struct vfio_iommu_type1_dma_map *m = arg;
	const struct vfio_iommu_type1_dma_unmap *u = arg;

	if (fd == FAKE_IOMMU_FD && request == VFIO_IOMMU_MAP_DMA)
		return fake_dma(true, m->iova, m->size);
	if (fd == FAKE_IOMMU_FD && request == VFIO_IOMMU_UNMAP_DMA)
		return fake_dma(false, u->iova, u->size);
	if (fd == FAKE_IOMMU_FD)
		return fake_iommufd(request, arg);
	if (fd != FAKE_DEV_FD)
		return -EBADF;
	if (request == VFIO_DEVICE_SET_IRQS)
		return fake_set_irqs(arg);
	if (request == VFIO_DEVICE_RESET) {
		card.resets++;
		return -card.refuse_reset;
	}
	return fake_info(request, arg);
}

static inline uint8_t *
fake_bytes(uint64_t offset, size_t len)
{
	uint64_t region = offset >> 40, at = offset & (FAKE_REGION(1) - 1);

	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return at < sizeof(card.config) && len <= sizeof(card.config) - at
			       ? &card.config[at]
			       : NULL;
	if (region >= 6 || at + len > card.bar_size[region]) {
		card.bad = true;
		return NULL;
	}
	/* Of a large BAR there is only the beginning: behind it the device fails. */
	return at + len <= FAKE_BAR_BYTES ? &card.bar[region][at] : NULL;
}

static inline int
fake_read(int fd, uint64_t offset, void *buf, size_t len)
{
	const uint8_t *p = fake_bytes(offset, len);

	if (!p || (card.refuse_config && p >= card.config && p < card.config + 256))
		return -EIO;
	memcpy(buf, p, len);
	return 0;
}

static inline int
fake_write(int fd, uint64_t offset, const void *buf, size_t len)
{
	uint8_t *p = fake_bytes(offset, len);

	if (!p)
		return -EIO;
	card.command_writes += p == &card.config[4];
	memcpy(p, buf, len);
	return 0;
}

/* Inside the BAR and page-aligned, as the kernel demands. */
static inline int
fake_map(int fd, uint64_t offset, size_t len, void **ret)
{
	if (card.refuse_map)
		return -card.refuse_map;
	if (offset % 4096 || len % 4096 || len == 0 || !fake_bytes(offset, len))
		return -EINVAL;
	*ret = fake_bytes(offset, len);
	card.maps++;
	return 0;
}

static inline void
fake_unmap(void *p, size_t len)
{
	card.maps--;
}

static inline void
fake_close(int fd)
{
	card.closed += fd == FAKE_DEV_FD;
}

static const struct vfio_io fake_io = {
	.ioctl = fake_ioctl,
	.read = fake_read,
	.write = fake_write,
	.map = fake_map,
	.unmap = fake_unmap,
	.close = fake_close,
};

static inline void
fake_put(unsigned int at, unsigned int size, uint32_t value)
{
	for (unsigned int i = 0; i < size; i++)
		card.config[at + i] = (uint8_t)(value >> (8 * i));
}

/* A virtual function of an igb: two BARs of 16 KiB, MSI-X with 3 vectors in the second, PCI Express. */
static inline void
fake_igb(void)
{
	memset(&card, 0, sizeof(card));
	card.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	card.num_regions = VFIO_PCI_NUM_REGIONS;
	card.num_irqs = VFIO_PCI_NUM_IRQS;
	fake_put(0, 4, 0x10ca8086);
	fake_put(6, 2, 0x0010);
	fake_put(8, 4, 0x02000001);
	fake_put(0x10, 4, 0x0000000c);
	fake_put(0x1c, 4, 0x0000000c);
	fake_put(0x2c, 4, 0xa03c8086);
	fake_put(0x34, 1, 0x70);
	fake_put(0x70, 4, 0x0002a011); /* MSI-X: 3 vectors; next 0xa0 */
	fake_put(0x74, 4, 0x00000003); /* table in BAR 3 at 0 */
	fake_put(0x78, 4, 0x00002003); /* pending bits at 0x2000 */
	fake_put(0xa0, 4, 0x00020010); /* PCI Express 2, endpoint */
	fake_put(0xa4, 4, 0x10008cc2); /* FLR */
	card.bar_size[0] = card.bar_size[3] = 0x4000;
	card.bar_flags[0] = card.bar_flags[3] = VFIO_REGION_INFO_FLAG_MMAP;
	card.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 3;
	card.irqs[VFIO_PCI_ERR_IRQ_INDEX] = card.irqs[VFIO_PCI_REQ_IRQ_INDEX] = 1;
	for (unsigned int k = 0; k < VFIO_PCI_NUM_IRQS; k++) {
		card.irq_flags[k] = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
		fake_vectors_off(k);
	}
	card.resample = -1;
}

#endif
