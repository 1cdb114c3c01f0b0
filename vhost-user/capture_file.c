/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/capture_file.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "vhost-user/pcap.h"

#define WAIT_MS    50
#define HURRY_MS   1000 /* for a pipe's reader, once the capture is over */
#define FILE_HEAD  sizeof(struct pcap_file)
#define RECORD_MAX (sizeof(struct pcap_record) + PCAP_SNAP_MAX)

_Static_assert(CAPTURE_FILE_BUFFER > FILE_HEAD + RECORD_MAX, "a record must fit");

int
capture_file_open(struct capture_file *f, int fd, uint32_t snap, const _Atomic bool *hurry)
{
	struct pcap_file head = pcap_file(snap);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*f = (struct capture_file){.fd = fd, .regular = S_ISREG(st.st_mode), .hurry = hurry};
	f->buffer = malloc(CAPTURE_FILE_BUFFER);
	if (!f->buffer)
		return -ENOMEM;
	memcpy(f->buffer, &head, sizeof(head));
	f->filled = sizeof(head);
	return 0;
}

/* A pipe has room for PIPE_BUF bytes, so that the next write does not block. false: given up. */
static bool
wait_for_room(const struct capture_file *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLOUT};
	int waited = 0;

	for (;;) {
		int r = poll(&p, 1, WAIT_MS);

		if (r > 0 || (r < 0 && errno != EINTR))
			return true; /* write() says what is wrong */
		if (atomic_load_explicit(f->hurry, memory_order_relaxed))
			waited += WAIT_MS;
		if (waited > HURRY_MS)
			return false;
	}
}

/* Returns how much of the buffer got into the file; f->error says why not all. */
static uint32_t
write_out(struct capture_file *f)
{
	uint32_t done = 0;

	while (done < f->filled) {
		size_t n = f->filled - done;
		ssize_t r;

		if (!f->regular && !wait_for_room(f)) {
			f->error = ETIMEDOUT;
			break;
		}
		r = write(f->fd, f->buffer + done, f->regular ? n : MIN_OF(n, (size_t)PIPE_BUF));
		if (r > 0) {
			done += (uint32_t)r;
		} else if (r == 0 || (errno != EINTR && errno != EAGAIN)) {
			f->error = r == 0 ? EIO : errno;
			break;
		}
	}
	return done;
}

/* The records among the first @done bytes; *ret_whole: the bytes that they take, file header included. */
static uint32_t
whole_records(const struct capture_file *f, uint32_t done, uint32_t *ret_whole)
{
	uint32_t at = f->headed ? 0 : FILE_HEAD, n = 0;
	struct pcap_record r;

	*ret_whole = 0;
	if (at > done)
		return 0;
	for (; n < f->records; n++) {
		memcpy(&r, f->buffer + at, sizeof(r));
		if (at + sizeof(r) + r.cap > done)
			break;
		at += (uint32_t)sizeof(r) + r.cap;
	}
	*ret_whole = at;
	return n;
}

void
capture_file_flush(struct capture_file *f)
{
	uint32_t done, whole, n = f->records;
	off_t end;

	if (f->error || f->filled == 0)
		return;
	done = write_out(f);
	if (done < f->filled) {
		n = whole_records(f, done, &whole);
		end = f->regular ? lseek(f->fd, 0, SEEK_CUR) : -1;
		if (end >= 0 && ftruncate(f->fd, end - (off_t)(done - whole)) < 0)
			f->error = errno; /* half a record is in it */
	}
	f->headed = true;
	f->frames += n;
	f->filled = f->records = 0;
}

bool
capture_file_add(struct capture_file *f, uint64_t ns, const void *bytes, uint32_t cap, uint32_t len)
{
	struct pcap_record r = pcap_record(ns, cap, len);

	if (f->filled + sizeof(r) + cap > CAPTURE_FILE_BUFFER)
		capture_file_flush(f);
	if (f->error)
		return false;
	memcpy(f->buffer + f->filled, &r, sizeof(r));
	memcpy(f->buffer + f->filled + sizeof(r), bytes, cap);
	f->filled += (uint32_t)sizeof(r) + cap;
	f->records++;
	return true;
}

void
capture_file_close(struct capture_file *f)
{
	capture_file_flush(f);
	if (close(f->fd) < 0 && !f->error)
		f->error = errno;
	f->fd = -1;
	free(f->buffer);
	f->buffer = NULL;
}

void
capture_file_forget(struct capture_file *f)
{
	free(f->buffer);
	f->buffer = NULL;
}
