/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VFIO PCI device, opened by somebody else: its regions, its interrupts, its reset. What it says of
 * itself is not believed: sizes and offsets are checked, odd ones refused or left out.
 * Documentation/driver-api/vfio.rst; include/uapi/linux/vfio.h. Not thread-safe.
 */
#ifndef CORELANE_VFIO_DEV_H
#define CORELANE_VFIO_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vfio/io.h"

#define VFIO_BARS        6
#define VFIO_AREAS_MAX   8 /* parts of a BAR that can be mapped */
#define VFIO_CONFIG_SIZE 256
#define VFIO_IRQS_MAX    2048 /* vectors of one kind: as many as MSI-X can have */

enum vfio_irq { VFIO_INTX, VFIO_MSI, VFIO_MSIX, VFIO_ERR, VFIO_REQ, VFIO_IRQ_KINDS };

/* A part of a BAR, page-aligned, that can be read and written without a system call. */
struct vfio_area {
	uint64_t offset, size;
	void *map; /* NULL: not mapped */
};

struct vfio_bar {
	uint64_t size;   /* 0: there is none, or it is one of I/O ports */
	uint64_t offset; /* in the device's fd */
	bool is64, prefetch;
	unsigned int n_areas;
	struct vfio_area area[VFIO_AREAS_MAX]; /* disjoint, by rising offset */
};

struct vfio_dev {
	const struct vfio_io *io;
	int fd; /* owned; -1: closed */
	bool can_reset;
	uint64_t config_offset;
	uint8_t config[VFIO_CONFIG_SIZE]; /* as it was when it was opened */
	struct vfio_bar bar[VFIO_BARS];
	struct {
		unsigned int n; /* 0: the device has none of this kind */
		bool resizable; /* vectors can be added without disabling those that are on */
	} irq[VFIO_IRQ_KINDS];
};

/* [@offset, +@size) of a BAR. */
struct vfio_range {
	uint64_t offset, size;
};

#define VFIO_DEV_CLOSED ((struct vfio_dev){.fd = -1})

/*
 * Learns what @fd is; it belongs to @ret from then on, and on failure it is closed. 0; -EINVAL when it is no
 * PCI device of VFIO or describes itself absurdly; -errno. With words.
 */
int vfio_dev_open(int fd, const struct vfio_io *io, struct vfio_dev *ret, struct err *e);
/* Unmaps and closes: the kernel resets the device when this was its last fd. */
void vfio_dev_close(struct vfio_dev *d);

/*
 * Maps what may be mapped of BAR @bar without the pages that @hole (@n of them) touches. What cannot be mapped is
 * simply no area: reading and writing always work.
 */
void vfio_dev_map(struct vfio_dev *d, unsigned int bar, const struct vfio_range *hole,
		  unsigned int n);

/* Little-endian numbers of 1, 2, 4 or 8 bytes; the range is inside the BAR. A device that fails reads as ones. */
uint64_t vfio_bar_read(const struct vfio_dev *d, unsigned int bar, uint64_t offset,
		       unsigned int size);
void vfio_bar_write(const struct vfio_dev *d, unsigned int bar, uint64_t offset, unsigned int size,
		    uint64_t value);

/* Writes the command register. 0 or -errno. */
int vfio_dev_command(const struct vfio_dev *d, uint16_t value);

/*
 * Function-level reset, or what the kernel has instead; takes 100 ms and more. Configuration is kept.
 * 0, -ENOTTY when the device has none, -errno.
 */
int vfio_dev_reset(const struct vfio_dev *d);

/*
 * Interrupts. @fds: eventfds that are signalled, -1 for a vector without an interrupt on the host. With none
 * enabled so far, this enables @start + @n vectors; later it changes those given. 0 or -errno.
 */
int vfio_irq_set(const struct vfio_dev *d, enum vfio_irq kind, unsigned int start, const int *fds,
		 unsigned int n);
/* Gives all of this kind back to the host. */
int vfio_irq_off(const struct vfio_dev *d, enum vfio_irq kind);
/* INTx, which the kernel masks when it fires, is unmasked whenever @fd is signalled. */
int vfio_irq_resample(const struct vfio_dev *d, int fd);

#endif
