/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sysfs says of a PCI function (Documentation/ABI/testing/sysfs-bus-pci). Reads only. Everything
 * goes through a sysroot, so that tests make hosts of plain files. Any thread.
 */
#ifndef CORELANE_VFIO_PCIDEV_H
#define CORELANE_VFIO_PCIDEV_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/pci.h"
#include "base/sysroot.h"

#define PCIDEV_NAME_MAX 64 /* of drivers and network devices, with NUL */
#define PCIDEV_FMT      "/sys/bus/pci/devices/%s"

bool pcidev_exists(const struct sysroot *root, const struct pci_addr *a);

/* The last component of what the link @name of the function points to. -ENOENT when there is none. */
int pcidev_link(const struct sysroot *root, const struct pci_addr *a, const char *name, char *ret,
		size_t size);

/* Its driver; "" when it has none. Returns @ret. */
const char *pcidev_driver(const struct sysroot *root, const struct pci_addr *a,
			  char ret[PCIDEV_NAME_MAX]);

/* Its first network device in this network namespace; "" when it has none. Returns @ret. */
const char *pcidev_netdev(const struct sysroot *root, const struct pci_addr *a,
			  char ret[PCIDEV_NAME_MAX]);

/* The number of its IOMMU group. -ENOENT: it has none. */
int pcidev_group(const struct sysroot *root, const struct pci_addr *a, unsigned int *ret);

/* Virtual function @number of @pf. -ENOENT: there is none now. */
int pcidev_vf(const struct sysroot *root, const struct pci_addr *pf, unsigned int number,
	      struct pci_addr *ret);

/* Whether it is a bridge (a root port or a port of a switch). */
bool pcidev_bridge(const struct sysroot *root, const struct pci_addr *a);

/* The folder below the sysroot, for readdir(3) and closedir(3). NULL with errno. */
DIR *pcidev_opendir(const struct sysroot *root, const char *path);

#endif
