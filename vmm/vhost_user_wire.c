/* SPDX-License-Identifier: Apache-2.0 */
/* vhost-user messages in and out of a stream socket, never waiting. */
#include "vmm/vhost_user_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/util.h"

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int) * VU_FDS_MAX)];
};

int
vu_send(int fd, const struct vu_msg *m)
{
	struct iovec iov = {(void *)(uintptr_t)m, sizeof(m->head) + m->head.size};
	union control c = {0};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (m->n_fds) {
		struct cmsghdr *cm;

		h.msg_control = &c;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * m->n_fds);
		cm = CMSG_FIRSTHDR(&h);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * m->n_fds);
		memcpy(CMSG_DATA(cm), m->fds, sizeof(int) * m->n_fds);
	}
	do
		n = sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* A message is far smaller than one socket buffer: half of it sent means a sick socket. */
	return (size_t)n == iov.iov_len ? 0 : -EIO;
}

void
vu_close_fds(struct vu_msg *m)
{
	for (unsigned int i = 0; i < m->n_fds; i++)
		close(m->fds[i]);
	m->n_fds = 0;
}

void
vu_rx_reset(struct vu_rx *rx)
{
	vu_close_fds(&rx->msg);
	rx->got = 0;
}

/* Keeps the fds that came along; more than fit are closed and refused. */
static int
take_fds(struct vu_msg *m, struct msghdr *h)
{
	int r = h->msg_flags & MSG_CTRUNC ? -EPROTO : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (m->n_fds < VU_FDS_MAX) {
				m->fds[m->n_fds++] = fd;
			} else {
				close(fd);
				r = -EPROTO;
			}
		}
	}
	return r;
}

static int
receive_some(int fd, struct vu_rx *rx, unsigned int want)
{
	char *at = (char *)&rx->msg + rx->got;
	struct iovec iov = {at, want - rx->got};
	union control c;
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &c,
			   .msg_controllen = sizeof(c)};
	ssize_t n;

	do
		n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (take_fds(&rx->msg, &h) < 0)
		return -EPROTO;
	if (n == 0)
		return rx->got ? -EPROTO : -ENODATA;
	rx->got += (unsigned int)n;
	return rx->got == want;
}

int
vu_receive(int fd, struct vu_rx *rx)
{
	const unsigned int head = sizeof(rx->msg.head);
	int r;

	if (rx->got == 0)
		rx->msg.n_fds = 0;
	if (rx->got < head) {
		r = receive_some(fd, rx, head);
		if (r <= 0)
			return r;
		if (rx->msg.head.size > sizeof(rx->msg.body))
			return -EPROTO;
		memset(&rx->msg.body, 0, sizeof(rx->msg.body));
	}
	if (rx->got < head + rx->msg.head.size) {
		r = receive_some(fd, rx, head + rx->msg.head.size);
		if (r <= 0)
			return r;
	}
	rx->got = 0;
	return 1;
}

const char *
vu_name(uint32_t request)
{
	static const char *const names[] = {
		[VU_GET_FEATURES] = "GET_FEATURES",
		[VU_SET_FEATURES] = "SET_FEATURES",
		[VU_SET_OWNER] = "SET_OWNER",
		[VU_SET_MEM_TABLE] = "SET_MEM_TABLE",
		[VU_SET_VRING_NUM] = "SET_VRING_NUM",
		[VU_SET_VRING_ADDR] = "SET_VRING_ADDR",
		[VU_SET_VRING_BASE] = "SET_VRING_BASE",
		[VU_GET_VRING_BASE] = "GET_VRING_BASE",
		[VU_SET_VRING_KICK] = "SET_VRING_KICK",
		[VU_SET_VRING_CALL] = "SET_VRING_CALL",
		[VU_SET_VRING_ERR] = "SET_VRING_ERR",
		[VU_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
		[VU_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
		[VU_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
		[VU_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
		[VU_NET_SET_MTU] = "NET_SET_MTU",
		[VU_GET_INFLIGHT_FD] = "GET_INFLIGHT_FD",
		[VU_SET_INFLIGHT_FD] = "SET_INFLIGHT_FD",
	};

	return request < ARRAY_SIZE(names) && names[request] ? names[request] : "a message";
}
