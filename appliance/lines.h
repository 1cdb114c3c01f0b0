/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes from a guest, cut into lines. A guest may send anything, in any portions, without an end: a
 * line is at most LINES_MAX bytes (then it is cut and goes on as the next one).
 */
#ifndef CORELANE_APPLIANCE_LINES_H
#define CORELANE_APPLIANCE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define LINES_MAX 65536

struct lines {
	char *buf; /* owned */
	size_t used, size;
	/* @line has no newline and no carriage return at its end; it is NUL-terminated beyond @len. */
	void (*sink)(void *arg, const char *line, size_t len);
	void *arg;
};

void lines_init(struct lines *l, void (*sink)(void *, const char *, size_t), void *arg);
void lines_fini(struct lines *l);

/* 0 or -ENOMEM. */
int lines_feed(struct lines *l, const char *data, size_t len);
/* Hands on what there is of a line that has not ended. */
void lines_flush(struct lines *l);
bool lines_pending(const struct lines *l);

/*
 * @len bytes made safe for a terminal: control characters other than tab become "\xNN" (so do C1
 * controls in UTF-8's bytes, whole characters stay). Writes at most @size with NUL; returns the length.
 */
size_t lines_escape(const char *line, size_t len, char *ret, size_t size);

#endif
