/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/dev.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "vfio/dev_region.h"

/* The largest BAR that is passed on: what a guest's address space has room for, and more. */
#define BAR_SIZE_MAX (1ull << 40)

_Static_assert((int)VFIO_INTX == (int)VFIO_PCI_INTX_IRQ_INDEX &&
		       (int)VFIO_MSI == (int)VFIO_PCI_MSI_IRQ_INDEX &&
		       (int)VFIO_MSIX == (int)VFIO_PCI_MSIX_IRQ_INDEX &&
		       (int)VFIO_ERR == (int)VFIO_PCI_ERR_IRQ_INDEX &&
		       (int)VFIO_REQ == (int)VFIO_PCI_REQ_IRQ_INDEX,
	       "the kernel's numbers");

static int
get_info(struct vfio_dev *d, unsigned int *ret_irqs, struct err *e)
{
	struct vfio_device_info i = {.argsz = sizeof(i)};
	int r = d->io->ioctl(d->fd, VFIO_DEVICE_GET_INFO, &i);

	if (r < 0)
		return err_sys(e, -r, "the fd handed in is no device of VFIO");
	if (!(i.flags & VFIO_DEVICE_FLAGS_PCI) || i.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return err_set(e, EINVAL, "the VFIO device is none of PCI");
	d->can_reset = i.flags & VFIO_DEVICE_FLAGS_RESET;
	*ret_irqs = i.num_irqs;
	return 0;
}

static int
get_config(struct vfio_dev *d, struct err *e)
{
	struct vfio_region_info i = {.argsz = sizeof(i), .index = VFIO_PCI_CONFIG_REGION_INDEX};
	int r = d->io->ioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, &i);

	if (r == 0 && (i.size < VFIO_CONFIG_SIZE || i.offset > INT64_MAX - VFIO_CONFIG_SIZE))
		r = -EINVAL;
	if (r == 0)
		r = d->io->read(d->fd, i.offset, d->config, sizeof(d->config));
	if (r < 0)
		return err_sys(e, -r, "the VFIO device's configuration space cannot be read");
	if (d->config[0] == 0xff && d->config[1] == 0xff)
		return err_set(e, EIO,
			       "the VFIO device does not answer (its registers read as ones)");
	if ((d->config[PCI_HEADER_TYPE] & 0x7f) != PCI_HEADER_TYPE_NORMAL)
		return err_set(e, EINVAL, "the VFIO device is a bridge: none can be passed on");
	d->config_offset = i.offset;
	return 0;
}

static uint32_t
bar_register(const struct vfio_dev *d, unsigned int i)
{
	const uint8_t *c = &d->config[PCI_BASE_ADDRESS_0 + 4 * i];

	return c[0] | (uint32_t)c[1] << 8 | (uint32_t)c[2] << 16 | (uint32_t)c[3] << 24;
}

static int
get_bar(struct vfio_dev *d, unsigned int i, struct err *e)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = i};
	int r = d->io->ioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, &info);
	uint32_t reg = bar_register(d, i);
	struct vfio_bar *b = &d->bar[i];

	if (r < 0)
		return err_sys(e, -r, "BAR %u of the VFIO device", i);
	/* I/O ports are left out: what needs them is older than what can be shared. */
	if (info.size == 0 || (reg & PCI_BASE_ADDRESS_SPACE_IO))
		return 0;
	if (info.size < 16 || info.size > BAR_SIZE_MAX || (info.size & (info.size - 1)) ||
	    info.offset > INT64_MAX - info.size)
		return err_set(e, EINVAL,
			       "BAR %u of the VFIO device: %llu bytes at %#llx make no sense", i,
			       (unsigned long long)info.size, (unsigned long long)info.offset);
	b->is64 = (reg & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
	b->prefetch = reg & PCI_BASE_ADDRESS_MEM_PREFETCH;
	if (!b->is64 && info.size > 0x80000000ull)
		return err_set(e, EINVAL, "BAR %u of the VFIO device: too large for 32 bits", i);
	if (b->is64 && i + 1 == VFIO_BARS)
		return err_set(e, EINVAL, "BAR %u of the VFIO device: 64 bits have no room", i);
	b->size = info.size;
	b->offset = info.offset;
	if (info.flags & VFIO_REGION_INFO_FLAG_MMAP)
		vfio_region_areas(d, i, info.argsz);
	return 0;
}

static int
get_bars(struct vfio_dev *d, struct err *e)
{
	int r = 0;

	for (unsigned int i = 0; i < VFIO_BARS && r == 0; i++) {
		r = get_bar(d, i, e);
		if (d->bar[i].is64 && d->bar[i].size)
			i++; /* its upper half */
	}
	return r;
}

static void
get_irqs(struct vfio_dev *d, unsigned int n)
{
	for (unsigned int k = 0; k < VFIO_IRQ_KINDS && k < n; k++) {
		struct vfio_irq_info i = {.argsz = sizeof(i), .index = k};

		/* A kind that the device does not have may be an error, or a count of 0. */
		if (d->io->ioctl(d->fd, VFIO_DEVICE_GET_IRQ_INFO, &i) < 0 ||
		    !(i.flags & VFIO_IRQ_INFO_EVENTFD))
			continue;
		d->irq[k].n = MIN_OF(i.count, (uint32_t)VFIO_IRQS_MAX);
		d->irq[k].resizable = !(i.flags & VFIO_IRQ_INFO_NORESIZE);
	}
}

int
vfio_dev_open(int fd, const struct vfio_io *io, struct vfio_dev *ret, struct err *e)
{
	struct vfio_dev d = {.fd = fd, .io = io};
	unsigned int n_irqs = 0;
	int r = get_info(&d, &n_irqs, e);

	if (r == 0)
		r = get_config(&d, e);
	if (r == 0)
		r = get_bars(&d, e);
	if (r < 0) {
		io->close(fd);
		return r;
	}
	get_irqs(&d, n_irqs);
	*ret = d;
	return 0;
}

void
vfio_dev_close(struct vfio_dev *d)
{
	if (!d || d->fd < 0)
		return;
	for (unsigned int i = 0; i < VFIO_BARS; i++)
		for (unsigned int k = 0; k < d->bar[i].n_areas; k++)
			if (d->bar[i].area[k].map)
				d->io->unmap(d->bar[i].area[k].map, d->bar[i].area[k].size);
	d->io->close(d->fd);
	*d = VFIO_DEV_CLOSED;
}

uint64_t
vfio_bar_read(const struct vfio_dev *d, unsigned int bar, uint64_t offset, unsigned int size)
{
	uint8_t b[8];
	uint64_t v = 0;

	if (size > sizeof(b) || d->io->read(d->fd, d->bar[bar].offset + offset, b, size) < 0)
		return UINT64_MAX;
	for (unsigned int i = size; i-- > 0;)
		v = v << 8 | b[i];
	return v;
}

void
vfio_bar_write(const struct vfio_dev *d, unsigned int bar, uint64_t offset, unsigned int size,
	       uint64_t value)
{
	uint8_t b[8];

	for (unsigned int i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(value >> (8 * i));
	/* A write that the device refuses is lost, as on a bus. */
	if (size <= sizeof(b))
		(void)d->io->write(d->fd, d->bar[bar].offset + offset, b, size);
}

int
vfio_dev_command(const struct vfio_dev *d, uint16_t value)
{
	uint8_t b[2] = {(uint8_t)value, (uint8_t)(value >> 8)};

	return d->io->write(d->fd, d->config_offset + PCI_COMMAND, b, sizeof(b));
}

int
vfio_dev_reset(const struct vfio_dev *d)
{
	int r = d->can_reset ? d->io->ioctl(d->fd, VFIO_DEVICE_RESET, NULL) : -ENOTTY;

	return r < 0 ? r : 0;
}
