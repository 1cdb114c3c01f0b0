/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file "vfs" of a run folder: which boot of the host it is about, then one line a change, in the order
 * in which they were made (vfio/undo.h). What another boot changed ended with that.
 */
#ifndef CORELANE_APPLIANCE_SRIOV_RECORD_H
#define CORELANE_APPLIANCE_SRIOV_RECORD_H

#include "appliance/rundir.h"
#include "vfio/undo.h"

/* Appends one. 0, or -errno in words. */
int sriov_record_add(const struct sysroot *root, const struct rundir *dir, const struct undo *u,
		     struct err *e);

/*
 * All lines: *@ret is the caller's. 0 (also without a file, or with one of another boot, which is removed:
 * none), or -errno.
 */
int sriov_record_read(const struct sysroot *root, const struct rundir *dir, struct undo **ret,
		      size_t *ret_n);

/* Keeps only those @n, or no file when there are none. 0 or -errno. */
int sriov_record_keep(const struct sysroot *root, const struct rundir *dir, const struct undo *u,
		      size_t n);

#endif
