/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many virtual functions a physical one has (sriov_numvfs, sriov_drivers_autoprobe;
 * Documentation/PCI/pci-iov-howto.rst). Blocking: a driver takes up to seconds.
 */
#ifndef CORELANE_VFIO_SRIOV_H
#define CORELANE_VFIO_SRIOV_H

#include "base/err.h"
#include "base/pci.h"
#include "base/sysroot.h"

/* 0; -ENOENT when the function has no SR-IOV; other -errno. */
int sriov_numvfs(const struct sysroot *root, const struct pci_addr *pf, unsigned int *ret);
int sriov_totalvfs(const struct sysroot *root, const struct pci_addr *pf, unsigned int *ret);

/*
 * Makes @n of them, by way of none when there is another number, and waits until they are there. The
 * caller has made sure that nobody uses them. 0, or -errno in words.
 */
int sriov_set_numvfs(const struct sysroot *root, const struct pci_addr *pf, unsigned int n,
		     struct err *e);

/* Whether the host's drivers take new functions. A kernel that cannot tell says yes. */
bool sriov_autoprobe(const struct sysroot *root, const struct pci_addr *pf);
int sriov_set_autoprobe(const struct sysroot *root, const struct pci_addr *pf, bool on);

/* 0, or -EBUSY in words that say who uses one of the functions that there are. */
int sriov_unused(const struct sysroot *root, const struct pci_addr *pf, struct err *e);

/* The number of the PF's network device, for rtnetlink. -ENODEV: it has none here. */
int sriov_ifindex(const struct sysroot *root, const struct pci_addr *pf, unsigned int *ret);

#endif
