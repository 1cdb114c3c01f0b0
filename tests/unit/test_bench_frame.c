/* SPDX-License-Identifier: Apache-2.0 */
/* The load's frames: every changed byte is noticed, and so is a buffer that nobody wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "bench/load/frame.h"

#define AT_STAMP 50

static uint8_t buf[FRAME_VNET_HDR + FRAME_MAX], copy[sizeof(buf)];

/* As a switch hands it on: port 0's frame, one buffer used. */
static uint32_t
sent(const struct frame_plan *plan, uint16_t id)
{
	memset(buf, 0xee, sizeof(buf));
	frame_build(buf, plan, 0, id);
	buf[10] = 1;
	return FRAME_VNET_HDR + (uint32_t)plan->size;
}

static void
test_right_frames_pass(void **state)
{
	static const uint16_t sizes[] = {FRAME_MIN, 64, 128, 1518, FRAME_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint16_t id = 0; id < 300; id += 7) {
			struct frame_plan plan = {.size = sizes[i], .pairs = 100};
			uint32_t len = sent(&plan, id);

			frame_stamp(buf, 12345);
			assert_int_equal(frame_stamped(buf), 12345);
			assert_null(frame_check(buf, len, &plan, 1));
		}
}

static void
test_broadcast(void **state)
{
	struct frame_plan plan = {.size = 64, .pairs = 3, .broadcast = true};
	struct frame_walk walk = {.source = 2};
	uint32_t len = sent(&plan, 7);

	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(buf[FRAME_VNET_HDR + i], 0xff);
	frame_address(buf, &plan, &walk);
	assert_int_equal(buf[FRAME_VNET_HDR + 4], 0xff);
	assert_int_equal(buf[FRAME_VNET_HDR + 11], 2);
	/* the same frame is right at any port, but with another destination at none */
	memcpy(copy, buf, len);
	assert_null(frame_check(buf, len, &plan, 1));
	memcpy(buf, copy, len);
	assert_null(frame_check(buf, len, &plan, 6));
	memcpy(buf, copy, len);
	buf[FRAME_VNET_HDR + 5] = 1;
	assert_non_null(frame_check(buf, len, &plan, 1));
	plan.broadcast = false;
	plan.rewrite = true;
	assert_true(frame_varies(&plan, 1024));
}

static void
test_every_changed_byte_is_found(void **state)
{
	struct frame_plan plan = {.size = 200, .pairs = 1};
	uint32_t len = sent(&plan, 77);

	memcpy(copy, buf, len);
	for (size_t at = 10; at < len; at++) {
		size_t in_frame = at - FRAME_VNET_HDR;

		if (at >= FRAME_VNET_HDR && in_frame >= AT_STAMP && in_frame < AT_STAMP + 8)
			continue; /* the stamp may be anything */
		memcpy(buf, copy, len);
		buf[at] ^= 0x20;
		if (!frame_check(buf, len, &plan, 1))
			fail_msg("byte %zu changed and nobody noticed", at);
	}
}

static void
test_unwritten_buffer_is_found(void **state)
{
	struct frame_plan plan = {.size = 64, .pairs = 1};
	uint32_t len = sent(&plan, 3);

	assert_null(frame_check(buf, len, &plan, 1));
	assert_string_equal(frame_check(buf, len, &plan, 1),
			    "buffer returned without having been written");
}

static void
test_wrong_place_or_length(void **state)
{
	struct frame_plan plan = {.size = 64, .pairs = 1};
	uint32_t len = sent(&plan, 3);

	assert_non_null(frame_check(buf, len - 1, &plan, 1));
	assert_non_null(frame_check(buf, len + 1, &plan, 1));
	sent(&plan, 3);
	assert_non_null(frame_check(buf, len, &plan, 0));
	sent(&plan, 3);
	assert_non_null(frame_check(buf, len, &plan, 3));
}

static void
test_addresses_cover_pairs_and_mesh(void **state)
{
	struct frame_plan pairs = {.size = 64, .pairs = 10};
	struct frame_plan mesh = {.size = 64, .pairs = 10, .mesh = true};
	bool seen[10][10] = {{false}};
	struct frame_walk one = {0}, all = {0};
	unsigned int combinations = 0;

	assert_false(frame_varies(&pairs, 10));
	assert_true(frame_varies(&pairs, 8));
	assert_true(frame_varies(&mesh, 1024));
	for (uint64_t n = 0; n < 100; n++) {
		sent(&pairs, 0);
		frame_address(buf, &pairs, &one);
		assert_int_equal(buf[FRAME_VNET_HDR + 5], n % 10);
		assert_int_equal(buf[FRAME_VNET_HDR + 11], n % 10);
		sent(&mesh, 0);
		frame_address(buf, &mesh, &all);
		combinations += !seen[buf[FRAME_VNET_HDR + 5]][buf[FRAME_VNET_HDR + 11]];
		seen[buf[FRAME_VNET_HDR + 5]][buf[FRAME_VNET_HDR + 11]] = true;
		assert_null(frame_check(buf, FRAME_VNET_HDR + 64, &mesh, 1));
	}
	assert_int_equal(combinations, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_frames_pass),
		cmocka_unit_test(test_broadcast),
		cmocka_unit_test(test_every_changed_byte_is_found),
		cmocka_unit_test(test_unwritten_buffer_is_found),
		cmocka_unit_test(test_wrong_place_or_length),
		cmocka_unit_test(test_addresses_cover_pairs_and_mesh),
	};

	return cmocka_run_group_tests_name("bench_frame", tests, NULL, NULL);
}
