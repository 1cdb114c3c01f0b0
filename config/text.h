/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that came from outside: what may be in it, and how it is shown in a message.
 */
#ifndef CORELANE_CONFIG_TEXT_H
#define CORELANE_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define QUOTED_LEN 72 /* enough for a name of 63 bytes */

/*
 * Whether valid UTF-8 @text holds only characters that show as what they are: no control
 * characters, line separators, byte order marks or changes of writing direction.
 */
bool text_is_plain(const char *text, size_t len);

/* Makes @text safe for one line of a terminal or a log, cut to fit. Returns @buf. */
const char *text_quote(const char *text, char buf[QUOTED_LEN]);

#endif
