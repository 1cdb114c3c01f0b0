/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every device is: a static const ops table and an instance whose state is one plain struct
 * that could be written out and read back (snapshot and migration will walk the same table).
 * The devices of a machine are made in one place, vmm/devices.c, from one explicit array.
 */
#ifndef CORELANE_VMM_DEVICE_H
#define CORELANE_VMM_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct vm;
struct device;
struct vmm_req;
struct vmm_reply;

struct device_ops {
	const char *name;                /* "serial", "virtio-net", ... */
	size_t size;                     /* of the instance, struct device first */
	size_t state_offset, state_size; /* the plain state inside the instance */

	/* Makes the instance work: registers ranges, takes its fds. @index: the how-manieth of its kind. */
	int (*init)(struct device *d, unsigned int index, struct err *e);
	/* To power-on state. vm->lock held. */
	void (*reset)(struct device *d);
	/*
	 * vCPUs stop or go on: host-side processing must stop touching guest memory between the two.
	 * Main thread, vm->lock not held, every vCPU parked. Either may be NULL.
	 */
	void (*pause)(struct device *d);
	void (*resume)(struct device *d);
	/*
	 * VMM_OP_DETACH, BALLOON or DISK_RESIZED of a client. 0: taken up (what follows is told by events);
	 * -ENOSYS: not this device's; else -errno with words. Main thread, vm->lock not held. May be NULL.
	 */
	int (*request)(struct device *d, const struct vmm_req *q, struct err *e);
	/* Adds what the device knows to a reply's figures. As request(). May be NULL. */
	void (*status)(struct device *d, struct vmm_reply *reply);
	void (*fini)(struct device *d);
};

struct device {
	const struct device_ops *ops;
	struct vm *vm;
	unsigned int index;
};

/* How many instances of each kind the start message asks for decides what is made. vmm/devices.c */
int devices_create(struct vm *vm, struct err *e);
void devices_destroy(struct vm *vm);
void devices_pause(struct vm *vm);
void devices_resume(struct vm *vm);
/* Asks every device in turn; -ENOSYS when it is nobody's. */
int devices_request(struct vm *vm, const struct vmm_req *q, struct err *e);
void devices_status(struct vm *vm, struct vmm_reply *reply);

/* Ops of every device; each is defined in the file of its name. */
extern const struct device_ops serial_ops; /* 16550A at 0x3f8, IRQ 4 */
extern const struct device_ops rtc_ops;    /* CMOS/RTC at 0x70 */
extern const struct device_ops reset_ops;  /* 0xcf9, i8042 0xfe, power-off port 0x604 */
extern const struct device_ops ged_ops;    /* the ACPI generic event device: ged.h */
extern const struct device_ops pci_ops;    /* host bridge, 0xcf8/0xcfc, ECAM */
extern const struct device_ops virtio_net_vhost_ops;
extern const struct device_ops virtio_net_tap_ops;
extern const struct device_ops virtio_console_ops;
extern const struct device_ops virtio_rng_ops;
extern const struct device_ops virtio_balloon_ops;
extern const struct device_ops virtio_vsock_ops;
extern const struct device_ops watchdog_ops; /* i6300esb */
extern const struct device_ops pvpanic_ops;
extern const struct device_ops vfio_iommu_ops;
extern const struct device_ops vfio_nic_ops;
extern const struct device_ops virtio_blk_ops;

/*
 * The reset control register 0xcf9 lies inside the PCI address register's four bytes (0xcf8): the PCI
 * host passes a one-byte write at 0xcf9 on to here. vm->lock held.
 */
void reset_cf9(struct vm *vm, uint8_t value);

#endif
