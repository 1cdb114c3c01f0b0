/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's virtual functions: checked, made before anything is started, put back when everything has
 * ended. What was changed is recorded in the run folder ("vfs"), so that the run after a killed one finds
 * it there.
 */
#ifndef CORELANE_APPLIANCE_SRIOV_APPLY_H
#define CORELANE_APPLIANCE_SRIOV_APPLY_H

#include <stddef.h>

#include "appliance/rundir.h"
#include "base/err.h"
#include "base/sysroot.h"
#include "rt/plan.h"

/* Looks only. EXIT_OK or EXIT_REFUSED; @say is told each problem, one line, no newline. */
int sriov_check(const struct plan *plan, const struct sysroot *root,
		void (*say)(void *arg, const char *text), void *arg);

/*
 * Makes what the plan wants, and logs how many things differed. 0, or -errno in words: then sriov_undo()
 * is due.
 */
int sriov_apply(const struct plan *plan, const struct sysroot *root, const struct rundir *dir,
		struct err *e);

/*
 * Puts back what the record says, of this run or an earlier one, last change first. How many things were
 * put back; what could not be is told on the log and stays in the record.
 */
unsigned int sriov_undo(const struct sysroot *root, const struct rundir *dir);

/* The settings of VF number @vf of the plan once more: its guest may have changed them. 0, or in words. */
int sriov_again(const struct plan *plan, const struct sysroot *root, size_t vf, struct err *e);

/* The PCI address of VF number @vf of the plan. 0 or -errno. */
int sriov_address(const struct plan *plan, const struct sysroot *root, size_t vf,
		  struct pci_addr *ret);

#endif
