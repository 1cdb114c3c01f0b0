/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rtnetlink request and its answer (rtnetlink(7)), over a socket or over whatever a test puts in
 * its place. Not for dumps. Not thread-safe.
 */
#ifndef CORELANE_VFIO_RTNL_H
#define CORELANE_VFIO_RTNL_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RTNL_REQ_MAX   1024
#define RTNL_REPLY_MAX (256ul * 1024) /* SITE_VFS_MAX functions take about 200 bytes each */
#define RTNL_WHY_MAX   128

struct mnl_socket;

struct rtnl {
	/* Sends the request, returns the size of one datagram of the answer, or -errno. */
	ssize_t (*exchange)(void *arg, const void *req, size_t len, void *buf, size_t size);
	void *arg;
	struct mnl_socket *socket; /* owned; NULL for a test's */
	uint32_t seq;
	uint64_t writes;        /* requests that changed something */
	char why[RTNL_WHY_MAX]; /* the kernel's own words for the last refusal, or "" */
	void *buf;              /* RTNL_REPLY_MAX bytes, owned */
};

/* The live host's. 0 or -errno. */
int rtnl_open(struct rtnl *ret);
/* With another transport. 0 or -ENOMEM. */
int rtnl_open_with(struct rtnl *ret,
		   ssize_t (*exchange)(void *, const void *, size_t, void *, size_t), void *arg);
void rtnl_close(struct rtnl *r);

/*
 * Sends @req (type and flags filled in; the sequence number is put in here) and waits for the answer:
 * an acknowledgement when @ret is NULL, else a message of @type, which stays valid until the next call.
 * 0, the kernel's -errno, -EBADMSG for an answer that is none.
 */
int rtnl_call(struct rtnl *r, struct nlmsghdr *req, uint16_t type, const struct nlmsghdr **ret);

#endif
