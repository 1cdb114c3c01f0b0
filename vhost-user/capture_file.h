/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pcap file that is being written: collects records and writes many at once. A file (of a file
 * system) that cannot take a record whole is cut behind the last one that it took; whoever reads from a
 * pipe gets what was written.
 */
#ifndef CORELANE_VHOST_USER_CAPTURE_FILE_H
#define CORELANE_VHOST_USER_CAPTURE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_FILE_BUFFER (256u << 10) /* more than the longest record */

struct capture_file {
	int fd;
	bool regular;
	bool headed;     /* the file's header is written */
	int error;       /* positive errno; nothing is written any more */
	uint64_t frames; /* written, whole */
	const _Atomic bool
		*hurry; /* true: a reader that does not read is not waited for any more */
	uint32_t filled, records;
	uint8_t *buffer;
};

/* Takes @fd over and notes the file's header. 0 or -errno: @fd is the caller's then. */
int capture_file_open(struct capture_file *f, int fd, uint32_t snap, const _Atomic bool *hurry);

/* One frame. false: an error has happened, now or before. May wait for the file. */
bool capture_file_add(struct capture_file *f, uint64_t ns, const void *bytes, uint32_t cap,
		      uint32_t len);

/* Writes what was collected. */
void capture_file_flush(struct capture_file *f);

/* Flushes, closes. error and frames stand. */
void capture_file_close(struct capture_file *f);

/* As if it had never been opened; @fd is the caller's again. */
void capture_file_forget(struct capture_file *f);

#endif
