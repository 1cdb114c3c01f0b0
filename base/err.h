/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: functions return 0 or -errno; the words for a person travel in a struct err.
 *
 * A message says who, what and the remedy ("vnf fw1: kernel vmlinuz: no such file; put it beside
 * site.yaml or give an absolute path"). The caller that handles it prints it, once.
 */
#ifndef CORELANE_BASE_ERR_H
#define CORELANE_BASE_ERR_H

#include <stdarg.h>

#include "base/util.h"

#define ERR_TEXT_MAX 1024

struct err {
	int code;                /* 0, or a positive errno */
	char text[ERR_TEXT_MAX]; /* one line, no newline; "" when code is 0 */
};

/*
 * Sets *@e (may be NULL) to @code (a positive errno) and the formatted text, and returns -@code, so
 * that a caller can write "return err_set(e, EINVAL, ...)". A text that is too long is cut.
 */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set(), with ": " and the errno's own words appended. */
int err_sys(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "@fmt: " in front of the text that @e already has (context, from callee to caller). Returns -code. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Exit statuses that scripts may rely on, for every program of this project. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,       /* something went wrong at run time */
	EXIT_USAGE = 2,        /* wrong command line */
	EXIT_INVALID = 3,      /* a declaration or an input file is not valid */
	EXIT_REFUSED = 4,      /* valid, but this host cannot keep the promise */
	EXIT_BUSY = 5,         /* a site of this name already runs */
	EXIT_GUEST_RESET = 10, /* corelane-vmm only: the guest asked for a reset */
	EXIT_GUEST_FAULT = 11, /* corelane-vmm only: triple fault or KVM internal error */
};

#endif
