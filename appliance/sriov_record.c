/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/sriov_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define NAME      "vfs"
#define NAME_NEW  "vfs.new"
#define LINES_MAX 8192 /* far more than SITE_DEVICES_MAX devices can leave */

static int
open_record(const struct rundir *dir, const char *name, int flags)
{
	int fd = openat(dir->fd, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

static int
put(int fd, const struct undo *u)
{
	char line[UNDO_LINE_MAX + 1];
	size_t n;

	undo_format(u, line);
	n = strlen(line);
	line[n++] = '\n';
	/* One write: whoever kills us leaves whole lines. */
	return write(fd, line, n) == (ssize_t)n ? 0 : -EIO;
}

int
sriov_record_add(const struct rundir *dir, const struct undo *u, struct err *e)
{
	int fd = open_record(dir, NAME, O_WRONLY | O_APPEND | O_CREAT), r;

	if (fd < 0)
		return err_sys(e, -fd, "%s/" NAME, dir->path);
	r = put(fd, u);
	close(fd);
	return r < 0 ? err_sys(e, -r, "%s/" NAME, dir->path) : 0;
}

int
sriov_record_read(const struct rundir *dir, struct undo **ret, size_t *ret_n)
{
	char line[UNDO_LINE_MAX + 2];
	struct undo *all;
	size_t n = 0, bad = 0;
	FILE *f;
	int fd;

	*ret = NULL;
	*ret_n = 0;
	fd = open_record(dir, NAME, O_RDONLY);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	all = calloc(LINES_MAX, sizeof(*all));
	while (all && n < LINES_MAX && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (undo_parse(line, &all[n]) == 0)
			n++;
		else
			bad++;
	}
	fclose(f);
	if (bad)
		log_warn("%s/" NAME ": %zu lines that say nothing are left out", dir->path, bad);
	if (!all)
		return -ENOMEM;
	*ret = all;
	*ret_n = n;
	return 0;
}

int
sriov_record_keep(const struct rundir *dir, const struct undo *u, size_t n)
{
	int fd, r = 0;

	if (n == 0)
		return unlinkat(dir->fd, NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
	fd = open_record(dir, NAME_NEW, O_WRONLY | O_TRUNC | O_CREAT);
	if (fd < 0)
		return fd;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put(fd, &u[i]);
	close(fd);
	if (r == 0 && renameat(dir->fd, NAME_NEW, dir->fd, NAME) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir->fd, NAME_NEW, 0);
	return r;
}
