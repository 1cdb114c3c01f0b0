/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/logsink.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_log.h>

#include "base/log.h"
#include "vhost-user/lane.h"
#include "vhost-user/vhost.h"

#define LINES_A_SECOND 20

/* DPDK has one log stream a process, so this is process-wide too. */
static struct {
	pthread_mutex_t lock; /* the rest; never taken on a forwarding thread */
	time_t second;
	unsigned int lines, suppressed;
	bool was_reset; /* the last line was of a connection that its peer reset */
	char last_error[256];
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* "VHOST_CONFIG: (/run/x.sock) words": counts an error on that socket's port. */
static void
count_error(const char *line, size_t len)
{
	const char *open = memchr(line, '(', len);
	const char *close = open ? memchr(open, ')', len - (size_t)(open - line)) : NULL;

	if (close)
		vhost_count_error(open + 1, (size_t)(close - open - 1));
}

static bool
has(const char *line, size_t len, const char *words)
{
	return memmem(line, len, words, strlen(words)) != NULL;
}

/*
 * What DPDK calls an error and is none: a VMM that ends closes its socket, with unread messages in it,
 * and then nobody listens there until it is started again. "disconnected" tells it already.
 */
static bool
is_ordinary(const char *line, size_t len)
{
	bool was_reset, reset = has(line, len, "Connection reset by peer");

	pthread_mutex_lock(&sink.lock);
	was_reset = sink.was_reset;
	sink.was_reset = reset;
	pthread_mutex_unlock(&sink.lock);
	return reset || (was_reset && has(line, len, "vhost read message")) ||
	       has(line, len, "failed to connect: Connection refused");
}

/* true: this line may be printed. *@ret_missed: lines that were not, when a new second starts. */
static bool
may_print(unsigned int *ret_missed)
{
	struct timespec now;
	bool yes;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&sink.lock);
	if (now.tv_sec != sink.second) {
		*ret_missed = sink.suppressed;
		sink.suppressed = 0;
		sink.second = now.tv_sec;
		sink.lines = 0;
	}
	yes = sink.lines < LINES_A_SECOND;
	if (yes)
		sink.lines++;
	else
		sink.suppressed++;
	pthread_mutex_unlock(&sink.lock);
	return yes;
}

static void
keep_error(const char *line, size_t len)
{
	size_t n = len < sizeof(sink.last_error) - 1 ? len : sizeof(sink.last_error) - 1;

	pthread_mutex_lock(&sink.lock);
	memcpy(sink.last_error, line, n);
	sink.last_error[n] = '\0';
	pthread_mutex_unlock(&sink.lock);
}

static enum log_level
our_level(int dpdk)
{
	if (dpdk <= (int)RTE_LOG_ERR)
		return LOG_LVL_ERR;
	if (dpdk == (int)RTE_LOG_WARNING)
		return LOG_LVL_WARN;
	return dpdk >= (int)RTE_LOG_DEBUG ? LOG_LVL_DEBUG : LOG_LVL_INFO;
}

static ssize_t
sink_write(void *cookie, const char *line, size_t size)
{
	int level = rte_log_cur_msg_loglevel();
	struct lane *lane = lane_self();
	unsigned int missed = 0;
	size_t len = size;

	if (lane) {
		if (lane->current)
			counter_add(&swport_count(lane->current, lane)->bad_ring, 1);
		return (ssize_t)size;
	}
	while (len > 0 && line[len - 1] == '\n')
		len--;
	if (len == 0)
		return (ssize_t)size;
	if (is_ordinary(line, len)) {
		log_debug("dpdk: %.*s", (int)len, line);
		return (ssize_t)size;
	}
	if (level <= (int)RTE_LOG_ERR) {
		count_error(line, len);
		keep_error(line, len);
	}
	if (may_print(&missed))
		log_at(our_level(level), "dpdk: %.*s", (int)len, line);
	if (missed)
		log_warn("dpdk: %u more lines were not printed", missed);
	return (ssize_t)size;
}

int
logsink_open(void)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = sink_write});

	if (!f)
		return -errno;
	if (rte_openlog_stream(f) < 0) {
		fclose(f);
		return -EIO;
	}
	return 0;
}

const char *
logsink_last_error(void)
{
	return sink.last_error;
}
