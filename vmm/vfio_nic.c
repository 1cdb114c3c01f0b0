/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a VFIO NIC: on the bus at the start or later, off it when the guest lets go, and what the host's
 * driver reports meanwhile. A paused machine's device is not stopped: it goes on writing what it receives to the
 * buffers that it was given, as hardware would.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/event.h"
#include "vmm/ged.h"
#include "vmm/vfio.h"
#include "vmm/virtio.h"
#include "vmm/vm.h"

static struct vfio_nic *
of(struct device *d)
{
	return container_of(d, struct vfio_nic, dev);
}

/* --- what the host's driver says; main thread, lock not held --- */

static void
on_error(void *arg, uint32_t events)
{
	struct vfio_nic *n = arg;

	event_drain(n->error_fd);
	vm_event(n->dev.vm, VMM_EV_DEVICE_ERROR, n->nic,
		 "%s: its device reported an error that it cannot recover from", n->name);
}

/* Somebody on the host wants the device: its driver is being unbound, or it is pulled. */
static void
on_request(void *arg, uint32_t events)
{
	struct vfio_nic *n = arg;
	struct vm *vm = n->dev.vm;

	event_drain(n->request_fd);
	vm_event(vm, VMM_EV_WARNING, n->nic, "%s: the host wants its device back: asking the guest",
		 n->name);
	pthread_mutex_lock(&vm->lock);
	if (n->present)
		ged_unplug_wanted(vm, n->fn.slot);
	pthread_mutex_unlock(&vm->lock);
}

/* An eventfd for an interrupt that is not the guest's. Kernels or devices may lack it. */
static void
listen_to(struct vfio_nic *n, enum vfio_irq kind, void (*ready)(void *, uint32_t), int *ret)
{
	int fd;

	if (n->v.irq[kind].n == 0)
		return;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return;
	if (vfio_irq_set(&n->v, kind, 0, &fd, 1) < 0 ||
	    loop_add(&n->dev.vm->loop, fd, EPOLLIN, ready, n) < 0)
		close(fd);
	else
		*ret = fd;
}

static void
stop_listening(struct vfio_nic *n, enum vfio_irq kind, int *fd)
{
	if (*fd < 0)
		return;
	(void)vfio_irq_off(&n->v, kind);
	loop_del(&n->dev.vm->loop, *fd);
	close(*fd);
	*fd = -1;
}

/* --- onto the bus and off it --- */

/* Off the bus if it was on it. Main thread; lock not held. */
static void
remove_device(struct vfio_nic *n)
{
	struct vm *vm = n->dev.vm;

	stop_listening(n, VFIO_ERR, &n->error_fd);
	stop_listening(n, VFIO_REQ, &n->request_fd);
	pthread_mutex_lock(&vm->lock);
	vfio_pci_fini(n);
	n->present = false;
	pthread_mutex_unlock(&vm->lock);
	/* The kernel resets it when its last fd goes; nobody else should hold one. */
	vfio_dev_close(&n->v);
}

/* @error of pci_fn_add() in words. Always negative. */
static int
no_place(const struct vfio_nic *n, int error, struct err *e)
{
	const struct pci_bar *b = error == -ENOSPC ? pci_fn_homeless(&n->fn) : NULL;

	if (!b)
		return err_sys(e, -error, "%s: no place on the PCI bus", n->name);
	return err_set(e, ENOSPC,
		       "%s: no place for BAR %u of its device, which is %llu KiB: all devices of a "
		       "guest share %llu MiB; use a device with smaller BARs, or fewer devices",
		       n->name, b->index, (unsigned long long)b->size >> 10,
		       GPA_PCI_BARS_SIZE >> 20);
}

static int
add_device(struct vfio_nic *n, int fd, struct err *e)
{
	struct vm *vm = n->dev.vm;
	int r = vfio_dev_open(fd, n->iommu->dma.io, &n->v, e);

	if (r < 0)
		return err_prefix(e, "%s", n->name);
	/* The kernel resets a device when it is opened: once more would cost another 100 ms. */
	if (!n->v.can_reset)
		vm_event(vm, VMM_EV_WARNING, n->nic,
			 "%s: its device has no reset: it is as its last user left it", n->name);
	r = vfio_iommu_map_ram(n->iommu, e);
	if (r == 0)
		r = vfio_pci_init(n, e);
	if (r < 0) {
		vfio_dev_close(&n->v);
		return r;
	}
	listen_to(n, VFIO_ERR, on_error, &n->error_fd);
	listen_to(n, VFIO_REQ, on_request, &n->request_fd);
	pthread_mutex_lock(&vm->lock);
	r = pci_fn_add(vm->pci, SLOT_NIC0 + n->nic, &n->fn);
	n->present = r == 0;
	if (r == 0)
		vfio_irq_start(n);
	pthread_mutex_unlock(&vm->lock);
	if (r == 0)
		return 0;
	no_place(n, r, e);
	remove_device(n);
	return r;
}

/* A device for a NIC that has none. Main thread, lock not held. */
static void
take_fd(void *arg, int fd)
{
	struct vfio_nic *n = arg;
	struct vm *vm = n->dev.vm;
	struct err e = {0};

	if (n->present) {
		vm_event(vm, VMM_EV_WARNING, n->nic,
			 "%s: has a device already; a second one is refused", n->name);
		close(fd);
		return;
	}
	if (add_device(n, fd, &e) < 0) {
		vm_event(vm, VMM_EV_DEVICE_ERROR, n->nic, "cannot be attached: %.200s", e.text);
		return;
	}
	pthread_mutex_lock(&vm->lock);
	ged_plugged(vm, n->fn.slot);
	pthread_mutex_unlock(&vm->lock);
	vm_event(vm, VMM_EV_NIC_ATTACHED, n->nic, "%s", n->name);
}

static void
on_ejected(void *arg, uint32_t events)
{
	struct vfio_nic *n = arg;

	event_drain(n->eject_fd);
	if (!n->present)
		return;
	remove_device(n);
	vm_event(n->dev.vm, VMM_EV_NIC_DETACHED, n->nic, "%s", n->name);
}

static int
request(struct device *d, const struct vmm_req *q, struct err *e)
{
	struct vfio_nic *n = of(d);
	struct vm *vm = d->vm;
	int r = 0;

	if (q->op != VMM_OP_DETACH || q->index != n->nic)
		return -ENOSYS;
	pthread_mutex_lock(&vm->lock);
	if (n->present)
		ged_unplug_wanted(vm, n->fn.slot);
	else
		r = err_set(e, ENODEV, "%s: has no device", n->name);
	pthread_mutex_unlock(&vm->lock);
	return r;
}

/* --- the device --- */

static int
find(struct vfio_nic *n, unsigned int index, struct err *e)
{
	const struct vmm_start *s = n->dev.vm->start;

	for (uint32_t i = 0; i < s->n_nics; i++) {
		if (s->nic[i].kind != VMM_NIC_VFIO || index-- != 0)
			continue;
		n->nic = i;
		snprintf(n->name, sizeof(n->name), "nic %.*s", NAME_MAX_LEN - 1, s->nic[i].name);
		return 0;
	}
	return err_set(e, ENODEV, "vfio: there is no such NIC in the start message");
}

static void
fini(struct device *d)
{
	struct vfio_nic *n = of(d);

	d->vm->nic[n->nic].take_fd = NULL;
	if (n->present)
		remove_device(n);
	if (n->eject_fd >= 0) {
		loop_del(&d->vm->loop, n->eject_fd);
		close(n->eject_fd);
	}
}

static int
init(struct device *d, unsigned int index, struct err *e)
{
	struct vfio_nic *n = of(d);
	struct vm *vm = d->vm;
	int r = find(n, index, e), fd;

	if (r < 0)
		return r;
	n->iommu = vm->iommu;
	n->v = VFIO_DEV_CLOSED;
	n->error_fd = n->request_fd = -1;
	n->eject_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = n->eject_fd < 0 ? -errno : loop_add(&vm->loop, n->eject_fd, EPOLLIN, on_ejected, n);
	if (r < 0)
		err_sys(e, -r, "%s: cannot make an eventfd", n->name);
	fd = vm_take_fd(vm, VMM_FD_NIC, n->nic);
	if (fd >= 0 && r == 0)
		r = add_device(n, fd, e);
	else if (fd >= 0)
		close(fd);
	if (r < 0) {
		fini(d);
		return r;
	}
	vm->nic[n->nic].take_fd = take_fd;
	vm->nic[n->nic].arg = n;
	atomic_store(&vm->nic[n->nic].up, n->present);
	return 0;
}

static void
reset(struct device *d)
{
	struct vfio_nic *n = of(d);

	if (n->present)
		vfio_pci_reset(n);
}

const struct device_ops vfio_nic_ops = {
	.name = "vfio",
	.size = sizeof(struct vfio_nic),
	.state_offset = offsetof(struct vfio_nic, command),
	.state_size = sizeof(uint16_t),
	.init = init,
	.reset = reset,
	.request = request,
	.fini = fini,
};
