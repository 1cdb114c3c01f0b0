/* SPDX-License-Identifier: Apache-2.0 */
/* vhost-user front end; see vhost.h. */
#include "bench/load/vhost.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#define VERSION    1u /* message flags, bits 0 and 1 */
#define REPLY      (1u << 2)
#define NEED_REPLY (1u << 3)
#define ANSWER_MS  5000

static int
address(const char *path, struct sockaddr_un *ret)
{
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

int
vhost_listen(const char *path)
{
	struct sockaddr_un sa;
	int fd, r = address(path, &sa);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 4) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int
wait_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r;

	do
		r = poll(&p, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

int
vhost_accept(struct vhost *v, int listen_fd, int timeout_ms)
{
	int r = wait_readable(listen_fd, timeout_ms);

	if (r < 0)
		return r;
	*v = (struct vhost){.fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC)};
	return v->fd < 0 ? -errno : 0;
}

int
vhost_connect(struct vhost *v, const char *path, int timeout_ms)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct sockaddr_un sa;
	int fd, r = address(path, &sa);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* A back end that is just starting has no socket yet, or does not listen yet. */
	while (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		r = -errno;
		if ((r != -ENOENT && r != -ECONNREFUSED) || timeout_ms <= 0) {
			close(fd);
			return r;
		}
		nanosleep(&pause, NULL);
		timeout_ms -= 10;
	}
	*v = (struct vhost){.fd = fd};
	return 0;
}

void
vhost_close(struct vhost *v)
{
	if (v->fd >= 0) {
		/* Not close() alone: in mode "messages" the back end may hold a copy of this end. */
		shutdown(v->fd, SHUT_RDWR);
		close(v->fd);
	}
	v->fd = -1;
}

static int
send_all(int sock, const struct vhost_msg *m, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {.iov_base = (void *)m, .iov_len = VHOST_HEAD_BYTES + m->size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control.space);
	}
	do
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	return (size_t)n == iov.iov_len ? 0 : -EIO; /* messages are far below a socket's buffer */
}

static int
receive_bytes(int sock, void *buf, size_t len)
{
	uint8_t *at = buf;

	while (len > 0) {
		int r = wait_readable(sock, ANSWER_MS);
		ssize_t n;

		if (r < 0)
			return r;
		n = recv(sock, at, len, 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* A message's head and the descriptor that comes with it: both with the first byte. */
static int
receive_head(int sock, struct vhost_msg *ret, int *ret_fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = ret, .iov_len = VHOST_HEAD_BYTES};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.space,
			    .msg_controllen = sizeof(control.space)};
	const struct cmsghdr *c;
	int r = wait_readable(sock, ANSWER_MS);
	ssize_t n;

	if (r < 0)
		return r;
	n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n == 0 ? -ECONNRESET : -errno;
	c = CMSG_FIRSTHDR(&mh);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return receive_bytes(sock, (uint8_t *)ret + n, VHOST_HEAD_BYTES - (size_t)n);
}

/* Every other answer that is asked for is one 64-bit number or a vring state: 8 bytes. */
static int
receive_reply(struct vhost *v, uint32_t request, uint64_t *ret)
{
	struct vhost_msg m;
	int r = receive_bytes(v->fd, &m, VHOST_HEAD_BYTES);

	if (r < 0)
		return r;
	if (m.request != request || m.size != sizeof(m.u64) || !(m.flags & REPLY) ||
	    (m.flags & 3) != VERSION)
		return -EPROTO;
	r = receive_bytes(v->fd, &m.u64, sizeof(m.u64));
	if (r == 0)
		*ret = m.u64;
	return r;
}

int
vhost_send(struct vhost *v, struct vhost_msg *m, int fd)
{
	uint64_t status = 0;
	int r;

	m->flags = VERSION | (v->reply_ack ? NEED_REPLY : 0);
	r = send_all(v->fd, m, fd);
	if (r == 0 && v->reply_ack)
		r = receive_reply(v, m->request, &status);
	if (r == 0 && status != 0)
		r = -EREMOTEIO;
	return r;
}

int
vhost_set_u64(struct vhost *v, enum vhost_request request, uint64_t value)
{
	struct vhost_msg m = {.request = request, .size = sizeof(m.u64), .u64 = value};

	return vhost_send(v, &m, -1);
}

int
vhost_set_state(struct vhost *v, enum vhost_request request, uint32_t index, uint32_t num)
{
	struct vhost_msg m = {.request = request,
			      .size = sizeof(m.state),
			      .state = {.index = index, .num = num}};

	return vhost_send(v, &m, -1);
}

int
vhost_set_fd(struct vhost *v, enum vhost_request request, uint32_t index, int fd)
{
	struct vhost_msg m = {.request = request, .size = sizeof(m.u64), .u64 = index};

	return vhost_send(v, &m, fd);
}

int
vhost_get_u64(struct vhost *v, enum vhost_request request, uint64_t *ret)
{
	struct vhost_msg m = {.request = request, .flags = VERSION};
	int r = send_all(v->fd, &m, -1);

	return r < 0 ? r : receive_reply(v, request, ret);
}

static const char *
feature_name(unsigned int bit)
{
	switch (bit) {
	case VIRTIO_NET_F_MRG_RXBUF:
		return "VIRTIO_NET_F_MRG_RXBUF";
	case VIRTIO_NET_F_MQ:
		return "VIRTIO_NET_F_MQ";
	case VIRTIO_F_VERSION_1:
		return "VIRTIO_F_VERSION_1";
	case VIRTIO_F_RING_PACKED:
		return "VIRTIO_F_RING_PACKED";
	case 30:
		return "VHOST_USER_F_PROTOCOL_FEATURES";
	default:
		return "a feature";
	}
}

static int
negotiate_protocol(struct vhost *v, unsigned int queues, struct err *e)
{
	uint64_t offered = 0, wanted = VHOST_PROTOCOL_F_REPLY_ACK, n = 0;
	int r = vhost_get_u64(v, VHOST_GET_PROTOCOL_FEATURES, &offered);

	if (queues > 1)
		wanted |= VHOST_PROTOCOL_F_MQ;
	if (v->notes)
		wanted |= VHOST_PROTOCOL_F_INFLIGHT;
	if (r == 0)
		r = vhost_set_u64(v, VHOST_SET_PROTOCOL_FEATURES, offered & wanted);
	if (r < 0)
		return err_sys(e, -r, "protocol features");
	v->reply_ack = offered & VHOST_PROTOCOL_F_REPLY_ACK;
	if (v->notes && !(offered & VHOST_PROTOCOL_F_INFLIGHT))
		return err_set(e, ENOTSUP, "the back end keeps no notes of frames in flight");
	if (queues == 1)
		return 0;
	if (!(offered & VHOST_PROTOCOL_F_MQ))
		return err_set(e, ENOTSUP, "the back end has one queue pair, %u are asked for",
			       queues);
	r = vhost_get_u64(v, VHOST_GET_QUEUE_NUM, &n);
	if (r < 0)
		return err_sys(e, -r, "number of queues");
	if (n < queues)
		return err_set(e, ENOTSUP, "the back end has %llu queue pairs, %u are asked for",
			       (unsigned long long)n, queues);
	return 0;
}

int
vhost_negotiate(struct vhost *v, uint64_t wanted, unsigned int queues, struct err *e)
{
	uint64_t offered = 0, missing;
	int r;

	r = vhost_get_u64(v, VHOST_GET_FEATURES, &offered);
	if (r < 0)
		return err_sys(e, -r, "features");
	missing = wanted & ~offered;
	if (missing)
		return err_set(e, ENOTSUP, "the back end does not offer %s",
			       feature_name((unsigned int)__builtin_ctzll(missing)));
	if (wanted & VHOST_F_PROTOCOL_FEATURES) {
		r = negotiate_protocol(v, queues, e);
		if (r < 0)
			return r;
	}
	v->features = wanted;
	{
		struct vhost_msg owner = {.request = VHOST_SET_OWNER};

		r = vhost_send(v, &owner, -1);
	}
	if (r == 0)
		r = vhost_set_u64(v, VHOST_SET_FEATURES, wanted);
	return r < 0 ? err_sys(e, -r, "setting features") : 0;
}

int
vhost_get_inflight(struct vhost *v, unsigned int queues, unsigned int queue_size,
		   struct vhost_inflight *ret, int *ret_fd)
{
	struct vhost_msg m = {.request = VHOST_GET_INFLIGHT_FD,
			      .flags = VERSION,
			      .size = sizeof(m.inflight),
			      .inflight = {.queues = (uint16_t)queues,
					   .queue_size = (uint16_t)queue_size}};
	int fd = -1, r = send_all(v->fd, &m, -1);

	if (r == 0)
		r = receive_head(v->fd, &m, &fd);
	if (r == 0 && (m.request != VHOST_GET_INFLIGHT_FD || m.size != sizeof(m.inflight) ||
		       !(m.flags & REPLY) || fd < 0))
		r = -EPROTO;
	if (r == 0)
		r = receive_bytes(v->fd, &m.inflight, sizeof(m.inflight));
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	*ret = m.inflight;
	*ret_fd = fd;
	return 0;
}

bool
vhost_gone(const struct vhost *v)
{
	char c;
	ssize_t n = recv(v->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}
