/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture: copies of a port's frames, both ways, in a pcap file. Lanes put them into rings, a thread
 * of its own writes them. Frames that find the ring full are missing from the file, and counted; they
 * reach their receivers all the same.
 */
#ifndef CORELANE_VHOST_USER_CAPTURE_H
#define CORELANE_VHOST_USER_CAPTURE_H

#include "base/err.h"
#include "base/filter.h"
#include "vhost-user/lane.h"

struct capture;

struct capture_want {
	struct filter_rule rule; /* checked; of these frames only */
	uint64_t frames;         /* 0: until it is released */
	uint32_t snap;           /* bytes of a frame, 1..PCAP_SNAP_MAX */
};

struct capture_result {
	uint64_t frames, bytes; /* in the file */
	uint64_t lost;
	bool ended;
};

/* Which way a frame went past the port. */
enum capture_way { CAPTURE_FROM, CAPTURE_TO, CAPTURE_WAYS };

/*
 * Starts to write into @fd, which becomes the capture's when this succeeds. 0 or -errno with words.
 * Control thread, as everything but capture_burst().
 */
int capture_start(int fd, const struct capture_want *want, struct capture **ret, struct err *e);

/* No more frames are taken from here on; chains may still hold it. */
void capture_stop(struct capture *c);

/* How it stands, without waiting. */
void capture_look(const struct capture *c, struct capture_result *ret);

/*
 * Stops it and waits a second or two until the file is whole (or writing failed) and closed. *ret is
 * set in any case. 0 or -errno with words: what went wrong with the file; -EAGAIN: it takes longer.
 */
int capture_finish(struct capture *c, struct capture_result *ret, struct err *e);

struct capture *capture_ref(struct capture *c);
/* NULL is accepted. Whoever lets go of the last user's reference has stopped it before. */
void capture_put(struct capture *c);

/* A lane: what the rule asks for of @b is taken. */
void capture_burst(struct capture *c, enum capture_way way, const struct burst *b);

#endif
