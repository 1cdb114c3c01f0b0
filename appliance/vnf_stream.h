/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that a guest prints: onto our standard output, and kept when they are JSON. */
#ifndef CORELANE_APPLIANCE_VNF_STREAM_H
#define CORELANE_APPLIANCE_VNF_STREAM_H

#include "appliance/vnf.h"

void vnf_stream_init(struct vnf_stream *s, struct vnf *v, const char *suffix);
/* Takes @fd, non-blocking, also on failure. 0 or -errno. */
int vnf_stream_open(struct vnf_stream *s, int fd);
/* Reads what there is. */
void vnf_stream_drain(struct vnf_stream *s);
/* Ends it: what is left of an unfinished line is shown. */
void vnf_stream_close(struct vnf_stream *s);
void vnf_stream_fini(struct vnf_stream *s);

#endif
