/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that came from outside: what may be in it, and how it is shown in a message.
 */
#ifndef CORELANE_CONFIG_TEXT_H
#define CORELANE_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define QUOTED_LEN 72 /* enough for a name of 63 bytes */

/*
 * Whether valid UTF-8 @text holds only characters that show as what they are: no control
 * characters, line separators, byte order marks or changes of writing direction.
 */
bool text_is_plain(const char *text, size_t len);

/* Likewise, but line breaks ("\n") and tabs may be in it. */
bool text_is_lines(const char *text, size_t len);

/*
 * How @c of plain text or lines is written between double quotes, so that YAML and JSON read it back;
 * NULL: as it is.
 */
const char *text_escape(char c);
void text_print(const char *text, FILE *out); /* with the quotes */

/* Makes @text safe for one line of a terminal or a log, cut to fit. Returns @buf. */
const char *text_quote(const char *text, char buf[QUOTED_LEN]);

#endif
