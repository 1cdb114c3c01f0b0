/* SPDX-License-Identifier: Apache-2.0 */
/* "corelane vnf ...": asks a running site through its control socket. */
#ifndef CORELANE_APPLIANCE_VERB_VNF_H
#define CORELANE_APPLIANCE_VERB_VNF_H

#include "appliance/cli.h"

/* An exit status: EXIT_FAILED when nothing runs, or the site says no; EXIT_USAGE. */
int verb_vnf(const struct cli_args *args);

#endif
