/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_stream.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"

/* An unfinished line is shown when nothing has come for so long (a prompt, a hung guest). */
#define IDLE_MS 2000
/* A guest's JSON that is kept for the report: beyond this it is only counted. */
#define JSON_BYTES_MAX ((size_t)16 * 1024 * 1024)
/* In one turn of the loop: a flood must not keep signals and the other guests waiting. */
#define READS_A_TURN 4

static void
keep_json(struct vnf *v, const char *line, size_t len)
{
	json_t *j;

	if (!v->json || len == 0 || line[0] != '{')
		return;
	if (v->json_bytes + len > JSON_BYTES_MAX) {
		v->json_dropped++;
		return;
	}
	j = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	if (!j)
		return;
	v->json_bytes += len;
	json_array_append_new(v->json, j);
}

static void
on_line(void *arg, const char *line, size_t len)
{
	struct vnf_stream *s = arg;
	const char *why;

	keep_json(s->vnf, line, len);
	why = console_log_line(&s->vnf->log, line, len);
	if (why)
		log_warn("vnf %s: console log %s: %s; lines are lost until it can be written",
			 s->vnf->name, s->vnf->log.path, why);
	out_line(s->vnf->env->out, s->name, line, len);
}

void
vnf_stream_init(struct vnf_stream *s, struct vnf *v, const char *suffix)
{
	*s = (struct vnf_stream){.vnf = v, .fd = -1};
	snprintf(s->name, sizeof(s->name), "%s%s", v->name, suffix);
	lines_init(&s->lines, on_line, s);
}

static void
on_idle(void *arg)
{
	struct vnf_stream *s = arg;

	lines_flush(&s->lines);
}

/* false: nothing more now, or for ever. */
static bool
read_some(struct vnf_stream *s)
{
	char buf[16384];
	ssize_t n = read(s->fd, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		evloop_del(s->vnf->env->loop, &s->source);
		return false;
	}
	if (lines_feed(&s->lines, buf, (size_t)n) < 0)
		lines_flush(&s->lines);
	return true;
}

static void
on_readable(void *arg, uint32_t events)
{
	struct vnf_stream *s = arg;

	(void)events;
	for (int i = 0; i < READS_A_TURN; i++)
		if (!read_some(s))
			break;
	if (lines_pending(&s->lines))
		evloop_timer(s->vnf->env->loop, &s->idle, IDLE_MS, on_idle, s);
}

int
vnf_stream_open(struct vnf_stream *s, int fd)
{
	int r = evloop_add(s->vnf->env->loop, &s->source, fd, EPOLLIN, on_readable, s);

	if (r < 0) {
		close(fd);
		return r;
	}
	s->fd = fd;
	return 0;
}

void
vnf_stream_drain(struct vnf_stream *s)
{
	/* The writer is gone: this ends. */
	while (s->fd >= 0 && read_some(s))
		;
}

void
vnf_stream_close(struct vnf_stream *s)
{
	lines_flush(&s->lines);
	evloop_timer_off(s->vnf->env->loop, &s->idle);
	evloop_del(s->vnf->env->loop, &s->source);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void
vnf_stream_fini(struct vnf_stream *s)
{
	vnf_stream_close(s);
	lines_fini(&s->lines);
}
