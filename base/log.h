/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line a message on stderr: "name: text" on a terminal, "<N>name: text" (journald priority
 * prefixes, sd-daemon(3)) elsewhere. Not for packet or vCPU paths. Any thread; one write(2) a line.
 */
#ifndef CORELANE_BASE_LOG_H
#define CORELANE_BASE_LOG_H

#include "base/util.h"

enum log_level { LOG_LVL_ERR = 3, LOG_LVL_WARN = 4, LOG_LVL_INFO = 6, LOG_LVL_DEBUG = 7 };

/* Called once, by main, before any thread starts. @name must outlive the process ("corelane-vmm[fw1]"). */
void log_init(const char *name, enum log_level max);

void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_err(...)   log_at(LOG_LVL_ERR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LVL_DEBUG, __VA_ARGS__)

#endif
