/* SPDX-License-Identifier: Apache-2.0 */
/* Console logs: how much they keep, over several runs, and what becomes of disks that are full. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/console_log.h"

struct world {
	char dir[64], path[128], old[136];
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->dir, "/tmp/console-log.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/edge/fw1.console.log", w->dir);
	snprintf(w->old, sizeof(w->old), "%s.1", w->path);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	char folder[80];

	snprintf(folder, sizeof(folder), "%s/edge", w->dir);
	unlink(w->path);
	unlink(w->old);
	rmdir(folder);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void
open_log(struct world *w, struct console_log *l, uint64_t size)
{
	struct err e;

	if (console_log_open(l, w->dir, "edge", "fw1", size, &e) < 0)
		fail_msg("%s", e.text);
}

static void
line(struct console_log *l, const char *text)
{
	assert_null(console_log_line(l, text, strlen(text)));
}

static void
holds(const char *path, const char *want)
{
	char got[4096] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	close(fd);
	assert_string_equal(got, want);
}

static void
lines_are_kept(void **state)
{
	struct world *w = *state;
	struct console_log l;
	struct stat st;

	open_log(w, &l, 4096);
	line(&l, "one");
	line(&l, "");
	line(&l, "three");
	holds(w->path, "one\n\nthree\n");
	assert_int_equal(l.lines, 3);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07, 0); /* not for everybody */
	console_log_close(&l);
	assert_null(console_log_line(&l, "x", 1)); /* no log: no-op */
}

static void
the_next_run_goes_on(void **state)
{
	struct world *w = *state;
	struct console_log l;

	open_log(w, &l, 16);
	line(&l, "first run");
	console_log_close(&l);
	open_log(w, &l, 16);
	line(&l, "2nd");
	holds(w->path, "first run\n2nd\n");
	line(&l, "rotated");
	holds(w->path, "rotated\n");
	holds(w->old, "first run\n2nd\n");
	console_log_close(&l);
}

/* Never more than the size in each file, and always the last lines. */
static void
sizes(void **state)
{
	struct world *w = *state;
	struct console_log l;
	char text[64], want[64];

	open_log(w, &l, 100);
	for (int i = 0; i < 1000; i++) {
		struct stat st;

		snprintf(text, sizeof(text), "line %d %.*s", i, i % 40,
			 "........................................");
		line(&l, text);
		assert_int_equal(stat(w->path, &st), 0);
		assert_true(st.st_size <= 100);
		assert_true(stat(w->old, &st) < 0 || st.st_size <= 100);
	}
	snprintf(want, sizeof(want), "line 999 %.*s\n", 999 % 40,
		 "........................................");
	char got[200];
	int fd = open(w->path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, got, sizeof(got));

	close(fd);
	assert_true(n >= (ssize_t)strlen(want));
	assert_memory_equal(got + n - strlen(want), want, strlen(want));
	/* A line longer than all is cut. */
	memset(got, 'x', sizeof(got));
	assert_null(console_log_line(&l, got, sizeof(got)));
	struct stat st;

	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_size, 100);
	console_log_close(&l);
}

/* Full: told once, counted each time, no half lines; and on it goes once there is room. */
static void
full(void **state)
{
	struct world *w = *state;
	struct rlimit old, limit;
	struct console_log l;
	const char *why;

	signal(SIGXFSZ, SIG_IGN);
	open_log(w, &l, 4096);
	line(&l, "before");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	why = console_log_line(&l, "too much", 8); /* three bytes of it would fit */
	assert_non_null(why);
	for (int i = 0; i < 10; i++)
		assert_null(console_log_line(&l, "too much", 8));
	assert_int_equal(l.lost, 11);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	line(&l, "after");
	holds(w->path, "before\nafter\n");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_non_null(console_log_line(&l, "again too much", 14)); /* a new failure is told */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	console_log_close(&l);
}

/* Somebody put something else there: it is not followed, and not waited for. */
static void
not_a_file(void **state)
{
	struct world *w = *state;
	char folder[80];
	struct console_log l;
	struct err e;

	snprintf(folder, sizeof(folder), "%s/edge", w->dir);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(symlink("/etc/passwd", w->path), 0);
	assert_int_equal(console_log_open(&l, w->dir, "edge", "fw1", 4096, &e), -ELOOP);
	assert_non_null(strstr(e.text, "--log-dir"));
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(mkfifo(w->path, 0600), 0);
	assert_true(console_log_open(&l, w->dir, "edge", "fw1", 4096, &e) < 0);
	assert_int_equal(unlink(w->path), 0);
	assert_true(console_log_open(&l, "/nonexistent/deep", "edge", "fw1", 4096, &e) < 0);
	assert_null(l.path);
	assert_int_equal(l.fd, -1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(lines_are_kept), T(the_next_run_goes_on), T(sizes), T(full), T(not_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
