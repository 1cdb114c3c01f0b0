/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing that provisioning changes, with what it was before: a line of text, so that a run that is
 * killed leaves a record which the next one can undo. Lines are written before the change and undone in
 * reverse order; undoing what was never done is harmless.
 */
#ifndef CORELANE_VFIO_UNDO_H
#define CORELANE_VFIO_UNDO_H

#include "base/err.h"
#include "base/pci.h"
#include "base/sysroot.h"
#include "vfio/bind.h"
#include "vfio/rtnl.h"
#include "vfio/vfset.h"

#define UNDO_LINE_MAX 256

enum undo_kind {
	UNDO_NUMVFS,    /* value: how many there were */
	UNDO_AUTOPROBE, /* value: 0 or 1 */
	UNDO_DOWN,      /* the PF's network device was down */
	UNDO_SETTING,   /* vf, which, state */
	UNDO_DRIVER,    /* binding */
};

struct undo {
	enum undo_kind kind;
	struct pci_addr dev; /* the PF; UNDO_DRIVER: the function itself */
	unsigned int value, vf;
	enum vf_setting which;
	struct vf_state state;
	struct binding binding;
};

/* One line without newline. Returns @buf. */
const char *undo_format(const struct undo *u, char buf[UNDO_LINE_MAX]);
/* -EINVAL when it is no such line. */
int undo_parse(const char *line, struct undo *ret);

/* 0, also when the device is gone; -EBUSY when somebody uses it by now; other -errno; in words. */
int undo_run(const struct undo *u, const struct sysroot *root, struct rtnl *r, struct err *e);

#endif
