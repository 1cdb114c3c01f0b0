/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/shared_event.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* No file of any file system has such a name: those begin with a slash. */
static bool
is_eventfd(int fd)
{
	static const char want[] = "anon_inode:[eventfd]";
	char link[32], name[sizeof(want)];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name));
	return n == sizeof(want) - 1 && memcmp(name, want, sizeof(want) - 1) == 0;
}

int
shared_event_check(int fd)
{
	int flags;

	if (fd < 0 || !is_eventfd(fd))
		return -1;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -1;
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	return fd;
}

bool
shared_event_drain(int fd)
{
	uint64_t n;
	struct iovec iov = {&n, sizeof(n)};

	return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(n);
}

int
shared_event_signal(int fd)
{
	const uint64_t one = 1;

	return write(fd, &one, sizeof(one)) < 0 ? -errno : 0;
}
