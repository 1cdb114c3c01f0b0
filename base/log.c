/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The one piece of process-wide state: written by log_init() before threads exist, then only read. */
static struct {
	const char *name;
	enum log_level max;
	bool journal;
} conf = {.name = "corelane", .max = LOG_LVL_INFO, .journal = false};

void
log_init(const char *name, enum log_level max)
{
	conf.name = name;
	conf.max = max;
	conf.journal = !isatty(STDERR_FILENO);
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	char line[1536];
	int head, body;
	size_t len;
	va_list ap;

	if (level > conf.max)
		return;
	if (conf.journal)
		head = snprintf(line, sizeof(line), "<%d>%s: ", (int)level, conf.name);
	else
		head = snprintf(line, sizeof(line), "%s: ", conf.name);
	if (head < 0 || (size_t)head >= sizeof(line) - 2)
		return;
	va_start(ap, fmt);
	body = vsnprintf(line + head, sizeof(line) - 1 - (size_t)head, fmt, ap);
	va_end(ap);
	if (body < 0)
		return;
	/* A guest's or client's text may be in it: one message stays one line. */
	for (char *c = line + head; *c; c++)
		if ((unsigned char)*c < 0x20 && *c != '\t')
			*c = ' ';
	len = strlen(line);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nobody left to tell */
}
