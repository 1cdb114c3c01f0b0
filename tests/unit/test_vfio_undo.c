/* SPDX-License-Identifier: Apache-2.0 */
/* The record of what was changed: as lines and back, also lines that nobody should believe. */
#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vfio/undo.h"

static void
test_there_and_back(void **state)
{
	static const char *const lines[] = {
		"numvfs 0000:01:00.0 0",
		"numvfs 0001:af:1f.7 65535",
		"autoprobe 0000:01:00.0 1",
		"down 0000:01:00.0",
		"setting 0000:01:00.0 6 1 02:00:00:00:ff:01 4094 7 8100 1 0 2 0 5000",
		"setting 0000:01:00.0 255 5 00:00:00:00:00:00 0 0 88a8 0 1 0 4294967295 4294967295",
		"driver 0000:01:10.0 igbvf -",
		"driver 0000:01:10.0 - vfio-pci",
		"driver 0000:01:10.0 - -",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char line[UNDO_LINE_MAX];
		struct undo u;

		assert_int_equal(undo_parse(lines[i], &u), 0);
		assert_string_equal(undo_format(&u, line), lines[i]);
		/* Cut anywhere: another line, or none. */
		for (size_t n = strlen(line); n-- > 0;) {
			line[n] = '\0';
			undo_parse(line, &u);
		}
	}
}

static void
test_lines_that_say_nothing(void **state)
{
	static const char *const lines[] = {
		"",
		"numvfs",
		"numvfs 0000:01:00.0",
		"numvfs 0000:01:00.0 x",
		"numvfs 0000:01:00.0 65536",
		"numvfs 0000:01:00.0 3 4",
		"numvfs 0000:01:20.0 3",
		"autoprobe 0000:01:00.0 2",
		"down 0000:01:00.0 1",
		"driver 0000:01:10.0 igbvf",
		"driver 0000:01:10.0 ../x -",
		"driver 0000:01:10.0 . -",
		"driver 0000:01:10.0 .. -",
		"driver 0000:01:10.0 igbvf - -",
		"setting 0000:01:00.0 256 1 02:00:00:00:ff:01 0 0 8100 1 0 2 0 0",
		"setting 0000:01:00.0 6 6 02:00:00:00:ff:01 0 0 8100 1 0 2 0 0",
		"setting 0000:01:00.0 6 1 02:00:00:00:ff:01 4096 0 8100 1 0 2 0 0",
		"setting 0000:01:00.0 6 1 02:00:00:00:ff:01 1 8 8100 1 0 2 0 0",
		"setting 0000:01:00.0 6 1 02:00:00:00:ff:01 1 0 8100 2 0 2 0 0",
		"setting 0000:01:00.0 6 1 02:00:00:00:ff:01 1 0 8100 1 2 2 0 0",
		"setting 0000:01:00.0 6 1 02:00:00:00:ff:01 1 0 8100 1 0 3 0 0",
		"setting 0000:01:00.0 6 1 02:00:00:00:ff:01 1 0 8100 1 0 2 0 0 x",
		"setting 0000:01:00.0 6 1 02:00:00:00:ff 1 0 8100 1 0 2 0 0",
		"format 0000:01:00.0 c:",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct undo u = {.value = 77};

		if (undo_parse(lines[i], &u) != -EINVAL)
			fail_msg("believed: %s", lines[i]);
		assert_int_equal(u.value, 77);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_lines_that_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
