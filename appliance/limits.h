/* SPDX-License-Identifier: Apache-2.0 */
/* What this process may use and where it runs: its children inherit both. */
#ifndef CORELANE_APPLIANCE_LIMITS_H
#define CORELANE_APPLIANCE_LIMITS_H

#include "config/site.h"
#include "rt/plan.h"

/* Room for the site's open files. EXIT_OK, or EXIT_REFUSED told on the log. */
int limits_files(const struct site *site);

/* Housekeeping CPUs, and no limit of locked memory where that can be had. */
void limits_settle(const struct plan *plan);

#endif
