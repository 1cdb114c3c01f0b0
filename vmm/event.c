/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/event.h"

#include <poll.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

void
event_signal(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	uint64_t one = 1;

	/*
	 * Eventfds have no write that never waits. Between these two calls a back end that fills the
	 * counter and took O_NONBLOCK away could hold us; it would have to win that race.
	 */
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT))
		(void)!write(fd, &one, sizeof(one));
}

bool
event_drain(int fd)
{
	uint64_t n;
	struct iovec iov = {&n, sizeof(n)};

	return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(n);
}
