/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct unit unit_size[] = {
	{"", 1}, {"Ki", 1ull << 10}, {"Mi", 1ull << 20}, {"Gi", 1ull << 30}, {NULL, 0}};
const struct unit unit_bytes[] = {{"", 1},
				  {"kB", 1000},
				  {"Ki", 1ull << 10},
				  {"MB", 1000000},
				  {"Mi", 1ull << 20},
				  {"GB", 1000000000},
				  {"Gi", 1ull << 30},
				  {NULL, 0}};
const struct unit unit_duration[] = {{"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {NULL, 0}};
const struct unit unit_rate[] = {{"kbps", 1000},
				 {"Mbps", 1000000},
				 {"Gbps", 1000000000},
				 {NULL, 0}};

/* Digits at *@p, which moves past them. */
static int
read_digits(const char **p, uint64_t *ret)
{
	const char *start = *p;
	uint64_t v = 0;

	if (!isdigit((unsigned char)*start))
		return -EINVAL;
	for (; isdigit((unsigned char)**p); (*p)++) {
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**p - '0'), &v))
			return -ERANGE;
	}
	if (start[0] == '0' && *p - start > 1)
		return -EINVAL; /* octal to some, decimal to others */
	*ret = v;
	return v > INT64_MAX ? -ERANGE : 0;
}

int
value_number(const char *text, int64_t *ret)
{
	bool minus = text[0] == '-';
	const char *p = text + minus;
	uint64_t v;
	int r;

	r = read_digits(&p, &v);
	if (r < 0)
		return r;
	if (*p || (minus && v == 0))
		return -EINVAL;
	*ret = minus ? -(int64_t)v : (int64_t)v;
	return 0;
}

int
value_hex(const char *text, int64_t *ret)
{
	const char *digits = text + 2;
	size_t len;

	if (strncmp(text, "0x", 2) != 0)
		return value_number(text, ret);
	len = strspn(digits, "0123456789abcdefABCDEF");
	if (len == 0 || digits[len])
		return -EINVAL;
	if (len > 15)
		return -ERANGE;
	*ret = (int64_t)strtoull(digits, NULL, 16);
	return 0;
}

int
value_scaled(const char *text, const struct unit *units, uint64_t *ret)
{
	const char *p = text;
	uint64_t v;
	int r;

	r = read_digits(&p, &v);
	if (r < 0)
		return r;
	for (; units->suffix; units++) {
		if (strcmp(units->suffix, p) != 0)
			continue;
		if (__builtin_mul_overflow(v, units->factor, &v) || v > INT64_MAX)
			return -ERANGE;
		*ret = v;
		return 0;
	}
	return -EINVAL;
}

const char *
value_format(uint64_t v, const struct unit *units, char buf[VALUE_LEN])
{
	const struct unit *best = units;

	for (; v > 0 && units->suffix; units++)
		if (v % units->factor == 0)
			best = units;
	snprintf(buf, VALUE_LEN, "%" PRIu64 "%s", v / best->factor, best->suffix);
	return buf;
}

int
value_bool(const char *text, bool *ret)
{
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0)
		return -EINVAL;
	*ret = yes;
	return 0;
}

const char *
value_format_mac(const uint8_t mac[6], char buf[VALUE_LEN])
{
	snprintf(buf, VALUE_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	return buf;
}

bool
value_is_label(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 63 || text[0] == '-' || text[len - 1] == '-')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}
