/* SPDX-License-Identifier: Apache-2.0 */
/* Where the other programs are: given on the command line, beside this one, or where they were installed. */
#ifndef CORELANE_APPLIANCE_PROGRAMS_H
#define CORELANE_APPLIANCE_PROGRAMS_H

#include <limits.h>

#include "base/err.h"

struct programs {
	char vmm[PATH_MAX];
	char switch_program[PATH_MAX];
	char probe[PATH_MAX]; /* the guest, an ELF file; not executable by the host */
};

/* NULL: look for it. What is not found stays "". */
void programs_find(const char *vmm, const char *switch_program, const char *probe,
		   struct programs *ret);

#endif
