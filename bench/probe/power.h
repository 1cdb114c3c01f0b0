/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORELANE_PROBE_POWER_H
#define CORELANE_PROBE_POWER_H

#include <stdbool.h>

/* Powers off, by whatever the machine has; @ok becomes the exit status where one can be given. */
_Noreturn void power_off(bool ok);
/* Resets the machine. */
_Noreturn void power_reset(void);

#endif
