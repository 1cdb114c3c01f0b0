/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table itself: its defaults are valid, its rows make sense, the manual page has every one of
 * them, and the manual's example loads.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/node.h"
#include "config/schema.h"
#include "config/types.h"
#include "tests/unit/config_util.h"

#define MANUAL     "docs/man/corelane.yaml.5"
#define VOCABULARY "tests/golden/config/invalid-vocabulary.yaml"

typedef void visit_fn(const struct config_schema *s, const struct config_key *k, void *arg);

static void
visit(const struct config_schema *s, visit_fn *fn, void *arg)
{
	for (size_t i = 0; i < s->n; i++) {
		fn(s, &s->key[i], arg);
		if (s->key[i].sub)
			visit(s->key[i].sub, fn, arg);
	}
}

static void
visit_all(visit_fn *fn, void *arg)
{
	for (int k = 0; k < KIND_COUNT; k++)
		visit(&config_kind[k].schema, fn, arg);
}

static void
check_row(const struct config_schema *s, const struct config_key *k, void *arg)
{
	static union {
		char bytes[1 << 16];
		max_align_t align;
	} any;
	char why[COMPLAINT_LEN] = "?";

	assert_non_null(k->help);
	assert_true(k->max == 0 || k->min <= k->max);
	if (k->dflt && type_is_scalar(k->type) && type_parse(k, k->dflt, any.bytes, why) < 0)
		fail_msg("%s.%s: default %s: %s", s->what, k->name, k->dflt, why);
	if ((k->flags & KEY_REQUIRED) && k->dflt)
		fail_msg("%s.%s: required, and a default", s->what, k->name);
	if (k->flags & (KEY_ONE_OF | KEY_BELONGS))
		assert_true(s->tag_width > 0);
	if (k->type == KEY_OBJECT || k->type == KEY_LIST)
		assert_non_null(k->sub);
	for (const struct config_key *other = s->key; other < k; other++)
		assert_string_not_equal(other->name, k->name);
	++*(int *)arg;
}

static void
test_rows(void **state)
{
	int rows = 0;

	visit_all(check_row, &rows);
	assert_true(rows > 115);
}

/* Whether @word stands in a key's place of @text: behind "Ic " or among the list of later ones. */
static bool
has_key(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *line = text; line; line = strchr(line + 1, '\n')) {
		const char *p = strstr(line, "Ic "), *end = strchrnul(line + 1, '\n');

		for (p = p && p < end ? p + 3 : end; p < end; p += strcspn(p, " \n") + 1)
			if (strncmp(p, word, len) == 0 && strchr(" \n", p[len]))
				return true;
	}
	return false;
}

static void
check_manual(const struct config_schema *s, const struct config_key *k, void *arg)
{
	const char *manual = arg, *later = strstr(manual, ".Ss Not supported yet");

	assert_non_null(later);
	if (!has_key(k->type == KEY_LATER ? later : manual, k->name))
		fail_msg("%s: no word about %s.%s", MANUAL, s->what, k->name);
	for (const struct config_word *w = k->words; w && w->name; w++)
		if (!strstr(manual, w->name))
			fail_msg("%s: no word about %s.%s: %s", MANUAL, s->what, k->name, w->name);
}

static void
test_manual(void **state)
{
	char *manual = read_text(MANUAL);

	assert_false(has_key(manual, "bogus"));
	assert_false(has_key(manual, "Required"));
	visit_all(check_manual, manual);
	free(manual);
}

static void
test_manual_example(void **state)
{
	char *manual = read_text(MANUAL), *text, *end;

	text = strstr(manual, ".Bd -literal\n");
	assert_non_null(text);
	text += strlen(".Bd -literal\n");
	end = strstr(text, ".Ed\n");
	assert_non_null(end);
	*end = '\0';
	assert_complaints(text, "");
	free(manual);
}

static void
test_examples(void **state)
{
	glob_t files;

	assert_int_equal(glob("examples/*.yaml", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 3);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *text = read_text(files.gl_pathv[i]);

		assert_complaints(text, "");
		free(text);
	}
	globfree(&files);
}

/* Every key of @n is a row of @s; what lies below one that is not supported yet is not looked at. */
static void
check_known(const struct config_schema *s, const struct node *n, size_t *later)
{
	for (const struct node *c = n->first; c; c = c->next) {
		const struct config_key *k = NULL;

		for (size_t i = 0; i < s->n; i++)
			if (strcmp(s->key[i].name, c->key->text) == 0)
				k = &s->key[i];
		if (!k)
			fail_msg("%s:%u: %s is no row of %s", VOCABULARY, c->key->where.line,
				 c->key->text, s->what);
		*later += k->type == KEY_LATER;
		if (k->type == KEY_LIST)
			for (const struct node *item = c->first; item; item = item->next)
				check_known(k->sub, item, later);
		else if (k->sub)
			check_known(k->sub, c, later);
	}
}

/* The vocabulary of the design: each key is supported, or refused by name, and counted so. */
static void
test_vocabulary(void **state)
{
	char *text = read_text(VOCABULARY), *refused = complaints(text);
	struct config_problems out;
	struct problems p = {0};
	struct arena arena = {0};
	size_t budget = NODE_COUNT_MAX;
	struct node *docs;
	size_t later = 0, lines = 0;
	int kind = 0;

	assert_int_equal(node_read("v", text, strlen(text), &arena, &budget, &p, &docs), 0);
	assert_int_equal(problem_finish(&p, &out), 0);
	assert_int_equal(docs->n, KIND_COUNT);
	for (const struct node *doc = docs->first; doc; doc = doc->next)
		check_known(&config_kind[kind++].schema, doc, &later);
	for (const char *line = refused; line; line = strchr(line + 1, '\n'), lines++)
		assert_non_null(strstr(line, "is not supported yet"));
	assert_int_equal(lines, later);
	assert_true(later > 15);
	arena_free(&arena);
	free(refused);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),           cmocka_unit_test(test_manual),
		cmocka_unit_test(test_manual_example), cmocka_unit_test(test_examples),
		cmocka_unit_test(test_vocabulary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
