/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/stall.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define FDS_MAX     4096
#define STALL_USECS 200000

/* DPDK keeps its descriptors to itself; the peer's address tells which is whose. */
static bool
leads_to(int fd, const char *path)
{
	struct sockaddr_un peer = {0}, own = {0};
	socklen_t peer_len = sizeof(peer), own_len = sizeof(own);

	if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0 || peer.sun_family != AF_UNIX)
		return false;
	if (strncmp(peer.sun_path, path, sizeof(peer.sun_path)) == 0)
		return true;
	/* accepted from a socket of ours */
	return getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 &&
	       strncmp(own.sun_path, path, sizeof(own.sun_path)) == 0;
}

int
stall_limit(const char *path)
{
	const struct timeval limit = {.tv_usec = STALL_USECS};
	long max = sysconf(_SC_OPEN_MAX);
	int found = 0;

	if (max < 0 || max > FDS_MAX)
		max = FDS_MAX;
	for (int fd = 0; fd < max; fd++) {
		if (!leads_to(fd, path))
			continue;
		if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
		    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0)
			found++;
	}
	return found;
}
