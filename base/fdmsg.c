/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fdmsg.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int
fdmsg_pair(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

int
fdmsg_send(int sock, const struct msg_head *msg, const int *fds, size_t n)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * FDMSG_FDS_MAX)];
		struct cmsghdr align;
	} ctl = {0};
	struct iovec iov = {.iov_base = (void *)msg, .iov_len = msg->size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t sent;

	if (n > FDMSG_FDS_MAX)
		return -E2BIG;
	if (n > 0) {
		mh.msg_control = ctl.buf;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	}
	do
		sent = sendmsg(sock, &mh, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == msg->size ? 0 : -EIO;
}

/* Moves every fd of the control message to @fds; closes those that do not fit. Returns how many came. */
static size_t
take_fds(struct msghdr *mh, int *fds, size_t max)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++, n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < max)
				fds[n] = fd;
			else
				close(fd);
		}
	}
	return n;
}

static bool
head_is(const void *msg, const struct msg_head *want)
{
	struct msg_head got;

	memcpy(&got, msg, sizeof(got));
	return got.magic == want->magic && got.version == want->version && got.size == want->size;
}

int
fdmsg_recv(int sock, const struct msg_head *want, void *ret, int *ret_fds, size_t fds_max,
	   size_t *ret_n)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * FDMSG_FDS_MAX)];
		struct cmsghdr align;
	} ctl = {0};
	struct iovec iov = {.iov_base = ret, .iov_len = want->size};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof(ctl.buf)};
	int fds[FDMSG_FDS_MAX];
	ssize_t got;
	size_t n;

	*ret_n = 0;
	do
		got = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	n = take_fds(&mh, fds, FDMSG_FDS_MAX);
	if (got == 0 && n == 0)
		return -ENODATA;
	if ((size_t)got != want->size || (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || n > fds_max ||
	    !head_is(ret, want)) {
		for (size_t i = 0; i < n && i < FDMSG_FDS_MAX; i++)
			close(fds[i]);
		return -EPROTO;
	}
	if (n > 0)
		memcpy(ret_fds, fds, n * sizeof(int));
	*ret_n = n;
	return 0;
}

static int
make_address(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	if (len == 0 || len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, len + 1);
	return 0;
}

int
fdmsg_connect(const char *path, int type, int *ret_fd)
{
	struct sockaddr_un addr;
	int fd, r;

	r = make_address(path, &addr);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int
fdmsg_unlink_stale(const char *path, int type)
{
	struct stat st;
	int fd = -1, r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	/* Not waiting: a listener whose backlog is full (-EAGAIN) is one all the same. */
	r = fdmsg_connect(path, type | SOCK_NONBLOCK, &fd);
	if (r == 0)
		close(fd);
	if (r != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) < 0 ? -errno : 0;
}

int
fdmsg_listen(const char *path, int type, int *ret_fd)
{
	struct sockaddr_un addr;
	int fd, r;

	r = make_address(path, &addr);
	if (r < 0)
		return r;
	r = fdmsg_unlink_stale(path, type);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 16) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
