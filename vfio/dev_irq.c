/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "vfio/dev.h"

#define FDS_MAX 64 /* in one call */

struct irq_set {
	struct vfio_irq_set head;
	int32_t fd[FDS_MAX];
};

static int
set(const struct vfio_dev *d, struct irq_set *s, uint32_t kind, uint32_t flags, unsigned int start,
    unsigned int n)
{
	uint32_t fds = flags & VFIO_IRQ_SET_DATA_EVENTFD ? n : 0;
	int r;

	s->head = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(s->head) + fds * sizeof(s->fd[0])),
		.flags = flags,
		.index = kind,
		.start = start,
		.count = n,
	};
	r = d->io->ioctl(d->fd, VFIO_DEVICE_SET_IRQS, s);
	return r < 0 ? r : 0;
}

int
vfio_irq_set(const struct vfio_dev *d, enum vfio_irq kind, unsigned int start, const int *fds,
	     unsigned int n)
{
	struct irq_set s;

	if (n == 0 || n > FDS_MAX || start > d->irq[kind].n || n > d->irq[kind].n - start)
		return -EINVAL;
	for (unsigned int i = 0; i < n; i++)
		s.fd[i] = fds[i];
	return set(d, &s, kind, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, start, n);
}

int
vfio_irq_off(const struct vfio_dev *d, enum vfio_irq kind)
{
	struct irq_set s;

	if (d->irq[kind].n == 0)
		return 0;
	return set(d, &s, kind, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0);
}

int
vfio_irq_resample(const struct vfio_dev *d, int fd)
{
	struct irq_set s = {.fd = {fd}};

	if (d->irq[VFIO_INTX].n == 0)
		return -EINVAL;
	return set(d, &s, VFIO_INTX, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK, 0, 1);
}
