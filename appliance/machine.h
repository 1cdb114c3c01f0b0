/* SPDX-License-Identifier: Apache-2.0 */
/* The host's facts and settings that stand beside every figure. Reads, never changes. */
#ifndef CORELANE_APPLIANCE_MACHINE_H
#define CORELANE_APPLIANCE_MACHINE_H

#include <jansson.h>

#include "base/sysroot.h"

/* A new object, the caller's; what cannot be read is left out. NULL without memory. */
json_t *machine_describe(const struct sysroot *root);

#endif
