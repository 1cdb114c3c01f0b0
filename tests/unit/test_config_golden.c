/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every tests/golden/config/NAME.yaml is loaded; what comes out, the dump or the complaints, has to
 * equal NAME.out. A valid one must also come back from its dump as the same site.
 * CORELANE_GOLDEN_UPDATE=1 writes NAME.out instead: read the difference before you commit it.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/load.h"
#include "tests/unit/config_util.h"

#define FOLDER "tests/golden/config/"

static char *
outcome(const char *path)
{
	struct config_problems problems;
	struct site *site = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	int r;

	r = config_load(path, &site, &problems);
	if (r == 0) {
		text = dump_text(site);
		check_round_trip(site, text);
		assert_int_equal(problems.total, 0);
	} else {
		out = open_memstream(&text, &size);
		assert_non_null(out);
		for (size_t i = 0; i < problems.n; i++)
			fprintf(out, "%s\n", problems.item[i].text);
		if (problems.total > problems.n)
			fprintf(out, "and %zu more\n", problems.total - problems.n);
		fclose(out);
		assert_int_equal(r, -EINVAL);
		assert_true(problems.n > 0);
	}
	site_free(r == 0 ? site : NULL);
	config_problems_free(&problems);
	return text;
}

static void
check_file(const char *name)
{
	char path[256], *text, *want;
	bool valid = strncmp(name, "valid", 5) == 0;

	text = outcome(name);
	snprintf(path, sizeof(path), "%.*s.out", (int)strlen(name) - 5, name);
	if (getenv("CORELANE_GOLDEN_UPDATE"))
		write_text(path, text, strlen(text));
	want = read_text(path);
	if (strcmp(text, want) != 0)
		fail_msg("%s differs from %s; now it is:\n%s", name, path, text);
	if (valid != (strncmp(text, "apiVersion", 10) == 0))
		fail_msg("%s: valid or not, against its name:\n%s", name, text);
	free(want);
	free(text);
}

static void
test_golden(void **state)
{
	glob_t files;

	assert_int_equal(chdir(FOLDER), 0);
	assert_int_equal(glob("*.yaml", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 2);
	for (size_t i = 0; i < files.gl_pathc; i++)
		check_file(files.gl_pathv[i]);
	globfree(&files);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
