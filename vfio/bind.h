/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which driver of the host has a PCI function: given to vfio-pci through driver_override, and back
 * (Documentation/ABI/testing/sysfs-bus-pci). Blocking, with bounds; not on packet or vCPU paths.
 */
#ifndef CORELANE_VFIO_BIND_H
#define CORELANE_VFIO_BIND_H

#include "base/err.h"
#include "base/pci.h"
#include "base/sysroot.h"
#include "vfio/pcidev.h"

#define BIND_VFIO "vfio-pci"

struct binding {
	char driver[PCIDEV_NAME_MAX];   /* "" for none */
	char override[PCIDEV_NAME_MAX]; /* driver_override; "" for none */
};

void bind_read(const struct sysroot *root, const struct pci_addr *a, struct binding *ret);

/* Whether vfio-pci is loaded. 0, or -ENODEV in words. */
int bind_check(const struct sysroot *root, struct err *e);

/* Takes the function from whatever driver it has. 0, or -errno in words. */
int bind_vfio(const struct sysroot *root, const struct pci_addr *a, struct err *e);

/* Puts back what bind_read() said. 0 (also for a function that is gone), or -errno in words. */
int bind_restore(const struct sysroot *root, const struct pci_addr *a, const struct binding *to,
		 struct err *e);

/*
 * Whether nobody uses the virtual function @a: no driver, a network driver whose device is down, or
 * vfio-pci with a group that nobody has open. 0, or -EBUSY in words that say who uses it.
 */
int bind_unused(const struct sysroot *root, const struct pci_addr *a, struct err *e);

/* Who has @path open: "process 4711 (qemu-system-x86)", or "another program" when none is to be seen. Returns @buf. */
const char *bind_opener(const struct sysroot *root, const char *path, char *buf, size_t size);

#endif
