/* SPDX-License-Identifier: Apache-2.0 */
/* "corelane apply" and "corelane diff": a declaration for a site that runs. */
#ifndef CORELANE_APPLIANCE_VERB_APPLY_H
#define CORELANE_APPLIANCE_VERB_APPLY_H

#include "appliance/cli.h"

/* An exit status. */
int verb_apply(const struct cli_args *args);
int verb_diff(const struct cli_args *args);

#endif
