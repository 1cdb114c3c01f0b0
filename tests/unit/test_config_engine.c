/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine with a table of the test's own: types that no released key has yet, and every way in
 * which a value can be of the wrong shape.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "config/bind.h"
#include "config/schema.h"
#include "config/types.h"

struct thing {
	struct where where;
	bool flag;
	uint64_t rate, size, wait;
	int16_t small;
	struct where flag_where;
	struct item {
		struct where where;
		uint8_t v;
	} * items;
	size_t n_items;
};

#define FIELD(type, member)                                                                        \
	.offset = offsetof(struct type, member), .width = sizeof(((struct type *)0)->member)

static const struct config_key item_keys[] = {
	{.name = "v", .type = KEY_NUMBER, FIELD(item, v), .min = 1, .max = 255},
};
static const struct config_schema item_schema = {.what = "item",
						 .key = item_keys,
						 .n = 1,
						 .size = sizeof(struct item)};

static const struct config_key inner_keys[] = {
	{.name = "size",
	 .type = KEY_SIZE,
	 .flags = KEY_REQUIRED,
	 FIELD(thing, size),
	 .max = 4096,
	 .step = 512,
	 .help = "how large"},
	{.name = "wait",
	 .type = KEY_DURATION,
	 .dflt = "never",
	 FIELD(thing, wait),
	 .min = 1000,
	 .max = 5000000,
	 .words = (const struct config_word[]){{"never", 0}, {"briefly", 7}, {NULL, 0}}},
};
static const struct config_schema inner_schema = {.what = "inner",
						  .key = inner_keys,
						  .n = ARRAY_SIZE(inner_keys)};

static const struct config_key thing_keys[] = {
	{.name = "flag",
	 .type = KEY_BOOL,
	 .flags = KEY_WHERE,
	 .dflt = "true",
	 FIELD(thing, flag),
	 .where = offsetof(struct thing, flag_where)},
	{.name = "rate",
	 .type = KEY_RATE,
	 .dflt = "1Gbps",
	 FIELD(thing, rate),
	 .min = 1000,
	 .max = 5000000000},
	{.name = "inner", .type = KEY_OBJECT, .sub = &inner_schema},
	{.name = "items",
	 .type = KEY_LIST,
	 .sub = &item_schema,
	 FIELD(thing, items),
	 .aux = offsetof(struct thing, n_items),
	 .max = 2},
};
static const struct config_schema thing_schema = {.what = "thing",
						  .key = thing_keys,
						  .n = ARRAY_SIZE(thing_keys),
						  .size = sizeof(struct thing)};

/* Binds @yaml to *@ret; the complaints come as one text, which the caller frees. */
static char *
bind_text(const char *yaml, struct thing *ret)
{
	struct problems p = {0};
	struct config_problems out;
	struct arena arena = {0};
	size_t budget = NODE_COUNT_MAX;
	struct node *docs = NULL;
	char *all = calloc(1, 8192);

	memset(ret, 0, sizeof(*ret));
	assert_non_null(all);
	assert_int_equal(node_read("t", yaml, strlen(yaml), &arena, &budget, &p, &docs), 0);
	assert_int_equal(bind_document(&thing_schema, docs->first, "it", &p, &arena, ret), 0);
	problem_finish(&p, &out);
	for (size_t i = 0; i < out.n; i++)
		snprintf(all + strlen(all), 8192 - strlen(all), "%s%s", i ? "\n" : "",
			 out.item[i].text);
	config_problems_free(&out);
	arena_free(&arena);
	return all;
}

static void
assert_bound(const char *yaml, const char *want, struct thing *ret)
{
	char *got = bind_text(yaml, ret);

	assert_string_equal(got, want);
	free(got);
}

static void
test_good(void **state)
{
	struct thing t;

	assert_bound(
		"{flag: false, rate: 64kbps, inner: {size: 1Ki, wait: 5ms}, items: [{v: 255}]}", "",
		&t);
	assert_false(t.flag);
	assert_int_equal(t.flag_where.line, 1);
	assert_int_equal(t.flag_where.column, 8);
	assert_int_equal(t.rate, 64000);
	assert_int_equal(t.size, 1024);
	assert_int_equal(t.wait, 5000000);
	assert_int_equal(t.n_items, 1);
	assert_int_equal(t.items[0].v, 255);
	assert_int_equal(t.items[0].where.column, 68);
	free(t.items);
}

static void
test_defaults(void **state)
{
	struct thing t;

	assert_bound("{}", "", &t);
	assert_true(t.flag);
	assert_int_equal(t.flag_where.line, 0);
	assert_int_equal(t.rate, 1000000000);
	assert_int_equal(t.size, 0);
	assert_int_equal(t.wait, 0);
	assert_null(t.items);
	assert_bound("{inner: {size: 0, wait: briefly}, items: }", "", &t);
	assert_int_equal(t.wait, 7);
}

static void
test_bad_values(void **state)
{
	struct thing t;

	assert_bound("flag: yes\n"
		     "rate: 999\n"
		     "inner: {size: 700, wait: 6ms}\n",
		     "t:1:7: it: flag yes is not true or false\n"
		     "t:2:7: it: rate 999 is not a rate such as 500Mbps\n"
		     "t:3:15: it: size 700 is not a multiple of 512\n"
		     "t:3:26: it: wait 6ms is not 1us..5ms",
		     &t);
	assert_true(t.flag); /* the default stays behind */
	assert_bound("rate: 6Gbps\n"
		     "inner: {wait: soon, size: 99999999999999999999Gi}\n",
		     "t:1:7: it: rate 6Gbps is not 1kbps..5Gbps\n"
		     "t:2:15: it: wait soon is not a time such as 300s, 20ms or 50us, or never or "
		     "briefly\n"
		     "t:2:27: it: size 99999999999999999999Gi is not 0..4Ki",
		     &t);
}

static void
test_bad_shapes(void **state)
{
	struct thing t;

	assert_bound("flag: {a: b}\nrate: [1Gbps]\ninner: 5\nitems: {v: 1}\n",
		     "t:1:7: it: flag is a mapping; a single value is wanted\n"
		     "t:2:7: it: rate is a list; a single value is wanted\n"
		     "t:3:8: it: inner is a single value; a mapping is wanted\n"
		     "t:4:8: it: items is a mapping; a list is wanted",
		     &t);
	assert_bound("flag:\ninner:\nitems: [{v: 1}, {v: 2}, {v: 3}]\n",
		     "t:1:6: it: flag has no value\n"
		     "t:2:7: it: key size is missing in inner (how large)\n"
		     "t:3:8: it: items has 3 items; at most 2 are possible",
		     &t);
	assert_null(t.items);
	assert_bound("items: [{v: 0}, {w: 1}]\n",
		     "t:1:13: it, item #1: v 0 is not 1..255\n"
		     "t:1:18: it, item #2: unknown key w in item; did you mean v?",
		     &t);
	assert_int_equal(t.n_items, 2);
	free(t.items);
	assert_bound("[1, 2]", "t:1:1: it: thing is a list; a mapping is wanted", &t);
}

/* Every type prints what it reads. */
static void
test_print(void **state)
{
	struct thing t = {.flag = true, .rate = 2500000, .size = 2048, .wait = 0};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	type_print(&thing_keys[0], &t, NULL, out);
	fputc(' ', out);
	t.flag = false;
	type_print(&thing_keys[0], &t, NULL, out);
	fputc(' ', out);
	type_print(&thing_keys[1], &t, NULL, out);
	fputc(' ', out);
	type_print(&inner_keys[0], &t, NULL, out);
	fputc(' ', out);
	type_print(&inner_keys[1], &t, NULL, out);
	fclose(out);
	assert_string_equal(text, "true false 2500kbps 2Ki never");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),       cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_bad_values), cmocka_unit_test(test_bad_shapes),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
