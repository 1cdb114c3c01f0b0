/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings a physical function and its virtual ones into the state that a plan wants: number, settings,
 * driver. Looks first, changes only what differs, and has every change recorded before it is made.
 * Blocking; not thread-safe.
 */
#ifndef CORELANE_VFIO_PROVISION_H
#define CORELANE_VFIO_PROVISION_H

#include <stddef.h>

#include "base/err.h"
#include "base/pci.h"
#include "base/sysroot.h"
#include "vfio/rtnl.h"
#include "vfio/undo.h"

struct provision_vf {
	unsigned int number;
	struct vf_cfg cfg;
	const char *who; /* "vnf fw1, interface wan": borrowed, for messages */
};

struct provision_pf {
	struct pci_addr pci;
	const char *name;              /* of the declaration's device; borrowed */
	unsigned int vfs;              /* to have */
	const struct provision_vf *vf; /* those that are handed out; borrowed */
	size_t n_vfs;
};

struct provision {
	const struct sysroot *root;
	struct rtnl *rtnl;
	/* Called before each change with what undoes it. 0, or -errno in words: nothing is changed then. */
	int (*record)(void *arg, const struct undo *u, struct err *e);
	void *arg;
	bool hurry; /* a link that is down is not waited for */
	unsigned int
		changes; /* settings, numbers and drivers that differed; 0: all was as wanted */
};

/*
 * Everything that can be refused without changing anything: no SR-IOV, too many functions, functions in
 * use, groups that are shared. 0, or -errno in words for each, told to @say.
 */
int provision_check(const struct sysroot *root, const struct provision_pf *pf,
		    void (*say)(void *arg, const char *text), void *arg);

/* 0, or -errno in words; the caller undoes what was recorded. */
int provision_apply(struct provision *p, const struct provision_pf *pf, struct err *e);

/*
 * Only the settings of one function, once more: a guest may have changed what it was trusted with. Waits
 * for no link: others wait for the caller.
 */
int provision_again(struct provision *p, const struct provision_pf *pf,
		    const struct provision_vf *vf, struct err *e);

#endif
