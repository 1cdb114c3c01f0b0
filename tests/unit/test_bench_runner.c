/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and page from one fixed report, which also holds what a hostile guest could print.
 * UPDATE_GOLDEN=1 in the environment writes the golden files instead of comparing.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/runner/html.h"
#include "bench/runner/results.h"
#include "bench/runner/save.h"
#include "bench/runner/site.h"
#include "bench/runner/table.h"
#include "config/load.h"

#define GOLDEN "tests/golden/runner/"

static char *
read_whole(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static void
compare(const char *path, const char *got)
{
	char *want;

	if (getenv("UPDATE_GOLDEN")) {
		FILE *f = fopen(path, "w");

		fputs(got, f);
		fclose(f);
	}
	want = read_whole(path);
	assert_string_equal(got, want);
	free(want);
}

static struct results
load(void)
{
	struct results r;
	struct err e = {0};

	if (results_load(GOLDEN "report.json", &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

static void
reads_what_probes_reported(void **state)
{
	struct results r = load();

	(void)state;
	assert_int_equal(r.n, 4);
	assert_int_equal(r.bad, 1);
	assert_false(r.probes_ok); /* fw2 was killed */
	assert_string_equal(r.series[0].label, "fw1 loop");
	assert_string_equal(r.series[1].label, "fw1 exits pio");
	assert_string_equal(r.series[2].label, "fw1 exits pio 2");
	assert_string_equal(r.series[3].label, "fw1 exits .._etc_x_");
	assert_int_equal(r.series[0].lost, 15);
	assert_true(r.series[0].pps > 99999 && r.series[0].pps < 100001);
	assert_int_equal(r.series[0].hist.count, 985);
	results_free(&r);
}

static void
prints_the_golden_table(void **state)
{
	struct results r = load();
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(table_print(&r, f), 0);
	fclose(f);
	compare(GOLDEN "table.txt", text);
	free(text);
	results_free(&r);
}

static void
prints_the_golden_page(void **state)
{
	struct results r = load();
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(html_print(&r, f), 0);
	fclose(f);
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "http:"));
	assert_null(strstr(text, "https:"));
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf\""));
	compare(GOLDEN "report.html", text);
	free(text);
	results_free(&r);
}

static void
refuses_other_files(void **state)
{
	static const char *const bad[] = {"{}", "[]", "{\"format\": 2, \"vnfs\": []}",
					  "{\"format\": 1, \"vnfs\": 7}"};
	struct results r;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(results_read(json_loads(bad[i], 0, NULL), &r, &e), -EINVAL);
	assert_int_equal(results_load("/nonexistent.json", &r, &e), -EINVAL);
	assert_int_equal(results_load(GOLDEN "table.txt", &r, &e), -EINVAL);
}

static void
saves_a_folder_that_reads_back(void **state)
{
	char dir[] = "/tmp/runner-test-XXXXXX", path[512];
	struct results r = load(), again;
	struct err e = {0};
	struct hist h;
	char *text, *line;
	struct dirent *ent;
	size_t files = 0;
	DIR *d;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(save_results(&r, dir, &e), 0);
	snprintf(path, sizeof(path), "%s/report.json", dir);
	assert_int_equal(results_load(path, &again, &e), 0);
	assert_int_equal(again.n, r.n);
	results_free(&again);
	snprintf(path, sizeof(path), "%s/fw1-loop.hist", dir);
	text = read_whole(path);
	line = strchr(text, '\n') + 1;
	assert_int_equal(hist_parse(&h, line, strcspn(line, "\n")), 0);
	assert_memory_equal(&h, &r.series[0].hist, sizeof(h));
	free(text);
	d = opendir(dir);
	while ((ent = readdir(d))) {
		if (ent->d_name[0] == '.')
			continue;
		files++;
		snprintf(path, sizeof(path), "%s/%s", dir, ent->d_name);
		unlink(path);
	}
	closedir(d);
	assert_int_equal(files, 3 + 4);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(save_results(&r, "/nonexistent", &e), -ENOENT);
	results_free(&r);
}

static void
times_have_three_digits(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} t[] = {{0, "0 ns"},           {999, "999 ns"},
		 {1000, "1.00 us"},     {1649, "1.65 us"},
		 {38535, "38.5 us"},    {385350, "385 us"},
		 {38535167, "38.5 ms"}, {UINT64_MAX, "18446744074 s"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		char buf[32];

		assert_string_equal(table_time(t[i].ns, buf, sizeof(buf)), t[i].text);
	}
}

/* Each site that this program makes must be one that corelane accepts. */
static void
makes_valid_sites(void **state)
{
	const struct site_options all = {.size = "1518",
					 .rate = "1M",
					 .rings = "packed",
					 .time = "10s"};
	const struct site_options none = {0};

	(void)state;
	for (int kind = SITE_LATENCY; kind <= SITE_EXITS; kind++) {
		for (int i = 0; i < 2; i++) {
			struct config_problems p = {0};
			struct site *site = NULL;
			char *text = NULL;
			size_t size = 0;
			FILE *f = open_memstream(&text, &size);

			assert_int_equal(site_print((enum site_kind)kind, i ? &all : &none, f), 0);
			fclose(f);
			if (config_load_buffer("made", ".", text, size, &site, &p) < 0)
				fail_msg("%s\n%s", p.item[0].text, text);
			assert_int_equal(site->n_vnfs, 1);
			if (i && kind == SITE_LATENCY)
				assert_string_equal(site->vnfs[0].boot.args,
						    "mode=loop time=10s rate=1M size=1518 "
						    "rings=packed");
			site_free(site);
			config_problems_free(&p);
			free(text);
		}
	}
	assert_null(site_value_wanted('r', "100k"));
	assert_null(site_value_wanted('r', "0"));
	assert_null(site_value_wanted('t', "500ms"));
	assert_null(site_value_wanted('s', "9014"));
	assert_null(site_value_wanted('g', "packed"));
	assert_non_null(site_value_wanted('r', "abc"));
	assert_non_null(site_value_wanted('r', "-1"));
	assert_non_null(site_value_wanted('r', "99999999999999999999"));
	assert_non_null(site_value_wanted('t', ""));
	assert_non_null(site_value_wanted('t', "0s"));
	assert_non_null(site_value_wanted('t', "5s\" }"));
	assert_non_null(site_value_wanted('t', "5 time=9"));
	assert_non_null(site_value_wanted('s', "59"));
	assert_non_null(site_value_wanted('g', "split mode=irq"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_probes_reported),
		cmocka_unit_test(prints_the_golden_table),
		cmocka_unit_test(prints_the_golden_page),
		cmocka_unit_test(refuses_other_files),
		cmocka_unit_test(saves_a_folder_that_reads_back),
		cmocka_unit_test(times_have_three_digits),
		cmocka_unit_test(makes_valid_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
