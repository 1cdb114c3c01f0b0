/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts, and the names of counters. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/switch_msg.h"
#include "base/vmm_msg.h"

static void
test_set(void **state)
{
	struct err e = {0};

	assert_int_equal(err_set(&e, ENOENT, "vnf %s: no %d", "fw1", 7), -ENOENT);
	assert_int_equal(e.code, ENOENT);
	assert_string_equal(e.text, "vnf fw1: no 7");
	assert_int_equal(err_set(NULL, EIO, "nobody listens"), -EIO);
	assert_int_equal(err_sys(NULL, EIO, "nobody listens"), -EIO);
}

static void
test_sys(void **state)
{
	struct err e = {0};

	assert_int_equal(err_sys(&e, ENOENT, "open %s", "/x"), -ENOENT);
	assert_string_equal(e.text, "open /x: No such file or directory");
	err_sys(&e, EMFILE, "pipe");
	assert_string_equal(e.text,
			    "pipe: Too many open files; raise the limit of open files (ulimit -n)");
	err_sys(&e, ENFILE, "pipe");
	assert_non_null(strstr(e.text, "fs.file-max"));
}

static void
test_prefix(void **state)
{
	struct err e;

	err_set(&e, EINVAL, "inner");
	assert_int_equal(err_prefix(&e, "outer %d", 1), -EINVAL);
	assert_string_equal(e.text, "outer 1: inner");
	assert_int_equal(err_prefix(&e, "most"), -EINVAL);
	assert_string_equal(e.text, "most: outer 1: inner");
	assert_int_equal(e.code, EINVAL);
}

static void
test_too_long(void **state)
{
	char text[2 * ERR_TEXT_MAX];
	struct {
		struct err e;
		char guard;
	} g = {.guard = 'g'};

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&g.e, EIO, "%s", text);
	assert_int_equal(strlen(g.e.text), ERR_TEXT_MAX - 1);
	err_sys(&g.e, EIO, "%s", text);
	assert_int_equal(strlen(g.e.text), ERR_TEXT_MAX - 1);
	err_prefix(&g.e, "%s", text);
	assert_int_equal(strlen(g.e.text), ERR_TEXT_MAX - 1);
	err_prefix(&g.e, "who");
	assert_int_equal(strncmp(g.e.text, "who: xxx", 8), 0);
	assert_int_equal(g.guard, 'g');
}

/* Output and documents rely on the names: all there, all different, none for a wrong number. */
static void
test_names(void **state)
{
	for (int i = 0; i < DROP_CAUSES; i++) {
		assert_non_null(switch_drop_name(i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(switch_drop_name(i), switch_drop_name(j));
	}
	for (int i = 0; i < VMM_EXIT_REASONS; i++) {
		assert_non_null(vmm_exit_name(i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(vmm_exit_name(i), vmm_exit_name(j));
	}
	assert_string_equal(switch_drop_name(DROP_CAUSES), "unknown");
	assert_string_equal(switch_drop_name((enum switch_drop) - 1), "unknown");
	assert_string_equal(vmm_exit_name(VMM_EXIT_REASONS), "unknown");
	assert_string_equal(vmm_exit_name((enum vmm_exit) - 1), "unknown");
	assert_string_equal(switch_drop_name(DROP_RING_FULL), "ring-full");
	assert_string_equal(vmm_exit_name(VMM_EXIT_PIO), "pio");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),    cmocka_unit_test(test_sys),
		cmocka_unit_test(test_prefix), cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
