/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/console_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a guest prints may hold secrets: for the operator only. */
#define DIR_MODE  0750
#define FILE_MODE 0640

static int
make_folder(const char *path)
{
	return mkdir(path, DIR_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

/* A file of somebody else's making is not followed anywhere, and not waited for. */
static int
open_file(struct console_log *l)
{
	struct stat st;
	int fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		      FILE_MODE);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r < 0) {
		close(fd);
		return r;
	}
	l->fd = fd;
	l->used = (uint64_t)st.st_size;
	return 0;
}

int
console_log_open(struct console_log *l, const char *dir, const char *host, const char *vnf,
		 uint64_t size, struct err *e)
{
	char *folder = NULL;
	int r;

	*l = CONSOLE_LOG_CLOSED;
	l->size = size;
	if (asprintf(&folder, "%s/%s", dir, host) < 0)
		return err_set(e, ENOMEM, "console log: no memory");
	if (asprintf(&l->path, "%s/%s.console.log", folder, vnf) < 0) {
		l->path = NULL;
		free(folder);
		return err_set(e, ENOMEM, "console log: no memory");
	}
	r = make_folder(dir);
	if (r == 0)
		r = make_folder(folder);
	if (r == 0)
		r = open_file(l);
	free(folder);
	if (r == 0)
		return 0;
	err_sys(e, -r, "console log %s: choose another folder with --log-dir", l->path);
	console_log_close(l);
	return r;
}

static int
rotate(struct console_log *l)
{
	char *old;
	int r = 0;

	if (asprintf(&old, "%s.1", l->path) < 0)
		return -ENOMEM;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (rename(l->path, old) < 0 && errno != ENOENT)
		r = -errno;
	free(old);
	return r < 0 ? r : open_file(l);
}

/* A line is written as a whole, or taken back. */
static int
append(struct console_log *l, const char *line, size_t len)
{
	const struct iovec iov[] = {{(void *)line, len}, {(void *)"\n", 1}};
	ssize_t n;

	do
		n = writev(l->fd, iov, 2);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len + 1) {
		l->used += len + 1;
		return 0;
	}
	if (n < 0)
		return -errno;
	if (ftruncate(l->fd, (off_t)l->used) < 0)
		l->used += (uint64_t)n;
	return -ENOSPC;
}

const char *
console_log_line(struct console_log *l, const char *line, size_t len)
{
	int r = 0;

	if (!l->path)
		return NULL;
	if (len >= l->size)
		len = l->size - 1; /* the smallest log holds a line */
	if (l->fd < 0)
		r = open_file(l);
	if (r == 0 && l->used + len + 1 > l->size)
		r = rotate(l);
	if (r == 0)
		r = append(l, line, len);
	if (r == 0) {
		l->lines++;
		l->failing = false;
		return NULL;
	}
	l->lost++;
	if (l->failing)
		return NULL;
	l->failing = true;
	return strerror(-r);
}

void
console_log_close(struct console_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	l->path = NULL;
	l->fd = -1;
}
