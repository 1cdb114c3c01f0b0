/* SPDX-License-Identifier: Apache-2.0 */
/* "corelane run": one site in the foreground, from the declaration to the report. */
#ifndef CORELANE_APPLIANCE_RUN_H
#define CORELANE_APPLIANCE_RUN_H

#include "appliance/cli.h"

/* Returns an exit status when everything has ended and nothing is left. */
int run_site(const struct cli_args *args);

#endif
