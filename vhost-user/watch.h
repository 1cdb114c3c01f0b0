/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept on a port beside its cfg for the features that judge and watch frames: rules, mirror,
 * capture, trace. Belongs to the control thread; lanes reach the parts through their chains only.
 */
#ifndef CORELANE_VHOST_USER_WATCH_H
#define CORELANE_VHOST_USER_WATCH_H

#include "vhost-user/feature.h"

struct filter_set;
struct mirror;
struct capture;
struct trace;

struct watch {
	struct filter_set *filter[FILTER_DIRECTIONS]; /* NULL: everything is allowed */
	struct mirror *mirror;                        /* it is mirrored to somebody */
	bool mirrored_to;                             /* somebody is mirrored to it */
	struct capture *capture;
	struct trace *trace;
};

/* p->watch, made when there is none; NULL without memory. */
struct watch *watch_of(struct swport *p);
/* Ends and frees all of it. After the port's last chain was freed. */
void watch_free(struct swport *p);

extern const struct feature feat_trace, feat_capture_in, feat_capture_out, feat_mirror_in,
	feat_mirror_out, feat_mirror_only, feat_filter_from, feat_filter_to, feat_snoop;

#endif
