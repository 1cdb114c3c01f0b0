/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/runner/site.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* Digits, then one of the @n suffixes; the value from @min to @max, before its suffix. */
static bool
is_number(const char *text, const char *const *suffix, size_t n, unsigned long min,
	  unsigned long max)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || v < min || v > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(end, suffix[i]) == 0)
			return true;
	return false;
}

const char *
site_value_wanted(char option, const char *value)
{
	static const char *const times[] = {"s", "ms", "us"}, *const rates[] = {"", "k", "M"},
				 *const none[] = {""};

	switch (option) {
	case 't':
		return is_number(value, times, ARRAY_SIZE(times), 1, 1000000)
			       ? NULL
			       : "a time above 0 such as 5s or 500ms";
	case 'r':
		return is_number(value, rates, ARRAY_SIZE(rates), 0, 1000000000)
			       ? NULL
			       : "frames a second such as 100k; 0 is flat out";
	case 's':
		return is_number(value, none, 1, 60, 9014) ? NULL : "bytes from 60 to 9014";
	default:
		return strcmp(value, "split") == 0 || strcmp(value, "packed") == 0
			       ? NULL
			       : "split or packed";
	}
}

static const struct {
	const char *mode;
	const char *rate; /* unless the user says another */
	bool nics;
} kinds[] = {
	[SITE_LATENCY] = {"loop", "100k", true},
	[SITE_THROUGHPUT] = {"loop", "0", true},
	[SITE_JITTER] = {"jitter", NULL, false},
	[SITE_EXITS] = {"exits", NULL, false},
};

static void
word(const char *key, const char *value, FILE *out)
{
	if (value)
		fprintf(out, " %s=%s", key, value);
}

int
site_print(enum site_kind kind, const struct site_options *o, FILE *out)
{
	bool nics = kinds[kind].nics;

	fputs("# Made by corelane-bench.\n"
	      "apiVersion: corelane/v1\nkind: Host\nmetadata: {name: bench}\n"
	      "spec: {overlap: allow}\n---\n",
	      out);
	if (nics)
		fputs("apiVersion: corelane/v1\nkind: Network\nmetadata: {name: bench}\n"
		      "spec: {type: switch, mtu: 9000}\n---\n",
		      out);
	fprintf(out,
		"apiVersion: corelane/v1\nkind: VNF\nmetadata: {name: probe}\nspec:\n"
		"  boot: {probe: {args: \"mode=%s",
		kinds[kind].mode);
	word("time", o->time ? o->time : "5s", out);
	if (nics) {
		word("rate", o->rate ? o->rate : kinds[kind].rate, out);
		word("size", o->size, out);
		word("rings", o->rings, out);
	}
	fputs("\"}}\n  cpu: {vcpus: 1, policy: dedicated}\n"
	      "  memory: {size: 64Mi, pageSize: 2Mi}\n",
	      out);
	if (nics)
		fputs("  interfaces:\n  - {name: tx, switch: {network: bench}}\n"
		      "  - {name: rx, switch: {network: bench}}\n",
		      out);
	return fflush(out) == EOF || ferror(out) ? -EIO : 0;
}
