/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/programs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The folder of the running program, without a slash at its end; "" when it cannot be told. */
static void
own_folder(char *ret, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret, size - 1);
	char *slash;

	ret[n > 0 ? n : 0] = '\0';
	slash = strrchr(ret, '/');
	if (slash)
		*slash = '\0';
}

static void
find(const char *given, const char *name, int mode, char *ret, size_t size)
{
	char own[PATH_MAX];
	const char *const folders[] = {own, CORELANE_LIBEXECDIR, CORELANE_SBINDIR};

	if (given) {
		snprintf(ret, size, "%s", given);
		return;
	}
	own_folder(own, sizeof(own));
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if ((size_t)snprintf(ret, size, "%s/%s", folders[i], name) < size &&
		    access(ret, mode) == 0)
			return;
	ret[0] = '\0';
}

void
programs_find(const char *vmm, const char *switch_program, const char *probe, struct programs *ret)
{
	find(vmm, "corelane-vmm", X_OK, ret->vmm, sizeof(ret->vmm));
	find(switch_program, "corelane-switch", X_OK, ret->switch_program,
	     sizeof(ret->switch_program));
	find(probe, "corelane-probe", R_OK, ret->probe, sizeof(ret->probe));
}
