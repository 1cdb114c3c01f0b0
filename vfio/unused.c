/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses a virtual function now: what bind_unused() says. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vfio/bind.h"

/* Whether the process has @path open. */
static bool
has_open(const struct sysroot *root, const char *pid, const char *path)
{
	char dir[64], target[64];
	struct dirent *ent;
	bool found = false;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%.20s/fd", pid);
	d = pcidev_opendir(root, dir);
	if (!d)
		return false;
	while (!found && (ent = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), ent->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		found = strcmp(target, path) == 0;
	}
	closedir(d);
	return found;
}

const char *
bind_opener(const struct sysroot *root, const char *path, char *buf, size_t size)
{
	DIR *d = pcidev_opendir(root, "/proc");
	struct dirent *ent;
	char comm[32];

	snprintf(buf, size, "another program");
	while (d && (ent = readdir(d))) {
		if (!isdigit((unsigned char)ent->d_name[0]) || !has_open(root, ent->d_name, path))
			continue;
		if (sysroot_read_str(root, comm, sizeof(comm), "/proc/%s/comm", ent->d_name) < 0)
			comm[0] = '\0';
		snprintf(buf, size, "process %.20s (%s)", ent->d_name, comm);
		break;
	}
	if (d)
		closedir(d);
	return buf;
}

/* Opening a group is exclusive, and has no effect by itself. */
static int
check_vfio(const struct sysroot *root, const struct pci_addr *a, struct err *e)
{
	char text[PCI_ADDR_LEN], path[64], who[64];
	unsigned int group;
	int fd;

	if (pcidev_group(root, a, &group) < 0)
		return 0; /* refused elsewhere, with better words */
	snprintf(path, sizeof(path), "/dev/vfio/%u", group);
	fd = sysroot_openat(root, O_RDWR, "%s", path);
	if (fd >= 0)
		close(fd);
	if (fd != -EBUSY)
		return 0;
	return err_set(e, EBUSY,
		       "device %s is in use: %s has its IOMMU group %u; end it, or choose another "
		       "device",
		       pci_addr_format(a, text), bind_opener(root, path, who, sizeof(who)), group);
}

/* Up, or a part of a bridge or bond: somebody counts on it. */
static int
check_netdev(const struct sysroot *root, const struct pci_addr *a, const char *driver,
	     struct err *e)
{
	char text[PCI_ADDR_LEN], dev[PCIDEV_NAME_MAX];
	uint64_t flags = 0;

	pci_addr_format(a, text);
	if (!pcidev_netdev(root, a, dev)[0])
		return err_set(e, EBUSY,
			       "device %s is in use: the host's driver %s has it, and no network "
			       "device of it is to be seen here (a container's?); unbind it, or "
			       "choose another device",
			       text, driver);
	sysroot_read_u64(root, &flags, "/sys/class/net/%s/flags", dev);
	if (flags & IFF_UP)
		return err_set(e, EBUSY,
			       "device %s is in use: it is the host's network device %s, which is "
			       "up; ip link set %s down, if nobody needs it",
			       text, dev, dev);
	if (sysroot_exists(root, "/sys/class/net/%s/master", dev))
		return err_set(e, EBUSY,
			       "device %s is in use: it is the host's network device %s, which is "
			       "part of a bridge or bond",
			       text, dev);
	return 0;
}

int
bind_unused(const struct sysroot *root, const struct pci_addr *a, struct err *e)
{
	char driver[PCIDEV_NAME_MAX];

	pcidev_driver(root, a, driver);
	if (!driver[0])
		return 0;
	if (strcmp(driver, BIND_VFIO) == 0)
		return check_vfio(root, a, e);
	return check_netdev(root, a, driver, e);
}
