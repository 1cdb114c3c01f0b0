/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
lines_init(struct lines *l, void (*sink)(void *, const char *, size_t), void *arg)
{
	*l = (struct lines){.sink = sink, .arg = arg};
}

void
lines_fini(struct lines *l)
{
	free(l->buf);
	*l = (struct lines){0};
}

/* Room for one byte and a NUL. */
static int
reserve(struct lines *l)
{
	size_t size = l->size ? l->size * 2 : 256;
	char *buf;

	if (l->used + 2 <= l->size)
		return 0;
	buf = realloc(l->buf, size);
	if (!buf)
		return -ENOMEM;
	l->buf = buf;
	l->size = size;
	return 0;
}

static void
emit(struct lines *l)
{
	size_t len = l->used;

	if (len > 0 && l->buf[len - 1] == '\r')
		len--;
	l->buf[len] = '\0';
	l->used = 0;
	l->sink(l->arg, l->buf, len);
}

int
lines_feed(struct lines *l, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (reserve(l) < 0)
			return -ENOMEM;
		if (data[i] == '\n') {
			emit(l);
			continue;
		}
		l->buf[l->used++] = data[i];
		if (l->used == LINES_MAX)
			emit(l);
	}
	return 0;
}

void
lines_flush(struct lines *l)
{
	if (l->used > 0)
		emit(l);
}

bool
lines_pending(const struct lines *l)
{
	return l->used > 0;
}

static bool
is_control(const unsigned char *c, size_t left)
{
	if (*c == '\t')
		return false;
	if (*c < 0x20 || *c == 0x7f)
		return true;
	/* C1 controls are U+0080..U+009F, in UTF-8 C2 80..C2 9F; a terminal may obey them raw too. */
	if (*c == 0xc2 && left > 1)
		return c[1] >= 0x80 && c[1] <= 0x9f;
	return false;
}

size_t
lines_escape(const char *line, size_t len, char *ret, size_t size)
{
	size_t used = 0;
	bool after_lead = false; /* inside a UTF-8 sequence */

	for (size_t i = 0; i < len && used + 5 <= size; i++) {
		unsigned char c = (unsigned char)line[i];
		bool bare = c >= 0x80 && c <= 0x9f && !after_lead;

		if (bare || is_control((const unsigned char *)line + i, len - i)) {
			used += (size_t)snprintf(ret + used, size - used, "\\x%02x", c);
			after_lead = false;
		} else {
			ret[used++] = (char)c;
			after_lead = c >= 0xc0 || (after_lead && c >= 0x80);
		}
	}
	ret[used] = '\0';
	return used;
}
