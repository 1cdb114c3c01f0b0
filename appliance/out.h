/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output that cannot hold up a stop: when the reader at the other end does not read, writing
 * waits, but a signal that asks for the end is still seen (and then the rest is given up).
 */
#ifndef CORELANE_APPLIANCE_OUT_H
#define CORELANE_APPLIANCE_OUT_H

#include <stdbool.h>
#include <stddef.h>

struct out {
	int fd;             /* borrowed */
	int signal_fd;      /* borrowed; -1: none. Readable: give up writing when blocked */
	bool terminal;      /* control characters are escaped */
	bool gone;          /* nobody reads any more */
	int error;          /* the errno of the write that failed for good; 0: none */
	bool hurry;         /* set by who stops: what cannot be written at once is lost */
	unsigned long lost; /* lines that could not be written */
};

void out_init(struct out *o, int fd, int signal_fd);

/* "NAME| line\n". @len bytes of @line, which may hold anything. */
void out_line(struct out *o, const char *name, const char *line, size_t len);

#endif
