/* SPDX-License-Identifier: Apache-2.0 */
/* Single values: every unit, and what must not be read as one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "config/near.h"
#include "config/text.h"
#include "base/mac.h"
#include "config/value.h"

struct number_case {
	const char *text;
	int r;
	int64_t v;
};

static void
test_number(void **state)
{
	static const struct number_case c[] = {
		{"0", 0, 0},
		{"-1", 0, -1},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775807", 0, -INT64_MAX},
		{"9223372036854775808", -ERANGE, 0},
		{"18446744073709551615", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-", -EINVAL, 0},
		{"-0", -EINVAL, 0},
		{"--1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"01", -EINVAL, 0},
		{"00", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1_000", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		int64_t v = 4711;
		int r = value_number(c[i].text, &v);

		if (r != c[i].r || v != (r == 0 ? c[i].v : 4711))
			fail_msg("\"%s\": %d, %lld", c[i].text, r, (long long)v);
	}
}

struct scaled_case {
	const struct unit *units;
	const char *text;
	int r;
	uint64_t v;
	const char *back; /* NULL: the same text */
};

static void
test_scaled(void **state)
{
	static const struct scaled_case c[] = {
		{unit_size, "0", 0, 0, NULL},
		{unit_size, "1", 0, 1, NULL},
		{unit_size, "1023", 0, 1023, NULL},
		{unit_size, "1024", 0, 1024, "1Ki"},
		{unit_size, "4Ki", 0, 4096, NULL},
		{unit_size, "512Mi", 0, 512ull << 20, NULL},
		{unit_size, "8Gi", 0, 8ull << 30, NULL},
		{unit_size, "1536Mi", 0, 1536ull << 20, NULL},
		{unit_size, "0Gi", 0, 0, "0"},
		{unit_size, "8589934591Gi", 0, 8589934591ull << 30, NULL},
		{unit_size, "8589934592Gi", -ERANGE, 0, NULL},
		{unit_size, "99999999999999999999Gi", -ERANGE, 0, NULL},
		{unit_size, "18014398509481985Ki", -ERANGE, 0, NULL},
		{unit_size, "8G", -EINVAL, 0, NULL},
		{unit_size, "8gi", -EINVAL, 0, NULL},
		{unit_size, "8 Gi", -EINVAL, 0, NULL},
		{unit_size, "8GiB", -EINVAL, 0, NULL},
		{unit_size, "1.5Gi", -EINVAL, 0, NULL},
		{unit_size, "-1Gi", -EINVAL, 0, NULL},
		{unit_size, "Gi", -EINVAL, 0, NULL},
		{unit_size, "08Gi", -EINVAL, 0, NULL},
		{unit_duration, "50us", 0, 50000, NULL},
		{unit_duration, "20ms", 0, 20000000, NULL},
		{unit_duration, "1000ms", 0, 1000000000, "1s"},
		{unit_duration, "300s", 0, 300000000000ull, NULL},
		{unit_duration, "0s", 0, 0, "0us"},
		{unit_duration, "9223372036s", 0, 9223372036000000000ull, NULL},
		{unit_duration, "9223372037s", -ERANGE, 0, NULL},
		{unit_duration, "300", -EINVAL, 0, NULL},
		{unit_duration, "5m", -EINVAL, 0, NULL},
		{unit_duration, "5ns", -EINVAL, 0, NULL},
		{unit_rate, "64kbps", 0, 64000, NULL},
		{unit_rate, "5000Mbps", 0, 5000000000ull, "5Gbps"},
		{unit_rate, "2Gbps", 0, 2000000000ull, NULL},
		{unit_rate, "2GBps", -EINVAL, 0, NULL},
		{unit_rate, "2", -EINVAL, 0, NULL},
		{unit_rate, "2Kbps", -EINVAL, 0, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		char buf[VALUE_LEN];
		uint64_t v = 4711;
		int r = value_scaled(c[i].text, c[i].units, &v);

		if (r != c[i].r || v != (r == 0 ? c[i].v : 4711))
			fail_msg("\"%s\": %d, %llu", c[i].text, r, (unsigned long long)v);
		if (r == 0)
			assert_string_equal(value_format(v, c[i].units, buf),
					    c[i].back ? c[i].back : c[i].text);
	}
}

static void
test_bool(void **state)
{
	static const char *const bad[] = {"", "yes", "True", "on", "1", "falsee"};
	bool v = false;

	assert_int_equal(value_bool("true", &v), 0);
	assert_true(v);
	assert_int_equal(value_bool("false", &v), 0);
	assert_false(v);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(value_bool(bad[i], &v), -EINVAL);
}

static void
test_mac(void **state)
{
	static const char *const bad[] = {
		"",
		"02:00:00:00:01",
		"02:00:00:00:01:0",
		"02:00:00:00:01:011",
		"02-00-00-00-01-01",
		"02:00:00:00:01:0g",
		"020:0:00:00:01:01",
		"02:00:00:00:01:01:",
		"::::::::::::::::::",
		":::::::::::::::::",
	};
	static const uint8_t want[6] = {0x02, 0xab, 0xcd, 0xef, 0x00, 0x99};
	uint8_t mac[6] = {0};
	char buf[VALUE_LEN];

	assert_int_equal(mac_parse("02:aB:Cd:EF:00:99", mac), 0);
	assert_memory_equal(mac, want, 6);
	assert_string_equal(value_format_mac(mac, buf), "02:ab:cd:ef:00:99");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (mac_parse(bad[i], mac) != -EINVAL)
			fail_msg("\"%s\" was taken for a MAC", bad[i]);
		assert_memory_equal(mac, want, 6);
	}
}

static void
test_label(void **state)
{
	static const char *const good[] = {
		"a",
		"0",
		"fw1",
		"a-b",
		"a--b",
		"123",
		"a23456789012345678901234567890123456789012345678901234567890123"};
	static const char *const bad[] = {
		"",         "-a",
		"a-",       "A",
		"a_b",      "a.b",
		"a b",      "a/b",
		"\xc3\xa4", "a\nb",
		"a\x01b",   "..",
		"a:b",      "a234567890123456789012345678901234567890123456789012345678901234"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(value_is_label(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (value_is_label(bad[i]))
			fail_msg("\"%s\" was taken for a label", bad[i]);
}

static void
test_plain_text(void **state)
{
	static const char *const good[] = {"", "a b", "\xc3\xa4\xe2\x82\xac", "\xf0\x9f\x98\x80",
					   "~"};
	static const char *const bad[] = {
		"a\nb",             /* line feed */
		"\x1b[31m",         /* escape */
		"\x7f",             /* delete */
		"\xc2\x85",         /* next line */
		"\xc2\x9b",         /* control sequence introducer */
		"\xe2\x80\xa8",     /* line separator */
		"\xe2\x80\xae",     /* right-to-left override */
		"\xe2\x80\x8f",     /* right-to-left mark */
		"\xe2\x81\xa6",     /* left-to-right isolate */
		"\xef\xbb\xbf",     /* byte order mark */
		"\xef\xbf\xbf",     /* not a character */
		"\xf0\x9f\xbf\xbe", /* nor is U+1FFFE */
		"ok\xe2\x80",       /* cut off: what is left is judged, nothing beyond it is read */
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(text_is_plain(good[i], strlen(good[i])));
	for (size_t i = 0; i + 1 < ARRAY_SIZE(bad); i++)
		if (text_is_plain(bad[i], strlen(bad[i])))
			fail_msg("text %zu was taken for plain", i);
	text_is_plain(bad[ARRAY_SIZE(bad) - 1], strlen(bad[ARRAY_SIZE(bad) - 1]));
}

static void
test_quote(void **state)
{
	char buf[QUOTED_LEN], longest[300];

	assert_string_equal(text_quote("", buf), "\"\"");
	assert_string_equal(text_quote("fw 1", buf), "fw 1");
	assert_string_equal(text_quote("a\n\x1b\xc3\xa4", buf), "a\\x0a\\x1b\\xc3\\xa4");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	text_quote(longest, buf);
	assert_true(strlen(buf) < QUOTED_LEN);
	assert_string_equal(buf + strlen(buf) - 4, "x...");
	memset(longest, '\n', sizeof(longest) - 1);
	text_quote(longest, buf);
	assert_string_equal(buf + strlen(buf) - 7, "\\x0a...");
	longest[63] = '\0';
	memset(longest, 'y', 63);
	assert_string_equal(text_quote(longest, buf), longest); /* any name fits */
}

/* What is nearest to @word among @n candidates, or NULL. */
static const char *
nearest(const char *word, const char *const *candidate, size_t n)
{
	struct near near = {.word = word};

	for (size_t i = 0; i < n; i++)
		near_try(&near, candidate[i]);
	return near.best;
}

static void
test_near(void **state)
{
	static const char *const key[] = {"vcpus", "policy",   "threads",
					  "pin",   "emulator", "realtime"};
	char long_word[200], hint[NEAR_HINT_LEN];
	struct near near = {.word = "x"};

	assert_string_equal(nearest("vcpu", key, ARRAY_SIZE(key)), "vcpus");
	assert_string_equal(nearest("VCPUS", key, ARRAY_SIZE(key)), "vcpus");
	assert_string_equal(nearest("vpcus", key, ARRAY_SIZE(key)),
			    "vcpus"); /* a swap is one slip */
	assert_string_equal(nearest("realTime", key, ARRAY_SIZE(key)), "realtime");
	assert_string_equal(nearest("pni", key, ARRAY_SIZE(key)), "pin");
	assert_string_equal(nearest("emulatr", key, ARRAY_SIZE(key)), "emulator");
	assert_null(nearest("disks", key, ARRAY_SIZE(key)));
	assert_null(nearest("", key, ARRAY_SIZE(key)));
	memset(long_word, 'v', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	assert_null(nearest(long_word, key, ARRAY_SIZE(key)));
	near_try(&near, long_word);
	assert_string_equal(near_hint(&near, hint), "");
	near_try(&near, "xy");
	near_try(&near, "xz");
	assert_string_equal(near_hint(&near, hint), "; did you mean xy?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number), cmocka_unit_test(test_scaled),
		cmocka_unit_test(test_bool),   cmocka_unit_test(test_mac),
		cmocka_unit_test(test_label),  cmocka_unit_test(test_plain_text),
		cmocka_unit_test(test_quote),  cmocka_unit_test(test_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
