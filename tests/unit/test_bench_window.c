/* SPDX-License-Identifier: Apache-2.0 */
/* The words that describe a window of corelane-load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "bench/load/load.h"

static void
test_defaults_and_every_key(void **state)
{
	char *words[] = {"rate",        "seconds=2.5", "warmup=0",   "rate=1e6",
			 "busy=4",      "count=7",     "one_way=1",  "c2c=1",
			 "size=1518",   "histogram=1", "pairs=1000", "mesh=1",
			 "broadcast=1", "rewrite=1",   "gap=0.01",   "seed=18446744073709551615"};
	struct window w;
	struct err e = {0};

	assert_int_equal(window_parse(&w, words, 1, &e), 0);
	assert_string_equal(w.mode, "rate");
	assert_int_equal(w.frames.size, 64);
	assert_int_equal(w.frames.pairs, 1);
	assert_int_equal(w.busy, 2);
	assert_false(w.c2c);
	assert_int_equal(window_parse(&w, words, ARRAY_SIZE(words) - 1, &e), 0);
	assert_true(w.seconds == 2.5 && w.warmup == 0 && w.rate == 1e6);
	assert_int_equal(w.busy, 4);
	assert_int_equal(w.count, 7);
	assert_int_equal(w.frames.size, 1518);
	assert_int_equal(w.frames.pairs, 1000);
	assert_true(w.one_way && w.c2c && w.histogram && w.frames.mesh);
	assert_true(w.frames.broadcast && w.frames.rewrite && w.gap == 0.01);
	/* Above what the key allows: 1.8e19. */
	assert_int_equal(window_parse(&w, words, ARRAY_SIZE(words), &e), -EINVAL);
}

static void
test_bad_words_are_named(void **state)
{
	static char *const bad[] = {
		"size=59", "size=9019", "size=64.5", "size=",       "size",        "size=64x",
		"=64",     "",          "siz=64",    "seconds=-1",  "seconds=nan", "seconds=inf",
		"busy=3",  "busy=1",    "pairs=0",   "pairs=65537", "mesh=2",      "count=1e7",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *words[] = {"flood", bad[i]};
		struct window w = {.seconds = -7};
		struct err e = {0};

		assert_int_equal(window_parse(&w, words, 2, &e), -EINVAL);
		assert_true(strncmp(e.text, bad[i], strlen(bad[i])) == 0);
		assert_true(w.seconds == -7); /* untouched */
	}
}

static void
test_no_mode(void **state)
{
	char *words[] = {"a-mode-with-too-long-a-name"};
	struct window w;
	struct err e;

	assert_int_equal(window_parse(&w, words, 0, &e), -EINVAL);
	assert_int_equal(window_parse(&w, words, 1, &e), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_and_every_key),
		cmocka_unit_test(test_bad_words_are_named),
		cmocka_unit_test(test_no_mode),
	};

	return cmocka_run_group_tests_name("bench_window", tests, NULL, NULL);
}
