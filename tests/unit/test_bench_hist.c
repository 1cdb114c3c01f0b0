/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram against sorted samples: order, error bound, merging, and the text form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "bench/hist.h"

#define SAMPLES 20000

static struct hist h, g, back;
static uint64_t sample[SAMPLES];
static char text[HIST_TEXT_MAX];
static uint64_t seed = 88172645463325252ull;

/* xorshift64 (Marsaglia): the same values in every run. */
static uint64_t
next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Each bucket begins where the last one ended, and both of its ends map back to it. */
static void
test_buckets_tile_all_values(void **state)
{
	uint64_t expect = 0;

	for (unsigned int i = 0; i < HIST_BUCKETS; i++) {
		assert_int_equal(hist_low(i), expect);
		assert_int_equal(hist_index(hist_low(i)), i);
		assert_int_equal(hist_index(hist_high(i)), i);
		assert_true(hist_high(i) - hist_low(i) <= hist_low(i) / 128);
		expect = hist_high(i) + 1;
	}
	assert_int_equal(hist_high(HIST_BUCKETS - 1), UINT64_MAX);
}

static void
check_percentiles(void)
{
	static const uint32_t ps[] = {0, 1, 1000, 25000, 50000, 90000, 99000, 99900, 99990, 99999};

	qsort(sample, SAMPLES, sizeof(sample[0]), by_value);
	for (size_t i = 0; i < ARRAY_SIZE(ps); i++) {
		uint64_t rank = ((uint64_t)SAMPLES * ps[i] + 99999) / 100000;
		uint64_t truth = sample[rank ? rank - 1 : 0];
		uint64_t got = hist_percentile(&h, ps[i]);

		assert_true(got >= truth);
		assert_true(got - truth <= truth / 128);
	}
	assert_int_equal(hist_percentile(&h, 100000), sample[SAMPLES - 1]);
	assert_int_equal(h.max, sample[SAMPLES - 1]);
	assert_int_equal(h.min, sample[0]);
	assert_int_equal(h.count, SAMPLES);
}

static void
test_percentiles_within_one_percent(void **state)
{
	/* From nanoseconds to the whole range: spread evenly over octaves up to 2^bits. */
	for (unsigned int bits = 1; bits <= 64; bits++) {
		hist_reset(&h);
		for (size_t i = 0; i < SAMPLES; i++) {
			sample[i] = (next() | 1) >> (next() % bits + 64 - bits);
			hist_record(&h, sample[i]);
		}
		check_percentiles();
	}
}

static void
test_one_value_and_none(void **state)
{
	hist_reset(&h);
	assert_int_equal(hist_percentile(&h, 50000), 0);
	hist_record(&h, 1000001);
	assert_int_equal(hist_percentile(&h, 0), 1000001);
	assert_int_equal(hist_percentile(&h, 50000), 1000001);
	assert_int_equal(hist_percentile(&h, 4000000000u), 1000001);
}

static void
test_rank_does_not_overflow(void **state)
{
	hist_reset(&h);
	hist_record_n(&h, 10, UINT64_MAX / 2);
	hist_record_n(&h, 20, UINT64_MAX / 2);
	assert_int_equal(hist_percentile(&h, 50000), 10);
	assert_int_equal(hist_percentile(&h, 50001), 20);
}

static void
test_merge_equals_recording_both(void **state)
{
	static struct hist both;

	hist_reset(&h);
	hist_reset(&g);
	hist_reset(&both);
	hist_merge(&h, &g);
	assert_int_equal(h.count, 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t v = next() >> (next() % 64);

		hist_record(i % 3 ? &h : &g, v);
		hist_record(&both, v);
	}
	hist_merge(&g, &h);
	assert_memory_equal(&g, &both, sizeof(g));
}

static void
test_count_above(void **state)
{
	hist_reset(&h);
	for (uint64_t v = 0; v < 256; v++)
		hist_record(&h, v);
	assert_int_equal(hist_count_above(&h, 99), 156);
	assert_int_equal(hist_count_above(&h, 255), 0);
	assert_int_equal(hist_count_above(&h, UINT64_MAX), 0);
}

static void
test_text_round_trips(void **state)
{
	for (int round = 0; round < 50; round++) {
		size_t len;

		hist_reset(&h);
		for (int i = 0; i < round * 20; i++)
			hist_record_n(&h, next() >> (next() % 64), 1 + next() % 1000);
		len = hist_format(&h, text, sizeof(text));
		assert_int_equal(len, strlen(text));
		assert_int_equal(hist_parse(&back, text, len), 0);
		assert_memory_equal(&h, &back, sizeof(h));
		/* It fits exactly, and not with one byte less. */
		assert_int_equal(hist_format(&h, text, len + 1), len);
		assert_int_equal(hist_format(&h, text, len), 0);
	}
}

static void
test_fullest_text_fits(void **state)
{
	hist_reset(&h);
	h.max = UINT64_MAX;
	h.count = 1;
	for (unsigned int i = 0; i < HIST_BUCKETS; i++)
		h.bucket[i] = UINT64_MAX;
	assert_true(hist_format(&h, text, sizeof(text)) > 0);
	/* But such counts cannot be summed, so it is refused. */
	assert_int_equal(hist_parse(&back, text, strlen(text)), -1);
}

static void
test_bad_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"0",
		"0 ",
		"1 0",
		"0 0 ",
		"0 1",
		"5 5",
		"00 0",
		"0 0 0:0",
		"0 0 0:1 ",
		"0 1 0:1 0:1 1:1",
		"1 2 2:1 1:1",
		"0 0 7424:1",
		"5 5 6:1",
		"5 9 5:1",
		"0 0 0:18446744073709551616",
		"18446744073709551616 0",
		"-1 0",
		"0 0 0:1x",
		"5 6 5:18446744073709551615 6:1",
		"0x0 0",
		"5 5  5:1",
		"5 5 5: 1",
		"5 5 5:01",
	};
	static const struct hist empty;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		hist_record(&back, 7);
		if (hist_parse(&back, bad[i], strlen(bad[i])) != -1)
			fail_msg("accepted: \"%s\"", bad[i]);
		assert_memory_equal(&back, &empty, sizeof(back));
	}
	/* An unterminated text is read to its length only. */
	assert_int_equal(hist_parse(&back, "5 5 5:19", 7), 0);
	assert_int_equal(back.count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets_tile_all_values),
		cmocka_unit_test(test_percentiles_within_one_percent),
		cmocka_unit_test(test_one_value_and_none),
		cmocka_unit_test(test_rank_does_not_overflow),
		cmocka_unit_test(test_merge_equals_recording_both),
		cmocka_unit_test(test_count_above),
		cmocka_unit_test(test_text_round_trips),
		cmocka_unit_test(test_fullest_text_fits),
		cmocka_unit_test(test_bad_text_is_refused),
	};

	return cmocka_run_group_tests_name("bench_hist", tests, NULL, NULL);
}
