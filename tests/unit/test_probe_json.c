/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON that the probe writes, read back by a library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "bench/probe/json.h"

static char text[8192];
static size_t len;

static void
put(void *arg, const char *s, size_t n)
{
	assert_ptr_equal(arg, text);
	assert_true(n > 0 && len + n < sizeof(text));
	memcpy(text + len, s, n);
	len += n;
	text[len] = '\0';
}

static struct json j = {.put = put, .arg = text};

static json_t *
parsed(void)
{
	json_error_t e;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);

	if (!root)
		fail_msg("%s in %s", e.text, text);
	return root;
}

static void
test_numbers(void **state)
{
	json_t *root;

	len = 0;
	json_open(&j, "result");
	json_u64(&j, "zero", 0);
	json_u64(&j, "big", INT64_MAX);
	json_i64(&j, "min", INT64_MIN);
	json_i64(&j, "minus", -1);
	json_i64(&j, "plus", 42);
	json_hex(&j, "hex", 0xfedcba9876543210ull);
	json_hex(&j, "hex0", 0);
	json_bool(&j, "yes", true);
	json_bool(&j, "no", false);
	json_mac(&j, "mac", (const uint8_t[6]){0x52, 0x54, 0, 0xab, 0xcd, 0xef});
	json_close(&j);
	assert_int_equal(text[len - 1], '\n');
	assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	root = parsed();
	assert_string_equal(json_string_value(json_object_get(root, "probe")), "result");
	assert_int_equal(json_integer_value(json_object_get(root, "zero")), 0);
	assert_int_equal(json_integer_value(json_object_get(root, "big")), INT64_MAX);
	assert_true(json_integer_value(json_object_get(root, "min")) == INT64_MIN);
	assert_int_equal(json_integer_value(json_object_get(root, "minus")), -1);
	assert_int_equal(json_integer_value(json_object_get(root, "plus")), 42);
	assert_string_equal(json_string_value(json_object_get(root, "hex")), "0xfedcba9876543210");
	assert_string_equal(json_string_value(json_object_get(root, "hex0")), "0x0");
	assert_true(json_is_true(json_object_get(root, "yes")));
	assert_true(json_is_false(json_object_get(root, "no")));
	assert_string_equal(json_string_value(json_object_get(root, "mac")), "52:54:00:ab:cd:ef");
	json_decref(root);
}

/* Every byte that a command line may hold arrives as that code point, and the line stays ASCII. */
static void
test_any_byte(void **state)
{
	char value[256];
	const char *got;
	json_t *root;

	for (int i = 0; i < 255; i++)
		value[i] = (char)(i + 1);
	value[255] = '\0';
	len = 0;
	json_open(&j, "start");
	json_str(&j, "cmdline", value);
	json_str(&j, "empty", "");
	json_close(&j);
	for (size_t i = 0; i + 1 < len; i++)
		assert_in_range(text[i], 0x20, 0x7e);
	root = parsed();
	got = json_string_value(json_object_get(root, "cmdline"));
	for (int i = 1; i < 128; i++)
		assert_int_equal(*got++, i);
	for (int i = 128; i < 256; i++) { /* UTF-8 of U+0080..U+00FF */
		assert_int_equal((unsigned char)*got++, 0xc0 | i >> 6);
		assert_int_equal((unsigned char)*got++, 0x80 | (i & 0x3f));
	}
	assert_string_equal(json_string_value(json_object_get(root, "empty")), "");
	json_decref(root);
}

static void
test_nesting(void **state)
{
	json_t *root, *map;

	len = 0;
	json_open(&j, "boot");
	json_begin(&j, "map", '[');
	for (unsigned int i = 0; i < 3; i++) {
		json_begin(&j, NULL, '{');
		json_u64(&j, "a", i);
		json_u64(&j, "b", i * 2);
		json_end(&j, '}');
	}
	json_end(&j, ']');
	json_begin(&j, "none", '[');
	json_end(&j, ']');
	json_str_begin(&j, "hist");
	put(text, "1 2 3", 5);
	json_str_end(&j);
	json_u64(&j, "after", 1);
	json_close(&j);
	root = parsed();
	map = json_object_get(root, "map");
	assert_int_equal(json_array_size(map), 3);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(map, 2), "b")), 4);
	assert_int_equal(json_array_size(json_object_get(root, "none")), 0);
	assert_string_equal(json_string_value(json_object_get(root, "hist")), "1 2 3");
	assert_int_equal(json_integer_value(json_object_get(root, "after")), 1);
	json_decref(root);
}

static void
test_fmt(void **state)
{
	char buf[FMT_U64_MAX];

	assert_int_equal(fmt_u64(buf, 0), 1);
	assert_string_equal(buf, "0");
	assert_int_equal(fmt_u64(buf, UINT64_MAX), 20);
	assert_string_equal(buf, "18446744073709551615");
	assert_int_equal(fmt_u64(buf, 1000), 4);
	assert_string_equal(buf, "1000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_any_byte),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_fmt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
