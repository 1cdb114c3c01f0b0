/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the devices that serve their rings themselves have in common, and how every virtio device is
 * paused: queues come and go together, kicks come from the loop with vm->lock to be taken.
 */
#include <string.h>
#include <sys/epoll.h>

#include "vmm/event.h"
#include "vmm/virtio_pci.h"
#include "vmm/virtq.h"
#include "vmm/vm.h"

bool
virtio_take_queue(struct virtio_dev *v, unsigned int q, struct virtq *ret)
{
	if (!v->s.queue[q].enabled)
		return false;
	if (virtq_init(ret, &v->dev.vm->mem, &v->s.queue[q], v->s.features) < 0) {
		virtio_broken(v, "queue %u: %s", q, ret->broken);
		return false;
	}
	virtio_kick(v, q);
	return true;
}

void
virtio_serve_queue(struct virtio_dev *v, unsigned int q)
{
	if (!v->ready[q])
		v->ready[q] = virtio_take_queue(v, q, &v->vq[q]);
}

void
virtio_serve_start(struct virtio_dev *v)
{
	/* A queue that is no ring breaks the device, which is stopped then. */
	for (unsigned int q = 0; q < v->n_queues && v->started; q++)
		virtio_serve_queue(v, q);
}

bool
virtio_active(const struct virtio_dev *v, unsigned int q)
{
	return v->started && !v->paused && v->ready[q];
}

/* --- kicks --- */

static void
kicked(void *arg, uint32_t events)
{
	const struct virtio_kicked *k = arg;
	struct vm *vm = k->v->dev.vm;

	pthread_mutex_lock(&vm->lock);
	event_drain(k->v->kick[k->q]);
	k->v->ops->kicked(k->v, k->q);
	pthread_mutex_unlock(&vm->lock);
	if (k->v->ops->after_kick)
		k->v->ops->after_kick(k->v);
}

int
virtio_serve_watch(struct virtio_dev *v)
{
	int r = 0;

	for (unsigned int q = 0; q < v->n_queues && v->ops->kicked && r == 0; q++) {
		v->kicked[q] = (struct virtio_kicked){v, q};
		r = loop_add(&v->dev.vm->loop, v->kick[q], EPOLLIN, kicked, &v->kicked[q]);
	}
	return r;
}

/* --- the machine's life --- */

static struct virtio_dev *
of(struct device *dev)
{
	return container_of(dev, struct virtio_dev, dev);
}

void
virtio_device_reset(struct device *dev)
{
	virtio_reset(of(dev));
}

void
virtio_device_pause(struct device *dev)
{
	struct virtio_dev *v = of(dev);

	pthread_mutex_lock(&dev->vm->lock);
	v->paused = true;
	if (v->ops->paused)
		v->ops->paused(v);
	pthread_mutex_unlock(&dev->vm->lock);
}

/* Kicks that came in between were taken and forgotten: each queue is looked at again. */
void
virtio_device_resume(struct device *dev)
{
	struct virtio_dev *v = of(dev);

	pthread_mutex_lock(&dev->vm->lock);
	v->paused = false;
	if (v->ops->resumed)
		v->ops->resumed(v);
	for (unsigned int q = 0; q < v->n_queues; q++)
		virtio_kick(v, q);
	pthread_mutex_unlock(&dev->vm->lock);
}
