/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation that a load makes fails once: the load says so and leaves nothing behind.
 * The linker puts the functions below in the place of the allocator's (see config.cmake).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/config_util.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *p);

/* The allocation that fails, counted from 1 down; 0: none. And how many are not given back. */
static long countdown;
static long live;

static bool
fails(void)
{
	return countdown > 0 && --countdown == 0;
}

void *
__wrap_malloc(size_t size)
{
	void *p = fails() ? NULL : __real_malloc(size);

	live += p != NULL;
	return p;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __real_calloc(n, size);

	live += p != NULL;
	return p;
}

void *
__wrap_realloc(void *old, size_t size)
{
	void *p = fails() ? NULL : __real_realloc(old, size);

	live += !old && p;
	return p;
}

char *
__wrap_strdup(const char *text)
{
	char *p = fails() ? NULL : __real_strdup(text);

	live += p != NULL;
	return p;
}

void
__wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

/* Fails the 1st, 2nd, ... allocation of loading @path until one load needs no more. */
static void
check_path(const char *path, int want_r)
{
	for (long n = 1;; n++) {
		struct config_problems problems;
		struct site *site = NULL;
		long before = live;
		bool reached;
		int r;

		countdown = n;
		r = config_load(path, &site, &problems);
		reached = countdown == 0;
		countdown = 0;
		if (reached && r != -ENOMEM)
			fail_msg("%s: allocation %ld failed and the load returned %d", path, n, r);
		if (!reached)
			assert_int_equal(r, want_r);
		assert_int_equal(site != NULL, r == 0);
		config_problems_free(&problems);
		site_free(site);
		assert_int_equal(live, before);
		if (!reached) {
			assert_true(n > 8);
			return;
		}
	}
}

static void
test_valid(void **state)
{
	check_path("tests/golden/config/valid-pair.yaml", 0);
	check_path("tests/golden/config/valid-edge.yaml", 0);
}

static void
test_invalid(void **state)
{
	check_path("tests/golden/config/invalid-values.yaml", -EINVAL);
	check_path("tests/golden/config/invalid-edge.yaml", -EINVAL);
}

static void
test_folder(void **state)
{
	char folder[] = "/tmp/corelane-test-XXXXXX", path[64];
	static const char network[] =
		"apiVersion: corelane/v1\nkind: Network\nmetadata: {name: n}\n";

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.yaml", folder);
	write_text(path, network, sizeof(network) - 1);
	check_path(folder, 0);
	unlink(path);
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
