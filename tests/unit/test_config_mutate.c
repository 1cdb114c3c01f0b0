/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of damaged declarations, the same at every run: each is either refused in words that
 * name the file, or loads, and then its dump loads to the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/config_util.h"

#define ROUNDS   6000
#define TEXT_MAX 8192

static uint64_t seed = 0x636f72656c616e65;

/* xorshift64* (Vigna 2016): a number below @n. */
static size_t
below(size_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (size_t)((seed * 0x2545f4914f6cdd1dull >> 33) % n);
}

/* Moves @keep bytes from @from to @to, within a text of *@len bytes. */
static void
splice(char *text, size_t *len, size_t at, size_t remove, const char *add, size_t add_len)
{
	remove = MIN_OF(remove, *len - at);
	if (*len - remove + add_len >= TEXT_MAX)
		return;
	memmove(text + at + add_len, text + at + remove, *len - at - remove);
	memcpy(text + at, add, add_len);
	*len = *len - remove + add_len;
}

static size_t
line_start(const char *text, size_t at)
{
	while (at > 0 && text[at - 1] != '\n')
		at--;
	return at;
}

static void
damage(char *text, size_t *len)
{
	static const char *const token[] = {"{",       "}",        "[",   "]",      ": ",
					    "- ",      "\"",       "&a ", "*a",     "!!t ",
					    "---\n",   "\n",       "0",   "-1",     "99999",
					    "auto",    "none",     "~",   "shared", "dedicated",
					    "4Ki",     "1Gi",      "lan", "svc-b",  "fw1",
					    "\\u2028", "\xc3\xa4", "#",   "? ",     "|\n",
					    "\t",      "1-3"};
	size_t at = below(*len), from = line_start(text, at);
	const char *word = token[below(ARRAY_SIZE(token))];
	char line[512], byte = (char)below(256);
	size_t n = strcspn(text + from, "\n") + 1;

	n = MIN_OF(MIN_OF(n, *len - from), sizeof(line));
	memcpy(line, text + from, n);
	switch (below(6)) {
	case 0:
		splice(text, len, at, 1, &byte, 1);
		break;
	case 1:
		splice(text, len, at, below(8), "", 0);
		break;
	case 2:
		splice(text, len, at, below(3), word, strlen(word));
		break;
	case 3: /* a line twice */
		splice(text, len, from, 0, line, n);
		break;
	case 4: /* a line less */
		splice(text, len, from, n, "", 0);
		break;
	default: /* a line somewhere else */
		splice(text, len, line_start(text, below(*len)), 0, line, n);
		break;
	}
	text[*len] = '\0';
}

/* Returns whether it loaded. */
static bool
try(const char *text, size_t len)
{
	struct config_problems problems;
	struct site *site = NULL;
	char *dump;
	int r;

	r = config_load_buffer("t.yaml", ".", text, len, &site, &problems);
	assert_int_equal(r == 0, problems.total == 0);
	assert_int_equal(r == 0, site != NULL);
	for (size_t i = 0; i < problems.n; i++) {
		const char *p = problems.item[i].text;

		assert_int_equal(strncmp(p, "t.yaml:", 7), 0);
		assert_null(strpbrk(p, "\n\r\x1b"));
	}
	config_problems_free(&problems);
	if (site) {
		dump = dump_text(site);
		check_round_trip(site, dump);
		free(dump);
		site_free(site);
	}
	return r == 0;
}

static void
test_mutations(void **state)
{
	char *base = read_text("tests/golden/config/valid-pair.yaml");
	size_t base_len = strlen(base), loaded = 0;
	char text[TEXT_MAX + 1];

	assert_true(base_len < TEXT_MAX / 2);
	for (int round = 0; round < ROUNDS; round++) {
		size_t len = base_len;

		memcpy(text, base, len + 1);
		for (size_t n = below(4) + 1; n > 0 && len > 0; n--)
			damage(text, &len);
		loaded += try(text, len);
	}
	/* Both ways have to be exercised, or this proves little. */
	assert_true(loaded > ROUNDS / 50);
	assert_true(loaded < ROUNDS / 2);
	free(base);
}

/* Cut after every byte. */
static void
test_prefixes(void **state)
{
	char *base = read_text("tests/golden/config/valid-pair.yaml");

	for (size_t len = 0; len < strlen(base); len++)
		try(base, len);
	free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
