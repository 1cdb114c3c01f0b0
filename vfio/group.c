/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vfio/pcidev.h"

#define NOIOMMU_NAME  "vfio-noiommu" /* drivers/vfio/group.c */
#define NOIOMMU_PARAM "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

#define REMEDY                                                                                     \
	"an IOMMU isolates whole groups only: put the card into another slot, or one whose root "  \
	"port has ACS (firmware), or unbind them from their drivers"

/* They do no DMA of the host's: what the kernel itself lets stay in a group (driver_managed_dma). */
static bool
harmless(const char *driver)
{
	static const char *const list[] = {"", "vfio-pci", "pci-stub", "pcieport"};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		if (strcmp(driver, list[i]) == 0)
			return true;
	return false;
}

static int
no_iommu(const struct sysroot *root, const char *dev, struct err *e)
{
	char v[8];

	if (sysroot_read_str(root, v, sizeof(v), NOIOMMU_PARAM) == 0 && v[0] == 'Y')
		return err_set(
			e, ENODEV,
			"device %s: no IOMMU stands between it and the host's memory, and the "
			"kernel's no-IOMMU mode is refused here: a guest could read and write "
			"everything; boot with intel_iommu=on and enable VT-d or AMD-Vi in the "
			"firmware",
			dev);
	return err_set(e, ENODEV,
		       "device %s is in no IOMMU group: this host has no IOMMU in use; enable VT-d "
		       "or AMD-Vi in the firmware and boot with intel_iommu=on (Intel)",
		       dev);
}

/* Calls @each for every device of the group; stops at the first that gives -errno. */
static int
for_members(const struct sysroot *root, unsigned int group,
	    void (*each)(void *arg, const struct pci_addr *a), void *arg)
{
	struct dirent *ent;
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%u/devices", group);
	d = pcidev_opendir(root, path);
	if (!d)
		return -errno;
	while ((ent = readdir(d))) {
		struct pci_addr a;

		if (pci_addr_parse(ent->d_name, &a) == 0)
			each(arg, &a);
	}
	closedir(d);
	return 0;
}

struct others {
	const struct sysroot *root;
	const struct pci_addr *dev;
	bool bridge; /* one of them is a bridge */
	char text[400];
	size_t used;
};

static void
look(void *arg, const struct pci_addr *a)
{
	struct others *o = arg;
	char driver[PCIDEV_NAME_MAX], text[PCI_ADDR_LEN];

	if (pci_addr_equal(a, o->dev))
		return;
	o->bridge |= pcidev_bridge(o->root, a);
	if (harmless(pcidev_driver(o->root, a, driver)) || o->used >= sizeof(o->text))
		return;
	o->used += (size_t)snprintf(o->text + o->used, sizeof(o->text) - o->used, "%s%s (%s)",
				    o->used ? ", " : "", pci_addr_format(a, text), driver);
}

/* The group's number, once it is known to be a real one. */
static int
real_group(const struct sysroot *root, const struct pci_addr *dev, unsigned int *ret, struct err *e)
{
	char text[PCI_ADDR_LEN], name[32];
	int r;

	pci_addr_format(dev, text);
	r = pcidev_group(root, dev, ret);
	if (r == -ENOENT)
		return no_iommu(root, text, e);
	if (r < 0)
		return err_sys(e, -r, "device %s: its IOMMU group", text);
	if (sysroot_read_str(root, name, sizeof(name), "/sys/kernel/iommu_groups/%u/name", *ret) ==
		    0 &&
	    strcmp(name, NOIOMMU_NAME) == 0)
		return no_iommu(root, text, e);
	return 0;
}

static int
look_around(const struct sysroot *root, const struct pci_addr *dev, struct others *o,
	    unsigned int *ret_group, struct err *e)
{
	int r = real_group(root, dev, ret_group, e);

	if (r < 0)
		return r;
	*o = (struct others){.root = root, .dev = dev};
	r = for_members(root, *ret_group, look, o);
	return r < 0 ? err_sys(e, -r, "IOMMU group %u", *ret_group) : 0;
}

int
group_check(const struct sysroot *root, const struct pci_addr *dev, struct err *e)
{
	char text[PCI_ADDR_LEN];
	struct others o;
	unsigned int group;
	int r;

	r = look_around(root, dev, &o, &group, e);
	if (r < 0 || !o.used)
		return r;
	return err_set(e, EBUSY,
		       "device %s shares IOMMU group %u with %s, in use by the host; " REMEDY,
		       pci_addr_format(dev, text), group, o.text);
}

int
group_foresee(const struct sysroot *root, const struct pci_addr *pf, struct err *e)
{
	char text[PCI_ADDR_LEN], driver[PCIDEV_NAME_MAX];
	struct others o;
	unsigned int group;
	int r;

	r = look_around(root, pf, &o, &group, e);
	if (r < 0 || !o.bridge)
		return r;
	/* The group reaches up to a bridge, so it takes in everything below that bridge. */
	return err_set(
		e, EBUSY,
		"virtual functions of %s would share IOMMU group %u with %s (%s)%s%s, in use "
		"by the host; " REMEDY,
		pci_addr_format(pf, text), group, text, pcidev_driver(root, pf, driver),
		o.used ? ", " : "", o.text);
}
