/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/cpuinfo (x86): the flags of its first processor. Private to rt/. */
#ifndef CORELANE_RT_CPUINFO_H
#define CORELANE_RT_CPUINFO_H

#include <stdbool.h>

#include "base/sysroot.h"

/* false also when the file cannot be read. */
bool cpuinfo_has_flag(const struct sysroot *root, const char *flag);

#endif
