/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last lines that a guest printed, in a file that outlives the run: DIR/HOST/VNF.console.log, and
 * what was before that in VNF.console.log.1. Each holds at most the declared size.
 *
 * A disk that is full or fails costs lines, which are counted, and nothing else.
 */
#ifndef CORELANE_APPLIANCE_CONSOLE_LOG_H
#define CORELANE_APPLIANCE_CONSOLE_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "base/err.h"

#define CONSOLE_LOG_DIR "/var/log/corelane"

struct console_log {
	char *path;          /* owned; NULL: there is no log */
	int fd;              /* -1: closed, or it could not be opened again */
	uint64_t size, used; /* bytes: the most, and now */
	uint64_t lines, lost;
	bool failing; /* said already */
};

#define CONSOLE_LOG_CLOSED ((struct console_log){.fd = -1})

/* Goes on where an earlier run ended. Folders are made. 0, or -errno in words. */
int console_log_open(struct console_log *l, const char *dir, const char *host, const char *vnf,
		     uint64_t size, struct err *e);
/* One line, without its newline. No-op without a log. Returns a reason in words when it begins to fail. */
const char *console_log_line(struct console_log *l, const char *line, size_t len);
void console_log_close(struct console_log *l);

#endif
