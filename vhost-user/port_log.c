/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/port_log.h"

#include <pthread.h>

#include "base/clock.h"

/* Of all ports' accounts: vhost's threads, and the control thread which takes a port away. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool
port_log_may(struct swport *p, uint64_t now, uint32_t *ret_missed)
{
	bool yes;

	*ret_missed = 0;
	pthread_mutex_lock(&lock);
	if (p->log_lines == 0 || now - p->log_since >= PORT_LOG_PERIOD) {
		*ret_missed = p->log_missed;
		p->log_missed = p->log_lines = 0;
		p->log_since = now;
	}
	yes = p->log_lines < PORT_LOG_LINES;
	if (yes)
		p->log_lines++;
	else
		p->log_missed++;
	pthread_mutex_unlock(&lock);
	return yes;
}

void
port_log(struct swport *p, enum log_level level, const char *words)
{
	uint32_t missed;
	bool yes = port_log_may(p, clock_now_ns() / 1000000000, &missed);

	if (missed)
		log_warn("port %s: %u more lines were not printed", p->cfg.name, missed);
	if (yes)
		log_at(level, "port %s: %s", p->cfg.name, words);
}
