/* SPDX-License-Identifier: Apache-2.0 */
/* Every device that a machine can have, in the order in which they are made. There is no other list. */
#include <errno.h>
#include <stdlib.h>

#include "base/util.h"
#include "vmm/device.h"
#include "vmm/vm.h"

static bool
always(const struct vmm_start *s, unsigned int index)
{
	return true;
}

static unsigned int
count_nics(const struct vmm_start *s, uint32_t kind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->n_nics; i++)
		n += s->nic[i].kind == kind;
	return n;
}

static bool
vhost_nic(const struct vmm_start *s, unsigned int index)
{
	return index < count_nics(s, VMM_NIC_VHOST_LISTEN) + count_nics(s, VMM_NIC_VHOST_CONNECT);
}

static bool
tap_nic(const struct vmm_start *s, unsigned int index)
{
	return index < count_nics(s, VMM_NIC_TAP);
}

static bool
console(const struct vmm_start *s, unsigned int index)
{
	for (uint32_t i = 0; i < s->n_fds; i++)
		if (s->fd[i].role == VMM_FD_CONSOLE)
			return true;
	return s->n_ports > 0;
}

static bool
balloon(const struct vmm_start *s, unsigned int index)
{
	return s->balloon;
}

static bool
vsock(const struct vmm_start *s, unsigned int index)
{
	return s->vsock_cid != 0;
}

static bool
watchdog(const struct vmm_start *s, unsigned int index)
{
	return s->watchdog;
}

static bool
disk(const struct vmm_start *s, unsigned int index)
{
	return index < s->n_disks;
}

static bool
vfio_nic(const struct vmm_start *s, unsigned int index)
{
	return index < count_nics(s, VMM_NIC_VFIO);
}

/* @wanted is asked for every index below @max, which is what init() gets. */
static const struct {
	const struct device_ops *ops;
	unsigned int max;
	bool (*wanted)(const struct vmm_start *s, unsigned int index);
} table[] = {
	{&serial_ops, 1, always},
	{&rtc_ops, 1, always},
	{&reset_ops, 1, always},
	{&pci_ops, 1, always},
	{&ged_ops, 1, always},
	{&virtio_net_vhost_ops, VMM_NICS_MAX, vhost_nic},
	{&virtio_net_tap_ops, VMM_NICS_MAX, tap_nic},
	{&vfio_iommu_ops, 1, vfio_nic},
	{&vfio_nic_ops, VMM_NICS_MAX, vfio_nic},
	{&virtio_console_ops, 1, console},
	{&virtio_rng_ops, 1, always},
	{&virtio_balloon_ops, 1, balloon},
	{&virtio_vsock_ops, 1, vsock},
	{&watchdog_ops, 1, watchdog},
	{&pvpanic_ops, 1, always},
	{&virtio_blk_ops, VMM_DISKS_MAX, disk},
};

static int
create(struct vm *vm, const struct device_ops *ops, unsigned int index, struct err *e)
{
	struct device *d;
	int r;

	if (vm->n_devices == VM_DEVICES_MAX)
		return err_set(e, ENOSPC, "%s: more than %d devices", ops->name, VM_DEVICES_MAX);
	d = calloc(1, ops->size);
	if (!d)
		return err_set(e, ENOMEM, "%s: out of memory", ops->name);
	d->ops = ops;
	d->vm = vm;
	d->index = index;
	r = ops->init(d, index, e);
	if (r < 0)
		free(d);
	else
		vm->device[vm->n_devices++] = d;
	return r;
}

int
devices_create(struct vm *vm, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		for (unsigned int k = 0; k < table[i].max; k++) {
			int r;

			if (!table[i].wanted(vm->start, k))
				continue;
			r = create(vm, table[i].ops, k, e);
			if (r < 0) {
				devices_destroy(vm);
				return r;
			}
		}
	return 0;
}

void
devices_destroy(struct vm *vm)
{
	while (vm->n_devices > 0) {
		struct device *d = vm->device[--vm->n_devices];

		if (d->ops->fini)
			d->ops->fini(d);
		free(d);
	}
}

void
devices_pause(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->n_devices; i++)
		if (vm->device[i]->ops->pause)
			vm->device[i]->ops->pause(vm->device[i]);
}

void
devices_resume(struct vm *vm)
{
	for (unsigned int i = vm->n_devices; i-- > 0;)
		if (vm->device[i]->ops->resume)
			vm->device[i]->ops->resume(vm->device[i]);
}

int
devices_request(struct vm *vm, const struct vmm_req *q, struct err *e)
{
	for (unsigned int i = 0; i < vm->n_devices; i++) {
		struct device *d = vm->device[i];
		int r = d->ops->request ? d->ops->request(d, q, e) : -ENOSYS;

		if (r != -ENOSYS)
			return r;
	}
	return -ENOSYS;
}

void
devices_status(struct vm *vm, struct vmm_reply *reply)
{
	for (unsigned int i = 0; i < vm->n_devices; i++)
		if (vm->device[i]->ops->status)
			vm->device[i]->ops->status(vm->device[i], reply);
}
