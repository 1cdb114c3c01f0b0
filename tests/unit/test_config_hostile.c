/* SPDX-License-Identifier: Apache-2.0 */
/* Input that means harm or is no YAML at all: bytes, depth, numbers of things, odd features. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/config_util.h"

#define HOST     "apiVersion: corelane/v1\nkind: Host\nmetadata: {name: h}\n"
#define NETWORK  "apiVersion: corelane/v1\nkind: Network\nmetadata: {name: n}\n"
#define FILE_MAX (4 << 20)

static void
test_bytes(void **state)
{
	static const char nul[] = "kind: Ho\0st\n", high[] = "kind: \xff\xfe\n",
			  cut[] = "a: b\nkind: \xe2\x82";
	static const struct {
		const char *data;
		size_t size;
		const char *want;
	} c[] = {
		{nul, sizeof(nul) - 1,
		 "t:1:9: not UTF-8 text: control characters are not allowed (byte 0x00)"},
		{high, sizeof(high) - 1,
		 "t:1:7: not UTF-8 text: invalid leading UTF-8 octet (byte 0xff)"},
		{cut, sizeof(cut) - 1, "t:2:7: not UTF-8 text: incomplete UTF-8 octet sequence"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		struct config_problems problems;
		struct site *site = NULL;

		assert_int_equal(config_load_buffer("t", ".", c[i].data, c[i].size, &site,
						    &problems),
				 -EINVAL);
		assert_int_equal(problems.n, 1);
		assert_string_equal(problems.item[0].text, c[i].want);
		config_problems_free(&problems);
	}
	/* Lines may end as on other systems; the places stay right. */
	assert_complaints("# a\r\nkind:\r\n  hots\r\n",
			  "t.yaml:3:3: kind hots is not Host, Network or VNF; did you mean Host?");
	assert_complaints("# a\rb: \x01", "t.yaml:2:4: not UTF-8 text: control characters are not "
					  "allowed (byte 0x01)");
	/* A byte order mark is no part of the text. */
	assert_complaints("\xef\xbb\xbfkind: host\n",
			  "t.yaml:1:7: kind host is not Host, Network or VNF; did you mean Host?");
}

static void
test_junk(void **state)
{
	uint32_t seed = 1;
	char junk[4096];

	for (int round = 0; round < 200; round++) {
		struct config_problems problems;
		struct site *site = NULL;

		for (size_t i = 0; i < sizeof(junk); i++) {
			seed = seed * 1664525u + 1013904223u;
			junk[i] = (char)(seed >> 24);
		}
		assert_int_equal(config_load_buffer("junk", ".", junk, sizeof(junk), &site,
						    &problems),
				 -EINVAL);
		assert_true(problems.n > 0);
		config_problems_free(&problems);
	}
}

/* @n times @open, then the complaints. */
static void
assert_nested(const char *open, size_t n, const char *want)
{
	size_t len = strlen(open);
	char *text = calloc(n, len + 1);

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, open, len);
	assert_complaints(text, want);
	free(text);
}

static void
test_nested(void **state)
{
	assert_nested("[", 100000, "t.yaml:1:65: nested more than 64 levels deep");
	assert_nested("{a: ", 100000, "t.yaml:1:257: nested more than 64 levels deep");
	assert_nested("- ", 100000, "t.yaml:1:129: nested more than 64 levels deep");
	assert_nested("? ", 100000, "t.yaml:1:129: nested more than 64 levels deep");
	assert_nested("[\n", 100000, "t.yaml:65:1: nested more than 64 levels deep");
}

static void
test_too_many(void **state)
{
	char *text = calloc(1, 3 << 20), *p = text;

	assert_non_null(text);
	for (int i = 0; i < 257; i++)
		p += sprintf(p, "k%d: 1\n", i);
	assert_complaints(text, "t.yaml:257:1: more than 256 keys in one mapping");
	p = text + sprintf(text, "[");
	for (int i = 0; i < 262143; i++)
		p += sprintf(p, "1,");
	strcpy(p, "1]");
	assert_complaints(text, "t.yaml:1:524288: more than 262144 values in one site");
	/* Many complaints: the first 100 are kept, all are counted. */
	p = text + sprintf(text, "%s---\n" HOST "spec:\n", NETWORK);
	for (int i = 0; i < 200; i++)
		p += sprintf(p, "  k%d: 1\n", i);
	{
		struct config_problems problems;
		struct site *site = NULL;

		assert_int_equal(config_load_buffer("t", ".", text, strlen(text), &site, &problems),
				 -EINVAL);
		assert_int_equal(problems.n, 100);
		assert_int_equal(problems.total, 200);
		config_problems_free(&problems);
	}
	free(text);
}

static void
test_not_welcome(void **state)
{
	assert_complaints("a: &x 1\nb: *x\nc: !!str d\na: 2\n? [e]\n: f\ng: \"h\\0i\"\n"
			  "&k j: 1\nl: !m [n]\no: &p {q: r}\nkind: Host\n",
			  "t.yaml:1:1: host: unknown key a in the document\n"
			  "t.yaml:1:1: host: key apiVersion is missing in the document (version of "
			  "this vocabulary)\n"
			  "t.yaml:1:1: host: key metadata is missing in the document (who it is)\n"
			  "t.yaml:1:4: anchors (&) are not supported; write the value out\n"
			  "t.yaml:2:1: host: unknown key b in the document\n"
			  "t.yaml:2:4: aliases (*) are not supported; write the value out\n"
			  "t.yaml:3:1: host: unknown key c in the document\n"
			  "t.yaml:3:4: tags (!) are not supported; leave the tag out\n"
			  "t.yaml:4:1: key a is already given at line 1; keep one of them\n"
			  "t.yaml:5:3: a key has to be a plain word\n"
			  "t.yaml:7:1: host: unknown key g in the document\n"
			  "t.yaml:7:4: a NUL byte in a text\n"
			  "t.yaml:8:1: anchors (&) are not supported; write the value out\n"
			  "t.yaml:8:1: host: unknown key j in the document\n"
			  "t.yaml:9:1: host: unknown key l in the document\n"
			  "t.yaml:9:4: tags (!) are not supported; leave the tag out\n"
			  "t.yaml:10:1: host: unknown key o in the document\n"
			  "t.yaml:10:4: anchors (&) are not supported; write the value out");
	assert_complaints("a: b: c\n", "t.yaml:1:5: not YAML: mapping values are not allowed in "
				       "this context");
	assert_complaints("*x", "t.yaml:1:1: aliases (*) are not supported; write the value out");
}

/* libyaml would compare each of 200,000 such lines with all others. */
static void
test_directives(void **state)
{
	char *text = calloc(1, FILE_MAX), *p = text;

	assert_non_null(text);
	while (p < text + FILE_MAX - 64)
		p += sprintf(p, "%%TAG !a%zd! tag:b\n", p - text);
	strcpy(p, "--- a\n");
	assert_complaints(text, "t.yaml:1:1: tags (!) are not supported; leave the %TAG line out");
	free(text);
	assert_complaints("# \xc3\xa4 %TAG\r%TAG ! b\n---\na\n",
			  "t.yaml:2:1: tags (!) are not supported; leave the %TAG line out");
	assert_complaints("%YAML 1.1\n---\nkind: a %TAG\n",
			  "t.yaml:3:7: kind a %TAG is not Host, Network or VNF");
}

static void
test_kinds(void **state)
{
	assert_complaints(
		"kind: Vnf\n---\na: b\n---\n[]\n---\nkind: [VNF]\n---\nkind: *x\n---\ntext\n",
		"t.yaml:1:7: kind Vnf is not Host, Network or VNF; did you mean VNF?\n"
		"t.yaml:3:1: a document needs a kind: Host, Network or VNF\n"
		"t.yaml:5:1: a document needs a kind: Host, Network or VNF\n"
		"t.yaml:7:7: a document needs a kind: Host, Network or VNF\n"
		"t.yaml:9:7: aliases (*) are not supported; write the value out\n"
		"t.yaml:11:1: a document needs a kind: Host, Network or VNF");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),       cmocka_unit_test(test_junk),
		cmocka_unit_test(test_nested),      cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_not_welcome), cmocka_unit_test(test_directives),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
