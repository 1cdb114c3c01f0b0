/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/port_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct swport *
make_port(void)
{
	struct swport *p = aligned_alloc(64, sizeof(*p));

	assert_non_null(p);
	memset(p, 0, sizeof(*p));
	return p;
}

/* However often it resets its device; another port is not silenced by it. */
static void
a_port_has_few_lines(void **state)
{
	struct swport *p = make_port(), *other = make_port();
	uint32_t missed, lines = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		lines += port_log_may(p, 100 + (uint64_t)i % 9, &missed);
		assert_int_equal(missed, 0);
	}
	assert_int_equal(lines, PORT_LOG_LINES);
	assert_true(port_log_may(other, 105, &missed));
	assert_true(port_log_may(p, 100 + PORT_LOG_PERIOD, &missed));
	assert_int_equal(missed, 10000 - PORT_LOG_LINES);
	assert_true(port_log_may(p, 100 + PORT_LOG_PERIOD, &missed));
	assert_int_equal(missed, 0);
	free(other);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_port_has_few_lines)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
