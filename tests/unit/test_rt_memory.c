/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out at every single allocation of the planner and of the topology: an error each
 * time, nothing leaked (the sanitizer build looks), nothing returned half done. Linked with --wrap.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_rt_site.h"

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static int countdown = -1; /* allocations until one fails; -1: never */

static bool
fails_now(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *
__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

static void
test_plan(void **state)
{
	struct topo *t = host_make(2, 2, 1);
	struct test_site s;
	int n, r = -ENOMEM;

	site_init(&s);
	s.site.host.overlap = OVERLAP_ALLOW;
	site_add(&s, 2, 64 * MIB, true)->cpu.emulator = EMULATOR_ISOLATE;
	site_add(&s, 2, 64 * MIB, true)->cells = 2;
	host_pf(t, 1, 7);
	site_device(&s, t, 0, 7);
	site_vf(&s.vnf[1], 0);
	for (n = 0; r == -ENOMEM; n++) {
		struct plan *p = NULL;
		struct err e = {0};

		countdown = n;
		r = plan_make(&s.site, t, &p, &e);
		countdown = -1;
		if (r == -ENOMEM) {
			assert_null(p);
			assert_string_equal(e.text, "plan: out of memory");
		}
		plan_free(p);
	}
	assert_int_equal(r, 0);
	assert_true(n > 20);
	topo_free(t);
}

static void
test_refusal(void **state)
{
	struct topo *t = host_make(1, 2, 1);
	struct test_site s;
	int r = -ENOMEM;

	site_init(&s);
	site_add(&s, 4, 64 * MIB, true);
	for (int n = 0; r == -ENOMEM; n++) {
		struct plan *p = NULL;

		countdown = n;
		r = plan_make(&s.site, t, &p, NULL);
		countdown = -1;
		assert_null(p);
	}
	assert_int_equal(r, -ENOSPC);
	topo_free(t);
}

static void
test_topo(void **state)
{
	int n, r = -ENOMEM;

	for (n = 0; r == -ENOMEM; n++) {
		struct topo *t = NULL;

		countdown = n;
		r = topo_from("tests/golden/plan/server.xml", &t, NULL);
		countdown = -1;
		topo_free(t);
	}
	assert_int_equal(r, 0);
	assert_true(n > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_topo),
	};

	return cmocka_run_group_tests_name("rt out of memory", tests, NULL, NULL);
}
