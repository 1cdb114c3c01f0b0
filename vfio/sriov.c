/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/sriov.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vfio/bind.h"
#include "vfio/pcidev.h"

#define TRIES   500 /* 5 s for all functions to appear */
#define WAIT_NS 10000000

static int
read_number(const struct sysroot *root, const struct pci_addr *pf, const char *name,
	    unsigned int *ret)
{
	char text[PCI_ADDR_LEN];
	uint64_t v;
	int r;

	r = sysroot_read_u64(root, &v, PCIDEV_FMT "/%s", pci_addr_format(pf, text), name);
	if (r < 0)
		return r;
	if (v > UINT16_MAX) /* PCI Express 9.3.3: 16-bit registers */
		return -EINVAL;
	*ret = (unsigned int)v;
	return 0;
}

int
sriov_numvfs(const struct sysroot *root, const struct pci_addr *pf, unsigned int *ret)
{
	return read_number(root, pf, "sriov_numvfs", ret);
}

int
sriov_totalvfs(const struct sysroot *root, const struct pci_addr *pf, unsigned int *ret)
{
	return read_number(root, pf, "sriov_totalvfs", ret);
}

bool
sriov_autoprobe(const struct sysroot *root, const struct pci_addr *pf)
{
	unsigned int v;

	return read_number(root, pf, "sriov_drivers_autoprobe", &v) < 0 || v != 0;
}

int
sriov_set_autoprobe(const struct sysroot *root, const struct pci_addr *pf, bool on)
{
	char text[PCI_ADDR_LEN];

	return sysroot_write_str(root, on ? "1" : "0", PCIDEV_FMT "/sriov_drivers_autoprobe",
				 pci_addr_format(pf, text));
}

static int
write_numvfs(const struct sysroot *root, const char *pf, unsigned int n, struct err *e)
{
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%u", n);
	r = sysroot_write_str(root, text, PCIDEV_FMT "/sriov_numvfs", pf);
	if (r == -ENOMEM || r == -ENOSPC)
		return err_set(e, -r,
			       "device %s: no room for %u virtual functions (%s): enable SR-IOV in "
			       "the firmware, or boot with pci=realloc",
			       pf, n, strerror(-r));
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return err_set(e, -r, "device %s: its driver makes no virtual functions (%s)", pf,
			       strerror(-r));
	return r < 0 ? err_sys(e, -r, "device %s: %u virtual functions", pf, n) : 0;
}

/* The kernel makes them before the write returns; some drivers go on afterwards. */
static int
wait_for(const struct sysroot *root, const struct pci_addr *pf, unsigned int n)
{
	struct pci_addr vf;
	unsigned int have = 0;

	for (int i = 0; i < TRIES; i++) {
		while (have < n && pcidev_vf(root, pf, have, &vf) == 0 && pcidev_exists(root, &vf))
			have++;
		if (have == n)
			return 0;
		nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
	}
	return -ETIMEDOUT;
}

int
sriov_set_numvfs(const struct sysroot *root, const struct pci_addr *pf, unsigned int n,
		 struct err *e)
{
	char text[PCI_ADDR_LEN];
	unsigned int now;
	int r;

	pci_addr_format(pf, text);
	r = sriov_numvfs(root, pf, &now);
	if (r < 0)
		return err_sys(e, -r, "device %s: sriov_numvfs", text);
	if (now == n)
		return 0;
	if (now != 0 && n != 0) {
		r = write_numvfs(root, text, 0, e);
		if (r < 0)
			return r;
	}
	r = write_numvfs(root, text, n, e);
	if (r < 0)
		return r;
	r = wait_for(root, pf, n);
	return r < 0 ? err_sys(e, -r, "device %s: %u virtual functions did not appear", text, n)
		     : 0;
}

int
sriov_unused(const struct sysroot *root, const struct pci_addr *pf, struct err *e)
{
	struct pci_addr vf;
	int r = 0;

	for (unsigned int i = 0; r == 0 && pcidev_vf(root, pf, i, &vf) == 0; i++)
		r = bind_unused(root, &vf, e);
	return r;
}

int
sriov_ifindex(const struct sysroot *root, const struct pci_addr *pf, unsigned int *ret)
{
	char text[PCI_ADDR_LEN], dev[PCIDEV_NAME_MAX];
	uint64_t v;

	if (!pcidev_netdev(root, pf, dev)[0] ||
	    sysroot_read_u64(root, &v, PCIDEV_FMT "/net/%s/ifindex", pci_addr_format(pf, text),
			     dev) < 0 ||
	    v == 0 || v > INT_MAX)
		return -ENODEV;
	*ret = (unsigned int)v;
	return 0;
}
