/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May figures taken on this host, under this plan, support a real-time claim? A list of reasons why
 * not; empty means eligible. Reads the host, changes nothing.
 */
#ifndef CORELANE_RT_ELIGIBLE_H
#define CORELANE_RT_ELIGIBLE_H

#include <stddef.h>

#include "base/sysroot.h"
#include "rt/plan.h"

#define ELIGIBLE_REASONS_MAX 48 /* the plan's and one for each check */

struct eligibility {
	char reason[ELIGIBLE_REASONS_MAX][160]; /* "the CPU runs under a hypervisor", ... */
	size_t n;                               /* 0: eligible */
};

/* Plan reasons first, then the host's: hypervisor, kernel not PREEMPT_RT, cores not isolated, SMT, ... */
void eligibility_check(const struct sysroot *root, const struct topo *topo, const struct plan *plan,
		       struct eligibility *ret);

#endif
