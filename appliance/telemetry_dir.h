/* SPDX-License-Identifier: Apache-2.0 */
/* The folder below the run folder in which DPDK makes its telemetry socket: "dpdk/corelane". */
#ifndef CORELANE_APPLIANCE_TELEMETRY_DIR_H
#define CORELANE_APPLIANCE_TELEMETRY_DIR_H

#include "appliance/rundir.h"
#include "appliance/translate.h"

/* Adds "--telemetry FOLDER" where the declaration wants it. */
void telemetry_dir_add(const struct plan *plan, const struct rundir *dir, struct switch_args *args);
/* Removes what a switch left there, which has ended. Nothing when there is nothing. */
void telemetry_dir_remove(const struct rundir *dir);

#endif
