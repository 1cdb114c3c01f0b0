/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/telemetry_dir.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUTER "dpdk"
#define INNER OUTER "/corelane"

void
telemetry_dir_add(const struct plan *plan, const struct rundir *dir, struct switch_args *args)
{
	const char *const add[] = {"--telemetry", dir->path};
	size_t n = 0;

	if (!plan->site->host.sw.telemetry)
		return;
	while (args->argv[n])
		n++;
	assert(n + ARRAY_SIZE(add) < SWITCH_ARGS_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(add); i++, n++) {
		snprintf(args->text[n], sizeof(args->text[n]), "%s", add[i]);
		args->argv[n] = args->text[n];
	}
}

void
telemetry_dir_remove(const struct rundir *dir)
{
	int fd = dir->fd < 0
			 ? -1
			 : openat(dir->fd, INNER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *ent;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((ent = readdir(d)))
		if (ent->d_name[0] != '.')
			unlinkat(fd, ent->d_name, 0);
	closedir(d);
	unlinkat(dir->fd, INNER, AT_REMOVEDIR);
	unlinkat(dir->fd, OUTER, AT_REMOVEDIR);
}
