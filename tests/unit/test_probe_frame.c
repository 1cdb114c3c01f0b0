/* SPDX-License-Identifier: Apache-2.0 */
/* The test frame, the sequence window and the pacer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "bench/probe/frame.h"
#include "bench/probe/pacer.h"

static const struct frame model = {{1, 2, 3, 4, 5, 6},    {7, 8, 9, 10, 11, 12}, FRAME_DATA, 3,
				   0x1122334455667788ull, 0x99aabbccddeeff00ull};

static void
test_round_trip(void **state)
{
	static const uint32_t lens[] = {60, 61, 64, 67, 128, 1514, 9000};
	uint8_t buf[9000];
	struct frame f;

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		frame_write(buf, lens[i], &model);
		assert_int_equal(frame_read(buf, lens[i], true, &f), FRAME_OK);
		assert_memory_equal(f.dst, model.dst, 6);
		assert_memory_equal(f.src, model.src, 6);
		assert_int_equal(f.type, model.type);
		assert_int_equal(f.stream, model.stream);
		assert_int_equal(f.seq, model.seq);
		assert_int_equal(f.tsc, model.tsc);
	}
}

/* Any flipped bit behind the MACs is noticed. */
static void
test_every_bit_counts(void **state)
{
	uint8_t buf[131];
	struct frame f;

	for (size_t bit = 12 * 8; bit < sizeof(buf) * 8; bit++) {
		frame_write(buf, sizeof(buf), &model);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(frame_read(buf, sizeof(buf), true, &f), FRAME_OK);
	}
}

static void
test_length_counts(void **state)
{
	uint8_t buf[200] = {0};
	struct frame f;

	frame_write(buf, 100, &model);
	assert_int_equal(frame_read(buf, 99, true, &f), FRAME_CORRUPT);
	assert_int_equal(frame_read(buf, 101, true, &f), FRAME_CORRUPT);
	assert_int_equal(frame_read(buf, 59, true, &f), FRAME_FOREIGN);
	/* Shallow: the pattern is not looked at. */
	buf[90]++;
	assert_int_equal(frame_read(buf, 100, true, &f), FRAME_CORRUPT);
	assert_int_equal(frame_read(buf, 100, false, &f), FRAME_OK);
	buf[12] = 8;
	buf[13] = 0;
	assert_int_equal(frame_read(buf, 100, true, &f), FRAME_FOREIGN);
	assert_memory_equal(f.src, model.src, 6);
}

static void
test_unknown_types_are_corrupt(void **state)
{
	struct frame f = model, got;
	uint8_t buf[60];

	f.type = 0;
	frame_write(buf, 60, &f);
	assert_int_equal(frame_read(buf, 60, true, &got), FRAME_CORRUPT);
	f.type = FRAME_STOP + 1;
	frame_write(buf, 60, &f);
	assert_int_equal(frame_read(buf, 60, true, &got), FRAME_CORRUPT);
	f = model;
	f.stream = FRAME_STREAMS;
	frame_write(buf, 60, &f);
	assert_int_equal(frame_read(buf, 60, true, &got), FRAME_CORRUPT);
}

static void
test_window_in_order(void **state)
{
	struct seqwin w = {0};

	for (uint64_t i = 0; i < 3 * SEQ_WINDOW; i++)
		assert_true(seqwin_note(&w, i));
	assert_int_equal(w.unique, 3 * SEQ_WINDOW);
	assert_int_equal(w.reordered, 0);
	assert_int_equal(w.duplicated, 0);
}

static void
test_window_cases(void **state)
{
	struct seqwin w = {0};

	assert_true(seqwin_note(&w, 5)); /* 0..4 may still come */
	assert_true(seqwin_note(&w, 3));
	assert_int_equal(w.reordered, 1);
	assert_false(seqwin_note(&w, 3));
	assert_false(seqwin_note(&w, 5));
	assert_int_equal(w.duplicated, 2);
	assert_true(seqwin_note(&w, 5 + SEQ_WINDOW)); /* 5 is now the oldest but one out */
	assert_false(seqwin_note(&w, 5));
	assert_true(seqwin_note(&w, 6));
	assert_true(seqwin_note(&w, 1ull << 60)); /* far ahead: an empty window */
	assert_true(seqwin_note(&w, (1ull << 60) - 1));
	assert_true(seqwin_note(&w, (1ull << 60) - SEQ_WINDOW + 1));
	assert_false(seqwin_note(&w, (1ull << 60) - SEQ_WINDOW));
	assert_int_equal(w.unique, 7);
}

/* Against a set that forgets nothing, with numbers that stay inside the window. */
static void
test_window_model(void **state)
{
	static bool seen[200000];
	struct seqwin w = {0};
	uint64_t unique = 0, base = 0;

	srand(7);
	for (int i = 0; i < 150000; i++) {
		uint64_t seq = base + (uint64_t)rand() % 1000;
		bool fresh = !seen[seq];

		assert_int_equal(seqwin_note(&w, seq), fresh);
		seen[seq] = true;
		unique += fresh;
		base += (uint64_t)rand() % 3;
		if (base > 199000)
			break;
	}
	assert_int_equal(w.unique, unique);
}

/* A second of any rate holds exactly that many frames, evenly spaced. */
static void
test_pacer(void **state)
{
	static const uint64_t hz[] = {1000000000, 2596142000, 2199999999, 999999937};
	static const uint64_t rates[] = {1, 3, 7, 1000, 99999, 1000000, 1488095};

	for (size_t h = 0; h < ARRAY_SIZE(hz); h++) {
		for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
			uint64_t n = 0, last = 0, step = hz[h] / rates[i];
			struct pacer p;

			pacer_init(&p, 1000, hz[h], rates[i]);
			for (; p.next < 1000 + hz[h]; n++) {
				if (n)
					assert_in_range(p.next - last, step, step + 1);
				last = p.next;
				pacer_advance(&p);
			}
			assert_int_equal(n, rates[i]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_length_counts),
		cmocka_unit_test(test_unknown_types_are_corrupt),
		cmocka_unit_test(test_window_in_order),
		cmocka_unit_test(test_window_cases),
		cmocka_unit_test(test_window_model),
		cmocka_unit_test(test_pacer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
