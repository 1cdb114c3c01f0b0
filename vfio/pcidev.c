/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/pcidev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLASS_BRIDGE 0x06 /* PCI Code and ID Assignment: base class */

bool
pcidev_exists(const struct sysroot *root, const struct pci_addr *a)
{
	char text[PCI_ADDR_LEN];

	return sysroot_exists(root, PCIDEV_FMT "/.", pci_addr_format(a, text));
}

int
pcidev_link(const struct sysroot *root, const struct pci_addr *a, const char *name, char *ret,
	    size_t size)
{
	char text[PCI_ADDR_LEN], target[PATH_MAX];
	const char *last;
	ssize_t n;
	int fd;

	fd = sysroot_openat(root, O_PATH | O_NOFOLLOW, PCIDEV_FMT "/%s", pci_addr_format(a, text),
			    name);
	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", target, sizeof(target) - 1);
	close(fd);
	if (n < 0)
		return -ENOENT; /* there, but no link */
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if ((size_t)snprintf(ret, size, "%s", last) >= size)
		return -ENAMETOOLONG;
	return 0;
}

const char *
pcidev_driver(const struct sysroot *root, const struct pci_addr *a, char ret[PCIDEV_NAME_MAX])
{
	if (pcidev_link(root, a, "driver", ret, PCIDEV_NAME_MAX) < 0)
		ret[0] = '\0';
	return ret;
}

DIR *
pcidev_opendir(const struct sysroot *root, const char *path)
{
	int fd = sysroot_openat(root, O_RDONLY | O_DIRECTORY, "%s", path);
	DIR *d;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	d = fdopendir(fd);
	if (!d)
		close(fd);
	return d;
}

const char *
pcidev_netdev(const struct sysroot *root, const struct pci_addr *a, char ret[PCIDEV_NAME_MAX])
{
	char path[64 + PCI_ADDR_LEN], text[PCI_ADDR_LEN];
	struct dirent *ent;
	DIR *d;

	ret[0] = '\0';
	snprintf(path, sizeof(path), PCIDEV_FMT "/net", pci_addr_format(a, text));
	d = pcidev_opendir(root, path);
	if (!d)
		return ret;
	while ((ent = readdir(d))) {
		if (ent->d_name[0] == '.')
			continue;
		snprintf(ret, PCIDEV_NAME_MAX, "%.*s", PCIDEV_NAME_MAX - 1, ent->d_name);
		break;
	}
	closedir(d);
	return ret;
}

int
pcidev_group(const struct sysroot *root, const struct pci_addr *a, unsigned int *ret)
{
	char name[32], *end;
	unsigned long v;
	int r;

	r = pcidev_link(root, a, "iommu_group", name, sizeof(name));
	if (r < 0)
		return r;
	errno = 0;
	v = strtoul(name, &end, 10);
	if (errno || end == name || *end || v > INT_MAX)
		return -EINVAL;
	*ret = (unsigned int)v;
	return 0;
}

int
pcidev_vf(const struct sysroot *root, const struct pci_addr *pf, unsigned int number,
	  struct pci_addr *ret)
{
	char link[32], name[PCI_ADDR_LEN + 8];
	int r;

	snprintf(link, sizeof(link), "virtfn%u", number);
	r = pcidev_link(root, pf, link, name, sizeof(name));
	return r < 0 ? r : pci_addr_parse(name, ret);
}

bool
pcidev_bridge(const struct sysroot *root, const struct pci_addr *a)
{
	char text[PCI_ADDR_LEN];
	uint64_t class;

	return sysroot_read_u64(root, &class, PCIDEV_FMT "/class", pci_addr_format(a, text)) == 0 &&
	       class >> 16 == CLASS_BRIDGE;
}
