/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network functions that can have virtual ones, as sysfs tells of them (Documentation/ABI/testing/
 * sysfs-bus-pci, sysfs-class-net). Works below any sysroot; changes nothing.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt/topo.h"

#include "base/mac.h"

#define DEVICES "/sys/bus/pci/devices"

#define CLASS_NETWORK 0x02 /* PCI Code and ID Assignment 1.11, 1.3 */

/* Calls @fn for each entry of a folder, until it returns something else than 0. */
static int
for_each_entry(const struct sysroot *root, const char *path, int (*fn)(void *arg, const char *name),
	       void *arg)
{
	int fd = sysroot_openat(root, O_RDONLY | O_DIRECTORY, "%s", path);
	struct dirent *ent;
	int r = 0;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (ent = readdir(dir)))
		if (ent->d_name[0] != '.')
			r = fn(arg, ent->d_name);
	closedir(dir);
	return r;
}

struct netdev_search {
	const struct sysroot *root;
	const char *folder; /* DEVICES/ADDRESS/net */
	uint64_t index;     /* of the best so far */
	char name[16];
};

/* In switchdev mode the functions' representors stand here too: the function itself was there first. */
static int
try_netdev(void *arg, const char *name)
{
	struct netdev_search *s = arg;
	uint64_t index;

	if (strlen(name) >= sizeof(s->name) ||
	    sysroot_read_u64(s->root, &index, "%s/%s/ifindex", s->folder, name) < 0)
		return 0;
	if (!s->name[0] || index < s->index) {
		s->index = index;
		snprintf(s->name, sizeof(s->name), "%.15s", name);
	}
	return 0;
}

static void
read_netdev(const struct sysroot *root, const char *device, struct topo_pf *pf)
{
	char folder[sizeof(DEVICES) + PCI_ADDR_LEN + 8], text[64];
	struct netdev_search s = {.root = root, .folder = folder};

	snprintf(folder, sizeof(folder), DEVICES "/%.*s/net", PCI_ADDR_LEN, device);
	if (for_each_entry(root, folder, try_netdev, &s) < 0 || !s.name[0])
		return;
	memcpy(pf->netdev, s.name, sizeof(pf->netdev));
	/* A bond gives all its members one address; their own is kept here. */
	if (sysroot_read_str(root, text, sizeof(text), "%s/%s/bonding_slave/perm_hwaddr", folder,
			     s.name) == 0 &&
	    mac_parse(text, pf->mac) == 0)
		return;
	if (sysroot_read_str(root, text, sizeof(text), "%s/%s/address", folder, s.name) == 0)
		(void)mac_parse(text, pf->mac);
}

/* "DRIVER=igb", a line of uevent. */
static void
read_driver(const struct sysroot *root, const char *device, struct topo_pf *pf)
{
	char text[2048], *p, *end;

	if (sysroot_read_str(root, text, sizeof(text), DEVICES "/%s/uevent", device) < 0)
		return;
	p = strncmp(text, "DRIVER=", 7) == 0 ? text : strstr(text, "\nDRIVER=");
	if (!p)
		return;
	p = strchr(p, '=') + 1;
	end = p + strcspn(p, "\n");
	snprintf(pf->driver, sizeof(pf->driver), "%.*s", (int)(end - p), p);
}

static int
read_node(const struct sysroot *root, const char *device)
{
	char text[16], *end;
	long node;

	if (sysroot_read_str(root, text, sizeof(text), DEVICES "/%s/numa_node", device) < 0)
		return -1;
	node = strtol(text, &end, 10);
	return *end || end == text || node < 0 || node >= CPUSET_MAX ? -1 : (int)node;
}

struct pf_search {
	const struct sysroot *root;
	struct topo *topo;
};

static int
try_device(void *arg, const char *name)
{
	struct pf_search *s = arg;
	struct topo_pf *pf = &s->topo->pf[s->topo->n_pfs];
	uint64_t max, class;
	struct pci_addr pci;

	if (pci_addr_parse(name, &pci) < 0 ||
	    sysroot_read_u64(s->root, &max, DEVICES "/%s/sriov_totalvfs", name) < 0 || max == 0 ||
	    max > UINT16_MAX || sysroot_read_u64(s->root, &class, DEVICES "/%s/class", name) < 0 ||
	    class >> 16 != CLASS_NETWORK)
		return 0;
	if (s->topo->n_pfs == TOPO_PFS_MAX)
		return -ERANGE;
	*pf = (struct topo_pf){.pci = pci,
			       .vfs_max = (unsigned int)max,
			       .node = read_node(s->root, name)};
	read_netdev(s->root, name, pf);
	read_driver(s->root, name, pf);
	s->topo->n_pfs++;
	return 0;
}

static int
by_address(const void *a, const void *b)
{
	const struct pci_addr *x = &((const struct topo_pf *)a)->pci;
	const struct pci_addr *y = &((const struct topo_pf *)b)->pci;

	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	if (x->bus != y->bus)
		return x->bus - y->bus;
	return x->slot != y->slot ? x->slot - y->slot : x->function - y->function;
}

int
topo_read_pfs(struct topo *t, const struct sysroot *root, struct err *e)
{
	struct pf_search s = {.root = root, .topo = t};
	int r;

	t->n_pfs = 0;
	r = for_each_entry(root, DEVICES, try_device, &s);
	if (r == -ERANGE)
		return err_set(e, ERANGE,
			       "this host has more than %d physical functions with SR-IOV",
			       TOPO_PFS_MAX);
	if (r < 0 && r != -ENOENT) /* a machine without PCI has none */
		return err_sys(e, -r, "%s", DEVICES);
	qsort(t->pf, t->n_pfs, sizeof(t->pf[0]), by_address);
	t->pfs_known = true;
	return 0;
}
