/* SPDX-License-Identifier: Apache-2.0 */
/* What a log line looks like on a terminal and elsewhere, and that one message stays one line. */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char output[8192];

/* Runs @say with stderr going to @write_end, and collects what comes out of @read_end. */
static void
capture(int read_end, int write_end, void (*say)(void))
{
	int saved = dup(STDERR_FILENO);
	size_t used = 0;
	ssize_t n;

	assert_true(saved >= 0 && dup2(write_end, STDERR_FILENO) >= 0);
	say();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	/* Closed first: then both a pipe and a terminal end behind the last byte. */
	close(write_end);
	while ((n = read(read_end, output + used, sizeof(output) - 1 - used)) > 0)
		used += (size_t)n;
	output[used] = '\0';
	close(read_end);
}

static void
capture_pipe(void (*say)(void))
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	capture(fd[0], fd[1], say);
}

static void
say_all_levels(void)
{
	log_init("prog[fw1]", LOG_LVL_DEBUG);
	log_err("e %d", 1);
	log_warn("w");
	log_info("i");
	log_debug("d");
}

static void
say_few_levels(void)
{
	log_init("prog", LOG_LVL_WARN);
	log_err("e");
	log_warn("w");
	log_info("i");
	log_debug("d");
}

static void
say_hostile(void)
{
	log_init("prog", LOG_LVL_INFO);
	log_err("%s", "one\ntwo\r\x1b[2J\x01\tthree");
}

static void
say_too_much(void)
{
	char text[4000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_init("prog", LOG_LVL_INFO);
	log_err("%s", text);
	log_err("next");
}

static void
say_nameless(void)
{
	static char name[3000];

	memset(name, 'n', sizeof(name) - 1);
	log_init(name, LOG_LVL_INFO);
	log_err("never shown, never overrun");
	log_init("prog", LOG_LVL_INFO);
}

static void
test_journal(void **state)
{
	capture_pipe(say_all_levels);
	assert_string_equal(output, "<3>prog[fw1]: e 1\n<4>prog[fw1]: w\n<6>prog[fw1]: i\n"
				    "<7>prog[fw1]: d\n");
}

static void
test_levels(void **state)
{
	capture_pipe(say_few_levels);
	assert_string_equal(output, "<3>prog: e\n<4>prog: w\n");
}

static void
test_terminal(void **state)
{
	struct termios raw = {0};
	int master, slave;

	cfmakeraw(&raw);
	if (openpty(&master, &slave, NULL, &raw, NULL) < 0)
		skip(); /* no pseudo terminals here */
	capture(master, slave, say_few_levels);
	assert_string_equal(output, "prog: e\nprog: w\n");
}

static void
test_one_line(void **state)
{
	capture_pipe(say_hostile);
	assert_string_equal(output, "<3>prog: one two  [2J \tthree\n");
}

static void
test_long(void **state)
{
	size_t first;

	capture_pipe(say_too_much);
	first = strcspn(output, "\n");
	assert_true(first > 1000 && first < 2000);
	assert_string_equal(output + first, "\n<3>prog: next\n");
	capture_pipe(say_nameless);
}

static void
say_nowhere(void)
{
	close(STDERR_FILENO);
	log_init("prog", LOG_LVL_INFO);
	log_err("nobody hears");
}

/* A closed stderr is no reason to die. */
static void
test_nowhere(void **state)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	close(fd[1]);
	capture(fd[0], dup(STDOUT_FILENO), say_nowhere);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal),  cmocka_unit_test(test_levels),
		cmocka_unit_test(test_terminal), cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_long),     cmocka_unit_test(test_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
