/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
stdio_reserve(void)
{
	for (int fd = 0; fd < 3; fd++) {
		int got;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free number is @fd: those below are open. */
		got = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
		if (got != fd)
			return got < 0 ? -errno : -EBADF;
	}
	return 0;
}
