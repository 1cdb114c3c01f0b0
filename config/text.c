/* SPDX-License-Identifier: Apache-2.0 */
#include "config/text.h"

#include <stdint.h>
#include <string.h>

/* The character at @p and how many bytes it takes. libyaml has checked the encoding already. */
static uint32_t
decode(const unsigned char *p, size_t left, size_t *ret_len)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));

	if (len > left)
		len = left;
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3fu);
	*ret_len = len;
	return c;
}

static bool
is_plain(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	if (c == 0xfeff || (c & 0xfffe) == 0xfffe)
		return false;
	if ((c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e))
		return false;
	return c < 0x2066 || c > 0x2069;
}

bool
text_is_plain(const char *text, size_t len)
{
	size_t step;

	for (size_t i = 0; i < len; i += step)
		if (!is_plain(decode((const unsigned char *)text + i, len - i, &step)))
			return false;
	return true;
}

bool
text_is_lines(const char *text, size_t len)
{
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		uint32_t c = decode((const unsigned char *)text + i, len - i, &step);

		if (!is_plain(c) && c != '\n' && c != '\t')
			return false;
	}
	return true;
}

const char *
text_escape(char c)
{
	switch (c) {
	case '\n':
		return "\\n";
	case '\t':
		return "\\t";
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	default:
		return NULL;
	}
}

void
text_print(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		const char *escape = text_escape(*text);

		if (escape)
			fputs(escape, out);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

const char *
text_quote(const char *text, char buf[QUOTED_LEN])
{
	size_t used = 0;

	if (!text[0])
		return "\"\"";
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (used + 8 > QUOTED_LEN) {
			snprintf(buf + used, QUOTED_LEN - used, "...");
			break;
		}
		if (c >= 0x20 && c < 0x7f)
			used += (size_t)snprintf(buf + used, QUOTED_LEN - used, "%c", c);
		else
			used += (size_t)snprintf(buf + used, QUOTED_LEN - used, "\\x%02x", c);
	}
	return buf;
}
