/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/bind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A driver's probe ends before the write returns; udev may have its hand in between. */
#define TRIES   200
#define WAIT_NS 10000000

void
bind_read(const struct sysroot *root, const struct pci_addr *a, struct binding *ret)
{
	char text[PCI_ADDR_LEN];

	pcidev_driver(root, a, ret->driver);
	if (sysroot_read_str(root, ret->override, sizeof(ret->override),
			     PCIDEV_FMT "/driver_override", pci_addr_format(a, text)) < 0 ||
	    strcmp(ret->override, "(null)") == 0)
		ret->override[0] = '\0';
}

int
bind_check(const struct sysroot *root, struct err *e)
{
	if (sysroot_exists(root, "/sys/bus/pci/drivers/" BIND_VFIO "/."))
		return 0;
	return err_set(e, ENODEV,
		       "the driver " BIND_VFIO " is not loaded, without which no device can be "
		       "handed to a VNF: modprobe " BIND_VFIO);
}

static int
write_override(const struct sysroot *root, const char *dev, const char *driver)
{
	return sysroot_write_str(root, driver[0] ? driver : "\n", PCIDEV_FMT "/driver_override",
				 dev);
}

/* No driver, or another one by now, is as good. */
static int
unbind(const struct sysroot *root, const char *dev, const char *driver)
{
	int r = sysroot_write_str(root, dev, "/sys/bus/pci/drivers/%s/unbind", driver);

	return r == -ENODEV || r == -ENOENT ? 0 : r;
}

/*
 * Until @driver has it. What another driver took in the meantime is taken from it: driver_override is
 * set by now, so that none can do so again.
 */
static int
settle(const struct sysroot *root, const struct pci_addr *a, const char *dev, const char *driver)
{
	char now[PCIDEV_NAME_MAX];
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		if (strcmp(pcidev_driver(root, a, now), driver) == 0)
			return 0;
		if (now[0]) {
			r = unbind(root, dev, now);
			if (r < 0)
				return r;
		}
		r = sysroot_write_str(root, dev, "/sys/bus/pci/drivers_probe");
		if (strcmp(pcidev_driver(root, a, now), driver) == 0)
			return 0;
		nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
	}
	return r < 0 ? r : -ETIMEDOUT;
}

int
bind_vfio(const struct sysroot *root, const struct pci_addr *a, struct err *e)
{
	char dev[PCI_ADDR_LEN], now[PCIDEV_NAME_MAX];
	int r;

	pci_addr_format(a, dev);
	if (strcmp(pcidev_driver(root, a, now), BIND_VFIO) == 0)
		return 0;
	r = write_override(root, dev, BIND_VFIO);
	if (r < 0)
		return err_sys(e, -r, "device %s: driver_override", dev);
	r = settle(root, a, dev, BIND_VFIO);
	if (r == 0)
		return 0;
	pcidev_driver(root, a, now);
	return err_set(e, -r,
		       "device %s: driver " BIND_VFIO " does not take it (%s), %s has it now; the "
		       "kernel's log (dmesg) says why: no IOMMU in use, for instance",
		       dev, strerror(-r), now[0] ? now : "no driver");
}

int
bind_restore(const struct sysroot *root, const struct pci_addr *a, const struct binding *to,
	     struct err *e)
{
	char dev[PCI_ADDR_LEN], now[PCIDEV_NAME_MAX];
	int r = 0, n;

	pci_addr_format(a, dev);
	if (!pcidev_exists(root, a))
		return 0;
	if (strcmp(pcidev_driver(root, a, now), to->driver) != 0) {
		/* First, so that no driver but the right one takes it while it has none. */
		r = write_override(root, dev, to->driver[0] ? to->driver : BIND_VFIO);
		if (r == 0 && now[0])
			r = unbind(root, dev, now);
		if (r == 0 && to->driver[0])
			r = settle(root, a, dev, to->driver);
	}
	n = write_override(root, dev, to->override);
	r = r < 0 ? r : n;
	return r < 0 ? err_sys(e, -r, "device %s cannot be given back to %s", dev,
			       to->driver[0] ? to->driver : "nobody")
		     : 0;
}
