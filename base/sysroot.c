/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sysroot.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int
sysroot_open(const char *dir, struct sysroot *ret)
{
	int fd = open(dir ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret->dirfd = fd;
	return 0;
}

void
sysroot_close(struct sysroot *s)
{
	if (s->dirfd >= 0)
		close(s->dirfd);
	s->dirfd = -1;
}

/* Whether @path has a component "..", which would climb out of the root. */
static bool
climbs(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2) {
		bool starts = p == path || p[-1] == '/';

		if (starts && (p[2] == '/' || p[2] == '\0'))
			return true;
	}
	return false;
}

/* Formats a path and makes it relative to the root's directory. */
static int
format_path(char *path, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(path, size, fmt, ap);

	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	if (path[0] != '/' || climbs(path))
		return -EINVAL;
	memmove(path, path + 1, (size_t)n);
	if (!path[0])
		snprintf(path, size, ".");
	return 0;
}

static int
open_path(const struct sysroot *s, int flags, const char *fmt, va_list ap)
{
	/* An absolute symbolic link inside a captured host stays inside it (openat2(2), Linux 5.6). */
	struct open_how how = {
		.flags = (unsigned int)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? 0644 : 0,
		.resolve = RESOLVE_IN_ROOT,
	};
	char path[PATH_MAX];
	int r;
	long fd;

	r = format_path(path, sizeof(path), fmt, ap);
	if (r < 0)
		return r;
	fd = syscall(SYS_openat2, s->dirfd, path, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

static int
read_all(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = read(fd, buf + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	if (used == size)
		return -EFBIG;
	while (used > 0 && strchr(" \t\r\n", buf[used - 1]))
		used--;
	buf[used] = '\0';
	return 0;
}

static int
read_path(const struct sysroot *s, char *buf, size_t size, const char *fmt, va_list ap)
{
	int fd, r;

	fd = open_path(s, O_RDONLY, fmt, ap);
	if (fd < 0)
		return fd;
	r = read_all(fd, buf, size);
	close(fd);
	return r;
}

int
sysroot_read_str(const struct sysroot *s, char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = read_path(s, buf, size, fmt, ap);
	va_end(ap);
	return r;
}

int
sysroot_read_u64(const struct sysroot *s, uint64_t *ret, const char *fmt, ...)
{
	char buf[64], *end;
	unsigned long long v;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = read_path(s, buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	errno = 0;
	v = strtoull(buf, &end, strncmp(buf, "0x", 2) == 0 ? 16 : 10);
	if (errno || *end || !isdigit((unsigned char)buf[0]))
		return -EINVAL;
	*ret = v;
	return 0;
}

int
sysroot_read_cpuset(const struct sysroot *s, struct cpuset *ret, const char *fmt, ...)
{
	char buf[4096];
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = read_path(s, buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return r < 0 ? r : cpuset_parse(buf, ret);
}

int
sysroot_write_str(const struct sysroot *s, const char *text, const char *fmt, ...)
{
	size_t len = strlen(text);
	ssize_t n;
	va_list ap;
	int fd, r = 0;

	va_start(ap, fmt);
	fd = open_path(s, O_WRONLY | O_TRUNC, fmt, ap);
	va_end(ap);
	if (fd < 0)
		return fd;
	n = write(fd, text, len);
	if (n < 0)
		r = -errno;
	else if ((size_t)n != len)
		r = -EIO;
	close(fd);
	return r;
}

bool
sysroot_exists(const struct sysroot *s, const char *fmt, ...)
{
	va_list ap;
	int fd;

	va_start(ap, fmt);
	fd = open_path(s, O_PATH, fmt, ap);
	va_end(ap);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int
sysroot_openat(const struct sysroot *s, int flags, const char *fmt, ...)
{
	va_list ap;
	int fd;

	va_start(ap, fmt);
	fd = open_path(s, flags, fmt, ap);
	va_end(ap);
	return fd;
}
