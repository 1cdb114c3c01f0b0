/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/rtnl.h"

#include <ctype.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/util.h"

#define WAIT_S     10 /* a driver may take its time to reset a function */
#define STRAYS_MAX 64 /* answers to something else, skipped before we give up */

static ssize_t
exchange_socket(void *arg, const void *req, size_t len, void *buf, size_t size)
{
	struct rtnl *r = arg;
	ssize_t n;

	if (req && mnl_socket_sendto(r->socket, req, len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(r->socket, buf, size);
	return n < 0 ? -errno : n;
}

int
rtnl_open_with(struct rtnl *ret, ssize_t (*exchange)(void *, const void *, size_t, void *, size_t),
	       void *arg)
{
	void *buf = malloc(RTNL_REPLY_MAX);

	if (!buf)
		return -ENOMEM;
	*ret = (struct rtnl){.exchange = exchange, .arg = arg, .buf = buf};
	return 0;
}

int
rtnl_open(struct rtnl *ret)
{
	struct timeval wait = {.tv_sec = WAIT_S};
	int one = 1, r;

	r = rtnl_open_with(ret, exchange_socket, ret);
	if (r < 0)
		return r;
	ret->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!ret->socket || mnl_socket_bind(ret->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(ret->socket), SOL_SOCKET, SO_RCVTIMEO, &wait,
		       sizeof(wait)) < 0) {
		r = -errno;
		rtnl_close(ret);
		return r;
	}
	/* Words beside an errno; a kernel without them still has the errno. */
	mnl_socket_setsockopt(ret->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	return 0;
}

void
rtnl_close(struct rtnl *r)
{
	if (r->socket)
		mnl_socket_close(r->socket);
	free(r->buf);
	*r = (struct rtnl){0};
}

/* The words of an extended acknowledgement stand behind the copy of the request, or its header. */
static void
take_words(struct rtnl *r, const struct nlmsghdr *nlh, const struct nlmsgerr *err)
{
	size_t skip = sizeof(*err), len = mnl_nlmsg_get_payload_len(nlh);
	const struct nlattr *attr;
	const void *tail;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && err->msg.nlmsg_len > sizeof(err->msg))
		skip += MNL_ALIGN(err->msg.nlmsg_len - sizeof(err->msg));
	if (skip >= len)
		return;
	tail = (const char *)err + skip;
	mnl_attr_for_each_payload(tail, len - skip)
	{
		const char *text = mnl_attr_get_payload(attr);
		size_t n = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) != NLMSGERR_ATTR_MSG)
			continue;
		snprintf(r->why, sizeof(r->why), "%.*s", (int)MIN_OF(n, sizeof(r->why) - 1), text);
		for (char *p = r->why; *p; p++)
			if (!isprint((unsigned char)*p))
				*p = '?';
	}
}

/* 1: this is what was waited for. 0: something else. -errno: the answer is no. */
static int
look_at(struct rtnl *r, const struct nlmsghdr *nlh, uint16_t type, const struct nlmsghdr **ret)
{
	const struct nlmsgerr *err;

	if (nlh->nlmsg_seq != r->seq)
		return 0;
	if (ret && nlh->nlmsg_type == type) {
		*ret = nlh;
		return 1;
	}
	if (nlh->nlmsg_type != NLMSG_ERROR)
		return -EBADMSG;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err))
		return -EBADMSG;
	err = mnl_nlmsg_get_payload(nlh);
	if (err->error == 0)
		return ret ? -EBADMSG : 1;
	if (err->error > 0 || err->error < -4095)
		return -EBADMSG;
	take_words(r, nlh, err);
	return err->error;
}

/* libmnl compares lengths as int, so that one of 2 GiB and more passes for a short one. */
static bool
is_whole(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (uint32_t)left;
}

int
rtnl_call(struct rtnl *r, struct nlmsghdr *req, uint16_t type, const struct nlmsghdr **ret)
{
	const void *send = req;

	req->nlmsg_seq = ++r->seq;
	r->why[0] = '\0';
	r->writes += !ret;
	for (int strays = 0; strays < STRAYS_MAX; strays++) {
		ssize_t got = r->exchange(r->arg, send, req->nlmsg_len, r->buf, RTNL_REPLY_MAX);
		const struct nlmsghdr *nlh = r->buf;
		int left = (int)got, n;

		send = NULL; /* only once */
		if (got < 0)
			return (int)got;
		while (is_whole(nlh, left)) {
			n = look_at(r, nlh, type, ret);
			if (n != 0)
				return MIN_OF(n, 0);
			nlh = mnl_nlmsg_next(nlh, &left);
		}
	}
	return -EBADMSG;
}
