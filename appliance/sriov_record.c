/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/sriov_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define NAME      "vfs"
#define NAME_NEW  "vfs.new"
#define BOOT      "boot "
#define BOOT_MAX  64   /* of a boot's name, with NUL: a UUID */
#define LINES_MAX 8192 /* far more than SITE_DEVICES_MAX devices can leave */

static int
open_record(const struct rundir *dir, const char *name, int flags)
{
	int fd = openat(dir->fd, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

static int put(int fd, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * One write: whoever kills us leaves whole lines, and half a line that a full disk leaves is taken back. No
 * fsync(2): what a power cut takes away was about a boot that it ended.
 */
static int
put(int fd, const char *fmt, ...)
{
	char line[UNDO_LINE_MAX + BOOT_MAX];
	struct stat st;
	va_list ap;
	ssize_t n;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(line))
		return -E2BIG;
	if (fstat(fd, &st) < 0)
		return -errno;
	n = write(fd, line, (size_t)len);
	if (n == len)
		return 0;
	if (n < 0)
		return -errno;
	if (ftruncate(fd, st.st_size) < 0)
		return -errno;
	return -ENOSPC;
}

/* A name for this boot, the same for a host that has none. */
static void
boot_name(const struct sysroot *root, char ret[BOOT_MAX])
{
	if (sysroot_read_str(root, ret, BOOT_MAX, "/proc/sys/kernel/random/boot_id") < 0 || !ret[0])
		snprintf(ret, BOOT_MAX, "unknown");
}

static int
put_boot(int fd, const struct sysroot *root)
{
	char boot[BOOT_MAX];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	boot_name(root, boot);
	return st.st_size == 0 ? put(fd, BOOT "%s\n", boot) : 0;
}

static int
put_undo(int fd, const struct undo *u)
{
	char line[UNDO_LINE_MAX];

	return put(fd, "%s\n", undo_format(u, line));
}

int
sriov_record_add(const struct sysroot *root, const struct rundir *dir, const struct undo *u,
		 struct err *e)
{
	int fd = open_record(dir, NAME, O_WRONLY | O_APPEND | O_CREAT), r;

	if (fd < 0)
		return err_sys(e, -fd, "%s/" NAME, dir->path);
	r = put_boot(fd, root);
	if (r == 0)
		r = put_undo(fd, u);
	close(fd);
	return r < 0 ? err_sys(e, -r, "%s/" NAME, dir->path) : 0;
}

int
sriov_record_read(const struct sysroot *root, const struct rundir *dir, struct undo **ret,
		  size_t *ret_n)
{
	char line[UNDO_LINE_MAX + 2], boot[BOOT_MAX];
	bool stale = false;
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
	boot_name(root, boot);
	while (all && !stale && n < LINES_MAX && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, BOOT, strlen(BOOT)) == 0)
			stale = strcmp(line + strlen(BOOT), boot) != 0;
		else if (undo_parse(line, &all[n]) == 0)
			n++;
		else
			bad++;
	}
	fclose(f);
	if (bad)
		log_warn("%s/" NAME ": %zu lines that say nothing are left out", dir->path, bad);
	if (!all)
		return -ENOMEM;
	if (stale) {
		log_info("%s/" NAME ": the host was booted since: nothing of it is to be put back",
			 dir->path);
		unlinkat(dir->fd, NAME, 0);
		n = 0;
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

int
sriov_record_keep(const struct sysroot *root, const struct rundir *dir, const struct undo *u,
		  size_t n)
{
	int fd, r = 0;

	if (n == 0)
		return unlinkat(dir->fd, NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
	fd = open_record(dir, NAME_NEW, O_WRONLY | O_TRUNC | O_CREAT);
	if (fd < 0)
		return fd;
	r = put_boot(fd, root);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_undo(fd, &u[i]);
	close(fd);
	if (r == 0 && renameat(dir->fd, NAME_NEW, dir->fd, NAME) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir->fd, NAME_NEW, 0);
	return r;
}
