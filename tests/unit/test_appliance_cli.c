/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/cli.h"

static int
never(const struct cli_args *args)
{
	(void)args;
	return 0;
}

static const struct cli_verb verbs[] = {
	{"run", "FILE", false, 0, "drV", "runs it", never},
	{"plan", "FILE", false, 0, "to", "plans it", never},
	{"help", "COMMAND", true, 0, "", "explains", never},
	{"version", NULL, false, 0, "", "says the version", never},
	{0},
};

/* Words parted by one blank; at most 15. */
static int
parse(const char *line, const struct cli_verb **verb, struct cli_args *args, struct err *e)
{
	static char text[256];
	char *argv[16] = {NULL};
	int argc = 0;

	snprintf(text, sizeof(text), "%s", line);
	for (char *w = strtok(text, " "); w && argc < 15; w = strtok(NULL, " "))
		argv[argc++] = w;
	return cli_parse(verbs, argc, argv, verb, args, e);
}

static void
takes_options_before_and_after_the_file(void **state)
{
	const struct cli_verb *v = NULL;
	struct cli_args a;
	struct err e = {0};

	(void)state;
	assert_int_equal(parse("corelane run --run-dir /x site.yaml -r out.json", &v, &a, &e), 0);
	assert_string_equal(v->name, "run");
	assert_string_equal(a.file, "site.yaml");
	assert_string_equal(a.run_dir, "/x");
	assert_string_equal(a.report, "out.json");
	assert_null(a.vmm);
	assert_int_equal(parse("corelane plan -o json --topology=core:4 s.yaml", &v, &a, &e), 0);
	assert_string_equal(a.output, "json");
	assert_string_equal(a.topology, "core:4");
	assert_null(a.run_dir);
}

static void
help_and_version_have_the_usual_forms(void **state)
{
	static const char *const line[] = {"corelane --help", "corelane -h", "corelane help run",
					   "corelane --version", "corelane version"};
	static const char *const want[] = {"help", "help", "help", "version", "version"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(line); i++) {
		const struct cli_verb *v = NULL;
		struct cli_args a;
		struct err e = {0};

		assert_int_equal(parse(line[i], &v, &a, &e), 0);
		assert_string_equal(v->name, want[i]);
	}
}

static void
says_what_is_wrong(void **state)
{
	static const struct {
		const char *line, *words;
	} bad[] = {
		{"corelane", "what shall be done"},
		{"corelane rum site.yaml", "unknown command \"rum\""},
		{"corelane run", "run: FILE is missing"},
		{"corelane run a.yaml b.yaml", "unexpected argument \"b.yaml\""},
		{"corelane version now", "unexpected argument \"now\""},
		{"corelane run --frob a.yaml", "unknown option \"--frob\""},
		{"corelane plan --run-dir /x a.yaml", "unknown option \"--run-dir\""},
		{"corelane run a.yaml --run-dir", "option \"--run-dir\" needs a value"},
		{"corelane plan -o xml a.yaml", "output \"xml\" is not text or json"},
		{"corelane run -Z a.yaml", "unknown option \"-Z\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct cli_verb *v = NULL;
		struct cli_args a = {.file = "untouched"};
		struct err e = {0};

		assert_int_equal(parse(bad[i].line, &v, &a, &e), -EINVAL);
		if (!strstr(e.text, bad[i].words))
			fail_msg("\"%s\": \"%s\" does not say \"%s\"", bad[i].line, e.text,
				 bad[i].words);
		assert_null(v);
		assert_string_equal(a.file, "untouched");
	}
}

static void
help_lists_every_option_of_a_verb(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(cli_help(verbs, "run", f), 0);
	fclose(f);
	assert_non_null(strstr(text, "corelane run FILE [OPTIONS]"));
	assert_non_null(strstr(text, "-d, --run-dir DIR"));
	assert_non_null(strstr(text, "-r, --report FILE"));
	assert_null(strstr(text, "--topology"));
	free(text);
	f = open_memstream(&text, &size);
	assert_int_equal(cli_help(verbs, "nothing", f), -ENOENT);
	assert_int_equal(cli_help(verbs, NULL, f), 0);
	fclose(f);
	for (const struct cli_verb *v = verbs; v->name; v++)
		assert_non_null(strstr(text, v->help));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_options_before_and_after_the_file),
		cmocka_unit_test(help_and_version_have_the_usual_forms),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(help_lists_every_option_of_a_verb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
