/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "vfio/dev.h"

#define FDS_MAX 64 /* in one call */

_Static_assert(sizeof(int) == sizeof(int32_t), "eventfds travel as they are");

/* The kernel's struct with room for the numbers that follow it. */
union irq_set {
	struct vfio_irq_set head;
	uint8_t bytes[sizeof(struct vfio_irq_set) + FDS_MAX * sizeof(int32_t)];
};

/* @fds may be NULL: then none follow. */
static int
set(const struct vfio_dev *d, uint32_t kind, uint32_t flags, unsigned int start, const int *fds,
    unsigned int n)
{
	union irq_set s;
	size_t len = fds ? n * sizeof(*fds) : 0;
	int r;

	s.head = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(s.head) + len),
		.flags = flags | (fds ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
		.index = kind,
		.start = start,
		.count = n,
	};
	if (fds)
		memcpy(s.bytes + sizeof(s.head), fds, len);
	r = d->io->ioctl(d->fd, VFIO_DEVICE_SET_IRQS, &s);
	return r < 0 ? r : 0;
}

int
vfio_irq_set(const struct vfio_dev *d, enum vfio_irq kind, unsigned int start, const int *fds,
	     unsigned int n)
{
	if (n == 0 || n > FDS_MAX || start > d->irq[kind].n || n > d->irq[kind].n - start)
		return -EINVAL;
	return set(d, kind, VFIO_IRQ_SET_ACTION_TRIGGER, start, fds, n);
}

int
vfio_irq_off(const struct vfio_dev *d, enum vfio_irq kind)
{
	if (d->irq[kind].n == 0)
		return 0;
	return set(d, kind, VFIO_IRQ_SET_ACTION_TRIGGER, 0, NULL, 0);
}

int
vfio_irq_resample(const struct vfio_dev *d, int fd)
{
	if (d->irq[VFIO_INTX].n == 0)
		return -EINVAL;
	return set(d, VFIO_INTX, VFIO_IRQ_SET_ACTION_UNMASK, 0, &fd, 1);
}
