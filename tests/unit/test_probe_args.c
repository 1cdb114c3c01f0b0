/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the probe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "bench/probe/args.h"

static struct args a;
static char error[ARGS_ERROR_MAX];

static int
parse(const char *cmdline)
{
	args_default(&a);
	error[0] = '\0';
	return args_parse(&a, cmdline, error);
}

static void
test_defaults(void **state)
{
	assert_int_equal(parse(""), 0);
	assert_int_equal(a.mode, MODE_BOOT);
	assert_int_equal(a.out, OUT_SERIAL);
	assert_int_equal(a.rings, RINGS_SPLIT);
	assert_int_equal(a.rate, 100000);
	assert_int_equal(a.time, 1000000000);
	assert_int_equal(a.size[0], 64);
	assert_int_equal(a.n_sizes, 1);
	assert_false(a.rx.set);
	assert_int_equal(parse(" \t \n "), 0);
}

static void
test_every_mode_has_its_name(void **state)
{
	char word[64];

	for (uint32_t m = MODE_BOOT; m <= MODE_FAULT; m++) {
		snprintf(word, sizeof(word), "mode=%s", args_mode_name(m));
		assert_int_equal(parse(word), 0);
		assert_int_equal(a.mode, m);
	}
	assert_string_equal(args_mode_name(MODE_FAULT + 1), "?");
	assert_string_equal(args_mode_name(MODE_RNG), "rng");
	assert_string_equal(args_mode_name(MODE_TRIPLEFAULT), "triplefault");
}

static void
test_words(void **state)
{
	assert_int_equal(
		parse("mode=loop rate=2M size=64,570,1514 time=250ms warmup=3us wait=0 "
		      "threshold=7ns tx=1 rx=52:54:00:ab:CD:ef queues=4 rings=packed "
		      "out=console indirect=1 mrg=0 tsc=2596142000 ecam=0xe0000000 seed=9"),
		0);
	assert_int_equal(a.mode, MODE_LOOP);
	assert_int_equal(a.rate, 2000000);
	assert_int_equal(a.n_sizes, 3);
	assert_int_equal(a.size[1], 570);
	assert_int_equal(a.size[2], 1514);
	assert_int_equal(a.time, 250000000);
	assert_int_equal(a.warmup, 3000);
	assert_int_equal(a.wait, 0);
	assert_int_equal(a.threshold, 7);
	assert_int_equal(a.tx.index, 1);
	assert_true(a.rx.set && a.rx.by_mac);
	assert_memory_equal(a.rx.mac, "\x52\x54\x00\xab\xcd\xef", 6);
	assert_int_equal(a.queues, 4);
	assert_int_equal(a.rings, RINGS_PACKED);
	assert_int_equal(a.out, OUT_CONSOLE);
	assert_true(a.indirect);
	assert_false(a.mrg);
	assert_int_equal(a.tsc_hz, 2596142000);
	assert_int_equal(a.ecam, 0xe0000000);
	assert_int_equal(a.seed, 9);
	/* Bare times are seconds; the last word wins. */
	assert_int_equal(parse("time=2 time=3"), 0);
	assert_int_equal(a.time, 3000000000);
}

static void
test_errors_name_the_word(void **state)
{
	static const struct {
		const char *word, *says;
	} bad[] = {
		{"quiet", "not of the form key=value: quiet"},
		{"mood=loop", "unknown key: mood=loop"},
		{"=1", "unknown key: =1"},
		{"mode=", "malformed or out of range: mode="},
		{"mode=loo", "malformed or out of range: mode=loo"},
		{"mode=loops", "malformed or out of range: mode=loops"},
		{"rate=", "malformed or out of range: rate="},
		{"rate=-1", "malformed or out of range: rate=-1"},
		{"rate=1kk", "malformed or out of range: rate=1kk"},
		{"rate=1ms", "malformed or out of range: rate=1ms"},
		{"rate=2G", "malformed or out of range: rate=2G"},
		{"rate=99999999999999999999",
		 "malformed or out of range: rate=99999999999999999999"},
		{"count=18446744073709551615k", NULL},
		{"time=1k", "malformed or out of range: time=1k"},
		{"time=18446744073709551615", NULL},
		{"size=59", "malformed or out of range: size=59"},
		{"size=9217", NULL},
		{"size=", NULL},
		{"size=64,", NULL},
		{"size=,64", NULL},
		{"size=64,64,64,64,64,64,64,64,64", NULL},
		{"queues=0", NULL},
		{"queues=9", NULL},
		{"tx=16", NULL},
		{"tx=52:54:00:ab:cd:eg", NULL},
		{"tx=52-54-00-ab-cd-ee", NULL},
		{"src=1", NULL},
		{"ecam=0x", NULL},
		{"indirect=2", NULL},
		{"indirect=", NULL},
		{"check=01", NULL},
		{"threshold=0", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char cmdline[128];

		snprintf(cmdline, sizeof(cmdline), "mode=loop %s time=1", bad[i].word);
		assert_int_equal(parse(cmdline), -1);
		assert_non_null(strstr(error, bad[i].word));
		if (bad[i].says)
			assert_string_equal(error, bad[i].says);
	}
}

static void
test_long_word_is_cut(void **state)
{
	char *s = malloc(5001);

	memset(s, 'x', 5000);
	s[5000] = '\0';
	assert_int_equal(parse(s), -1);
	assert_int_equal(strlen(error), ARGS_ERROR_MAX - 1);
	free(s);
}

/* Whatever the bytes: an answer, a sentence with an error, values within their ranges. */
static void
test_damage(void **state)
{
	static const char good[] = "mode=loop rate=2M size=64,570 time=250ms rx=52:54:00:ab:cd:ef";

	srand(1);
	for (int round = 0; round < 200000; round++) {
		char s[sizeof(good)];

		memcpy(s, good, sizeof(s));
		for (int n = rand() % 4; n >= 0; n--)
			s[(size_t)rand() % (sizeof(s) - 1)] = (char)(rand() % 256);
		if (parse(s))
			assert_true(error[0]);
		assert_in_range(a.n_sizes, 1, ARGS_SIZES_MAX);
		for (uint32_t i = 0; i < a.n_sizes; i++)
			assert_in_range(a.size[i], 60, 9216);
		assert_in_range(a.mode, 0, MODE_FAULT);
		assert_in_range(a.queues, 1, 8);
		assert_in_range(a.rate, 0, 1000000000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_mode_has_its_name),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_errors_name_the_word),
		cmocka_unit_test(test_long_word_is_cut),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
