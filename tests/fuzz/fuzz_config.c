/* fuzz-libs: config base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a declaration: no crash, leak or endless loop; either a site or complaints; and what
 * loads, dumps to something that loads again and dumps the same.
 *
 * clang -fsanitize=fuzzer,address,undefined; corpus: tests/fuzz/corpus/config
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "fuzz_config: %s\n", what);
	abort();
}

static struct site *
load(const char *name, const void *data, size_t size)
{
	struct config_problems problems;
	struct site *site = NULL;
	int r;

	r = config_load_buffer(name, ".", data, size, &site, &problems);
	require((r == 0) == (site != NULL), "a site exactly when it returns 0");
	require((r == 0) == (problems.total == 0), "complaints exactly when it fails");
	for (size_t i = 0; i < problems.n; i++)
		for (const char *c = problems.item[i].text; *c; c++)
			require((unsigned char)*c >= 0x20, "a complaint is one line of text");
	config_problems_free(&problems);
	return site;
}

static char *
dump(const struct site *site, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	require(out != NULL, "memory for the dump");
	require(config_dump(site, out) == 0, "a dump into memory works");
	fclose(out);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct site *first = load("fuzz.yaml", data, size), *second;
	char *text, *again;
	size_t text_size, again_size;

	if (!first)
		return 0;
	text = dump(first, &text_size);
	second = load("dump.yaml", text, text_size);
	require(second != NULL, "a dump loads again");
	again = dump(second, &again_size);
	require(text_size == again_size && memcmp(text, again, text_size) == 0,
		"a dump of a dump is the same");
	free(text);
	free(again);
	site_free(first);
	site_free(second);
	return 0;
}
