/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/json.h"

#include "bench/probe/str.h"

static const char hexdigit[] = "0123456789abcdef";

static void
puts_(struct json *j, const char *s)
{
	j->put(j->arg, s, strlen(s));
}

static void
key(struct json *j, const char *k)
{
	if (j->comma)
		puts_(j, ",");
	j->comma = true;
	if (!k)
		return;
	puts_(j, "\"");
	puts_(j, k);
	puts_(j, "\":");
}

size_t
fmt_u64(char out[FMT_U64_MAX], uint64_t value)
{
	char tmp[FMT_U64_MAX];
	size_t n = 0, len;

	do {
		tmp[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	len = n;
	for (size_t i = 0; i < len; i++)
		out[i] = tmp[--n];
	out[len] = '\0';
	return len;
}

void
json_open(struct json *j, const char *event)
{
	puts_(j, "{");
	j->comma = false;
	json_str(j, "probe", event);
}

void
json_close(struct json *j)
{
	puts_(j, "}\n");
}

static void
escaped(struct json *j, const char *s)
{
	size_t start = 0, i;

	for (i = 0; s[i]; i++) {
		unsigned char c = (unsigned char)s[i];
		char u[7] = {'\\', 'u', '0', '0', hexdigit[c >> 4], hexdigit[c & 15], '\0'};

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
			continue;
		if (i > start)
			j->put(j->arg, s + start, i - start);
		puts_(j, u);
		start = i + 1;
	}
	if (i > start)
		j->put(j->arg, s + start, i - start);
}

void
json_str(struct json *j, const char *k, const char *value)
{
	json_str_begin(j, k);
	escaped(j, value);
	json_str_end(j);
}

void
json_u64(struct json *j, const char *k, uint64_t value)
{
	char buf[FMT_U64_MAX];

	key(j, k);
	j->put(j->arg, buf, fmt_u64(buf, value));
}

void
json_i64(struct json *j, const char *k, int64_t value)
{
	char buf[FMT_U64_MAX];

	key(j, k);
	if (value < 0)
		puts_(j, "-");
	j->put(j->arg, buf, fmt_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value));
}

void
json_hex(struct json *j, const char *k, uint64_t value)
{
	char buf[19];
	size_t n = sizeof(buf);

	buf[--n] = '\0';
	do {
		buf[--n] = hexdigit[value & 15];
		value >>= 4;
	} while (value);
	buf[--n] = 'x';
	buf[--n] = '0';
	json_str(j, k, buf + n);
}

void
json_bool(struct json *j, const char *k, bool value)
{
	key(j, k);
	puts_(j, value ? "true" : "false");
}

void
json_mac(struct json *j, const char *k, const uint8_t mac[6])
{
	char buf[18];

	for (size_t i = 0; i < 6; i++) {
		buf[i * 3] = hexdigit[mac[i] >> 4];
		buf[i * 3 + 1] = hexdigit[mac[i] & 15];
		buf[i * 3 + 2] = i < 5 ? ':' : '\0';
	}
	json_str(j, k, buf);
}

void
json_begin(struct json *j, const char *k, char bracket)
{
	char s[2] = {bracket, '\0'};

	key(j, k);
	puts_(j, s);
	j->comma = false;
}

void
json_end(struct json *j, char bracket)
{
	char s[2] = {bracket, '\0'};

	puts_(j, s);
	j->comma = true;
}

void
json_str_begin(struct json *j, const char *k)
{
	key(j, k);
	puts_(j, "\"");
}

void
json_str_end(struct json *j)
{
	puts_(j, "\"");
}
