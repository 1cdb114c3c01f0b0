/* SPDX-License-Identifier: Apache-2.0 */
/* CPU sets: the list form both ways, edges of words and of the whole set, and the operators. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpuset.h"
#include "base/util.h"

struct list_case {
	const char *text, *back; /* NULL: the same */
	unsigned int count;
};

static void
test_lists(void **state)
{
	static const struct list_case c[] = {
		{"", NULL, 0},          {"0", NULL, 1},
		{"0-3", NULL, 4},       {"0-3,8,10-11", NULL, 7},
		{"63-64", NULL, 2},     {"1023", NULL, 1},
		{"0-1023", NULL, 1024}, {"3,1,2", "1-3", 3},
		{"1,1,1-1", "1", 1},    {"0-5,3-8", "0-8", 9},
		{"007", "7", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		struct cpuset s;
		char buf[256];

		assert_int_equal(cpuset_parse(c[i].text, &s), 0);
		assert_int_equal(cpuset_count(&s), c[i].count);
		assert_int_equal(cpuset_empty(&s), c[i].count == 0);
		assert_string_equal(cpuset_format(&s, buf, sizeof(buf)),
				    c[i].back ? c[i].back : c[i].text);
	}
}

static void
test_bad_lists(void **state)
{
	static const struct {
		const char *text;
		int r;
	} c[] = {
		{",", -EINVAL},
		{"1,", -EINVAL},
		{",1", -EINVAL},
		{"1,,2", -EINVAL},
		{"-1", -EINVAL},
		{"1-", -EINVAL},
		{"3-1", -EINVAL},
		{"1-2-3", -EINVAL},
		{"a", -EINVAL},
		{"1 ", -EINVAL},
		{" 1", -EINVAL},
		{"0x1", -EINVAL},
		{"1.5", -EINVAL},
		{"1024", -ERANGE},
		{"0-1024", -ERANGE},
		{"4294967296", -ERANGE},
		{"99999999999999999999", -ERANGE},
	};
	struct cpuset s;

	cpuset_zero(&s);
	cpuset_add(&s, 5);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		if (cpuset_parse(c[i].text, &s) != c[i].r)
			fail_msg("\"%s\"", c[i].text);
		assert_true(cpuset_has(&s, 5));
		assert_int_equal(cpuset_count(&s), 1);
	}
}

static void
test_members(void **state)
{
	struct cpuset s;

	cpuset_zero(&s);
	assert_int_equal(cpuset_next(&s, 0), -1);
	cpuset_add(&s, 64);
	cpuset_add(&s, 1023);
	cpuset_add(&s, 1024); /* ignored */
	cpuset_add(&s, UINT32_MAX);
	assert_int_equal(cpuset_count(&s), 2);
	assert_false(cpuset_has(&s, 1024));
	assert_false(cpuset_has(&s, UINT32_MAX));
	assert_int_equal(cpuset_next(&s, 0), 64);
	assert_int_equal(cpuset_next(&s, 64), 64);
	assert_int_equal(cpuset_next(&s, 65), 1023);
	assert_int_equal(cpuset_next(&s, 1024), -1);
	assert_int_equal(cpuset_next(&s, UINT32_MAX), -1);
	cpuset_del(&s, 1024);
	cpuset_del(&s, 64);
	assert_int_equal(cpuset_next(&s, 0), 1023);
}

static void
test_for_each(void **state)
{
	static const int want[] = {0, 63, 64, 127, 1023};
	struct cpuset s;
	size_t n = 0;

	assert_int_equal(cpuset_parse("0,63-64,127,1023", &s), 0);
	cpuset_for_each (cpu, &s) {
		assert_true(n < ARRAY_SIZE(want));
		assert_int_equal(cpu, want[n++]);
	}
	assert_int_equal(n, ARRAY_SIZE(want));
}

static void
test_operators(void **state)
{
	struct cpuset a, b, want;

	cpuset_parse("0-3,70", &a);
	cpuset_parse("2-5,1000", &b);
	cpuset_or(&a, &b);
	cpuset_parse("0-5,70,1000", &want);
	assert_true(cpuset_equal(&a, &want));
	cpuset_and(&a, &b);
	assert_true(cpuset_equal(&a, &b));
	cpuset_parse("3,1000", &want);
	cpuset_minus(&a, &want);
	cpuset_parse("2,4-5", &want);
	assert_true(cpuset_equal(&a, &want));
	assert_false(cpuset_equal(&a, &b));
}

/* The longest lists there can be: pairs, and every second CPU. Cut anywhere, one stays terminated. */
static void
test_short_buffer(void **state)
{
	struct cpuset s, back;
	char buf[CPUSET_TEXT_MAX];

	cpuset_zero(&s);
	for (unsigned int cpu = 0; cpu < CPUSET_MAX; cpu++)
		if (cpu % 3)
			cpuset_add(&s, cpu);
	assert_int_equal(cpuset_parse(cpuset_format(&s, buf, sizeof(buf)), &back), 0);
	assert_true(cpuset_equal(&s, &back));
	cpuset_zero(&s);
	for (unsigned int cpu = 0; cpu < CPUSET_MAX; cpu += 2)
		cpuset_add(&s, cpu);
	cpuset_format(&s, buf, sizeof(buf));
	assert_int_equal(cpuset_parse(buf, &back), 0);
	assert_true(cpuset_equal(&s, &back));
	for (size_t size = 1; size < 40; size++) {
		memset(buf, 'x', sizeof(buf));
		cpuset_format(&s, buf, size);
		assert_true(memchr(buf, '\0', size) != NULL);
		assert_int_equal(buf[size], 'x');
	}
	buf[0] = 'x';
	cpuset_format(&s, buf, 0);
	assert_int_equal(buf[0], 'x');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),     cmocka_unit_test(test_bad_lists),
		cmocka_unit_test(test_members),   cmocka_unit_test(test_for_each),
		cmocka_unit_test(test_operators), cmocka_unit_test(test_short_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
