/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/runner/site.h"

#include <ctype.h>
#include <errno.h>

bool
site_value_ok(const char *value)
{
	if (!*value)
		return false;
	for (; *value; value++)
		if (!isalnum((unsigned char)*value))
			return false;
	return true;
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
