/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/out.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/lines.h"

void
out_init(struct out *o, int fd, int signal_fd)
{
	*o = (struct out){.fd = fd, .signal_fd = signal_fd, .terminal = isatty(fd) == 1};
}

/* Waits until @o can take PIPE_BUF bytes without blocking. false: give up. */
static bool
wait_writable(struct out *o)
{
	struct pollfd p[2] = {{.fd = o->fd, .events = POLLOUT},
			      {.fd = o->signal_fd, .events = POLLIN}};

	for (;;) {
		int n = poll(p, 2, o->hurry ? 0 : -1);

		if (n == 0)
			return false;
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (p[0].revents & POLLOUT)
			return true;
		if (p[0].revents) {
			o->gone = true;
			return false;
		}
		if (p[1].revents)
			return false;
	}
}

static bool
write_all(struct out *o, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n;

		if (o->gone || !wait_writable(o))
			return false;
		/* pipe(7): after POLLOUT a pipe takes PIPE_BUF bytes at once. */
		n = write(o->fd, buf, len < PIPE_BUF ? len : PIPE_BUF);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			o->error = errno;
			o->gone = true;
			return false;
		}
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

void
out_line(struct out *o, const char *name, const char *line, size_t len)
{
	size_t room = strlen(name) + 2 + len * (o->terminal ? 4 : 1) + 6, used;
	char *text = malloc(room);

	if (!text) {
		o->lost++;
		return;
	}
	used = (size_t)snprintf(text, room, "%s| ", name);
	if (o->terminal) {
		used += lines_escape(line, len, text + used, room - used - 1);
	} else {
		memcpy(text + used, line, len);
		used += len;
	}
	text[used++] = '\n';
	if (!write_all(o, text, used))
		o->lost++;
	free(text);
}
