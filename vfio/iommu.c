/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/iommu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vfio/bind.h"
#include "vfio/iommufd_abi.h"
#include "vfio/pcidev.h"

/* A node of /dev follows its device; udev may still be giving it its owner. */
#define NODE_TRIES   200
#define NODE_WAIT_NS 10000000

static int
open_node(const struct sysroot *root, const char *path)
{
	int fd = -ENOENT;

	for (int i = 0; i < NODE_TRIES; i++) {
		fd = sysroot_openat(root, O_RDWR, "%s", path);
		if (fd != -ENOENT && fd != -EACCES)
			break;
		nanosleep(&(struct timespec){.tv_nsec = NODE_WAIT_NS}, NULL);
	}
	return fd;
}

/* The name of the character device below "vfio-dev" of the function: "vfio3". -ENOENT: no cdevs here. */
static int
cdev_name(const struct sysroot *root, const struct pci_addr *dev, char ret[PCIDEV_NAME_MAX])
{
	char path[64 + PCI_ADDR_LEN], text[PCI_ADDR_LEN];
	struct dirent *ent;
	int r = -ENOENT;
	DIR *d;

	snprintf(path, sizeof(path), PCIDEV_FMT "/vfio-dev", pci_addr_format(dev, text));
	d = pcidev_opendir(root, path);
	if (!d)
		return -ENOENT;
	while ((ent = readdir(d))) {
		if (strncmp(ent->d_name, "vfio", 4) != 0 || strlen(ent->d_name) >= PCIDEV_NAME_MAX)
			continue;
		snprintf(ret, PCIDEV_NAME_MAX, "%.*s", PCIDEV_NAME_MAX - 1, ent->d_name);
		r = 0;
		break;
	}
	closedir(d);
	return r;
}

/*
 * Type 1 where the kernel has it: Debian's kernels do. iommufd where it stands alone, which wants a
 * character device for each function.
 */
static enum vmm_iommu_kind
choose(const struct sysroot *root, const struct pci_addr *dev, size_t n)
{
	char name[PCIDEV_NAME_MAX];

	if (sysroot_exists(root, "/dev/vfio/vfio"))
		return VMM_IOMMU_TYPE1;
	if (!sysroot_exists(root, "/dev/iommu"))
		return VMM_IOMMU_NONE;
	for (size_t i = 0; i < n; i++)
		if (cdev_name(root, &dev[i], name) < 0)
			return VMM_IOMMU_NONE;
	return VMM_IOMMU_IOMMUFD;
}

static int
open_container(const struct sysroot *root, struct iommu *c, struct err *e)
{
	c->fd = open_node(root, "/dev/vfio/vfio");
	if (c->fd < 0)
		return err_sys(e, -c->fd, "/dev/vfio/vfio");
	if (ioctl(c->fd, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		return err_set(e, ENODEV,
			       "/dev/vfio/vfio is not the kernel's: it does not speak "
			       "version 0 of the VFIO API");
	if (ioctl(c->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		return err_set(e, ENODEV,
			       "this kernel has no type 1 IOMMU for VFIO: modprobe "
			       "vfio_iommu_type1");
	return 0;
}

/* Puts group @number into the container, unless it is there already. */
static int
add_group(const struct sysroot *root, struct iommu *c, unsigned int number, struct err *e)
{
	struct vfio_group_status st = {.argsz = sizeof(st)};
	char path[32], who[64];
	int fd, r;

	for (size_t i = 0; i < c->n_groups; i++)
		if (c->group[i].number == number)
			return 0;
	if (c->n_groups == ARRAY_SIZE(c->group))
		return err_set(e, E2BIG, "more than %zu IOMMU groups", ARRAY_SIZE(c->group));
	snprintf(path, sizeof(path), "/dev/vfio/%u", number);
	fd = open_node(root, path);
	if (fd == -EBUSY)
		return err_set(
			e, EBUSY,
			"IOMMU group %u is in use: %s has it; end it, or choose another device",
			number, bind_opener(root, path, who, sizeof(who)));
	if (fd < 0)
		return err_sys(e, -fd, "%s", path);
	if (ioctl(fd, VFIO_GROUP_GET_STATUS, &st) < 0)
		r = err_sys(e, errno, "%s: status", path);
	else if (!(st.flags & VFIO_GROUP_FLAGS_VIABLE))
		r = err_set(e, EINVAL,
			    "IOMMU group %u is not viable: a driver of the host has another device "
			    "of it",
			    number);
	else if (ioctl(fd, VFIO_GROUP_SET_CONTAINER, &c->fd) < 0)
		r = err_sys(e, errno, "IOMMU group %u cannot enter the container", number);
	else
		r = 0;
	if (r < 0) {
		close(fd);
		return r;
	}
	c->group[c->n_groups++] = (struct iommu_group){.number = number, .fd = fd};
	return 0;
}

/* The kernel takes the IOMMU's type when there is a group, and puts later groups in by itself. */
static int
set_type(struct iommu *c, struct err *e)
{
	if (ioctl(c->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0)
		return 0;
	if (errno == EPERM)
		return err_set(
			e, EPERM,
			"this host cannot remap interrupts, so a guest could forge them: "
			"enable interrupt remapping (x2APIC) in the firmware and do not boot "
			"with intremap=off; who accepts the danger writes 1 to /sys/module/"
			"vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	return err_sys(e, errno, "the type 1 IOMMU");
}

static int
open_type1(const struct sysroot *root, const struct pci_addr *dev, size_t n, struct iommu *c,
	   struct err *e)
{
	unsigned int number;
	int r;

	r = open_container(root, c, e);
	c->failed = r < 0 ? n : 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		char text[PCI_ADDR_LEN];

		c->failed = i;
		r = pcidev_group(root, &dev[i], &number);
		if (r < 0)
			return err_sys(e, -r, "device %s: its IOMMU group",
				       pci_addr_format(&dev[i], text));
		r = add_group(root, c, number, e);
		if (r == 0 && i == 0)
			r = set_type(c, e);
	}
	return r;
}

static int
open_iommufd(const struct sysroot *root, struct iommu *c, struct err *e)
{
	struct iommufd_ioas_alloc alloc = {.size = sizeof(alloc)};

	c->fd = open_node(root, "/dev/iommu");
	if (c->fd < 0)
		return err_sys(e, -c->fd, "/dev/iommu");
	if (ioctl(c->fd, IOMMUFD_IOAS_ALLOC, &alloc) < 0)
		return err_sys(e, errno, "/dev/iommu: an address space");
	c->ioas_id = alloc.ioas_id;
	return 0;
}

int
iommu_open(const struct sysroot *root, const struct pci_addr *dev, size_t n, struct iommu *ret,
	   struct err *e)
{
	struct iommu c = IOMMU_CLOSED;
	int r;

	c.kind = choose(root, dev, n);
	switch (c.kind) {
	case VMM_IOMMU_TYPE1:
		r = open_type1(root, dev, n, &c, e);
		break;
	case VMM_IOMMU_IOMMUFD:
		r = open_iommufd(root, &c, e);
		break;
	default:
		r = err_set(e, ENODEV,
			    "this host has neither /dev/vfio/vfio nor /dev/iommu with device "
			    "nodes: modprobe vfio-pci, and boot with the IOMMU enabled");
		break;
	}
	if (r < 0) {
		ret->failed = c.kind == VMM_IOMMU_TYPE1 ? c.failed : n;
		iommu_close(&c);
		return r;
	}
	*ret = c;
	return 0;
}

static int
device_type1(const struct iommu *c, const struct sysroot *root, const struct pci_addr *dev,
	     const char *name, int *ret_fd, struct err *e)
{
	unsigned int number;
	int r, fd;

	r = pcidev_group(root, dev, &number);
	if (r < 0)
		return err_sys(e, -r, "device %s: its IOMMU group", name);
	for (size_t i = 0; i < c->n_groups; i++) {
		if (c->group[i].number != number)
			continue;
		fd = ioctl(c->group[i].fd, VFIO_GROUP_GET_DEVICE_FD, name);
		if (fd < 0)
			return err_sys(e, errno, "device %s", name);
		fcntl(fd, F_SETFD, FD_CLOEXEC); /* the kernel has set it already */
		*ret_fd = fd;
		return 0;
	}
	return err_set(e, ENOENT, "device %s: its IOMMU group %u was not opened", name, number);
}

static int
device_iommufd(const struct iommu *c, const struct sysroot *root, const struct pci_addr *dev,
	       const char *name, int *ret_fd, struct err *e)
{
	struct iommufd_device_bind bind = {.argsz = sizeof(bind), .iommufd = c->fd};
	struct iommufd_device_attach attach = {.argsz = sizeof(attach), .pt_id = c->ioas_id};
	char cdev[PCIDEV_NAME_MAX], path[PCIDEV_NAME_MAX + 32];
	int fd, r;

	if (cdev_name(root, dev, cdev) < 0)
		return err_set(e, ENODEV, "device %s: the kernel made no character device for it",
			       name);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", cdev);
	fd = open_node(root, path);
	if (fd < 0)
		return err_sys(e, -fd, "device %s: %s", name, path);
	if (ioctl(fd, IOMMUFD_DEVICE_BIND, &bind) < 0)
		r = err_sys(e, errno, "device %s cannot be bound to /dev/iommu", name);
	else if (ioctl(fd, IOMMUFD_DEVICE_ATTACH, &attach) < 0)
		r = err_sys(e, errno, "device %s cannot enter its address space", name);
	else
		r = 0;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int
iommu_device(const struct iommu *c, const struct sysroot *root, const struct pci_addr *dev,
	     int *ret_fd, struct err *e)
{
	char name[PCI_ADDR_LEN];

	pci_addr_format(dev, name);
	if (c->kind == VMM_IOMMU_IOMMUFD)
		return device_iommufd(c, root, dev, name, ret_fd, e);
	return device_type1(c, root, dev, name, ret_fd, e);
}

void
iommu_close(struct iommu *c)
{
	for (size_t i = 0; i < c->n_groups; i++)
		close(c->group[i].fd);
	if (c->fd >= 0)
		close(c->fd);
	*c = IOMMU_CLOSED;
}
