/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
set_text(struct err *e, int code, const char *fmt, va_list ap)
{
	if (e) {
		e->code = code;
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
	}
	return -code;
}

int
err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_text(e, code, fmt, ap);
	va_end(ap);
	return -code;
}

/* What to do about it, where only the errno says so. */
static const char *
remedy(int code)
{
	switch (code) {
	case EMFILE:
		return "; raise the limit of open files (ulimit -n)";
	case ENFILE:
		return "; raise the host's limit of open files (fs.file-max)";
	default:
		return "";
	}
}

int
err_sys(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	set_text(e, code, fmt, ap);
	va_end(ap);
	if (e) {
		len = strlen(e->text);
		snprintf(e->text + len, sizeof(e->text) - len, ": %s%s", strerror(code),
			 remedy(code));
	}
	return -code;
}

int
err_prefix(struct err *e, const char *fmt, ...)
{
	char inner[ERR_TEXT_MAX];
	size_t len;
	va_list ap;

	memcpy(inner, e->text, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	snprintf(e->text + len, sizeof(e->text) - len, ": %s", inner);
	return -e->code;
}
