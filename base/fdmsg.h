/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-size messages with file descriptors over SOCK_SEQPACKET (unix(7), SCM_RIGHTS).
 *
 * Every message struct starts with struct msg_head; magic and size name the struct, version its
 * revision. A peer that sends another size, magic or version, too many fds, or a truncated message
 * is refused with -EPROTO and leaks nothing here.
 */
#ifndef CORELANE_BASE_FDMSG_H
#define CORELANE_BASE_FDMSG_H

#include <stddef.h>
#include <stdint.h>

#define FDMSG_FDS_MAX 128

struct msg_head {
	uint32_t magic;
	uint32_t version;
	uint32_t size; /* of the whole struct, head included */
	uint32_t seq;  /* a reply carries its request's */
};

/* A connected SOCK_SEQPACKET pair, both ends O_CLOEXEC. 0 or -errno. */
int fdmsg_pair(int ret_fds[2]);

/*
 * Sends @msg (its head filled in by the caller) with @n fds, which stay the caller's.
 * 0 or -errno (-EPIPE when the peer is gone; no SIGPIPE; -EAGAIN on a full non-blocking socket).
 */
int fdmsg_send(int sock, const struct msg_head *msg, const int *fds, size_t n);

/*
 * Receives one message of exactly @want->size bytes into @ret (at least that large), with magic and
 * version as in @want, and at most @fds_max fds, which become the caller's (O_CLOEXEC).
 * 0; -ENODATA when the peer has closed; -EPROTO as above; -EAGAIN; -errno. *@ret_n is 0 on failure.
 */
int fdmsg_recv(int sock, const struct msg_head *want, void *ret, int *ret_fds, size_t fds_max,
	       size_t *ret_n);

/* Listens on @path (unlinked first when it is a socket nobody listens on). -EADDRINUSE when somebody does,
 * -EEXIST when it is no socket. */
int fdmsg_listen(const char *path, int type, int *ret_fd);
/*
 * Makes way for somebody else who is to listen on @path: a socket that nobody listens on any more is
 * unlinked. 0; -EADDRINUSE when somebody does, -EEXIST when it is no socket, -ENAMETOOLONG, -errno.
 */
int fdmsg_unlink_stale(const char *path, int type);
/* Connects to @path. @type is SOCK_SEQPACKET or SOCK_STREAM. 0 or -errno. */
int fdmsg_connect(const char *path, int type, int *ret_fd);

#endif
