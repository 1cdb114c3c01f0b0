/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/switch_scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#define STATUS_FAILED 1
#define STATUS_SKIP   77

void
fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
	_exit(STATUS_FAILED);
}

static void
run(const struct scenario *s, const char *program, const char *ring)
{
	struct world w = {.program = program,
			  .packed = strncmp(ring, "packed", 6) == 0,
			  .lanes = strstr(ring, "-lanes") != NULL};

	if (!world_start(&w))
		_exit(STATUS_SKIP);
	s->run(&w);
	if (w.pid)
		world_stop(&w);
	_exit(0);
}

/* Result lines are the parent's; a failing scenario has written why. */
static int
report(const struct scenario *s, const char *program, const char *ring)
{
	char why[512] = "";
	int out[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(out) < 0)
		return 1;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		run(s, program, ring);
	}
	close(out[1]);
	n = read(out[0], why, sizeof(why) - 1);
	why[n > 0 ? n : 0] = '\0';
	close(out[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		printf("ok %s/%s\n", ring, s->name);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIP)
		printf("skip %s/%s: too few hugepages for the switch\n", ring, s->name);
	else
		printf("not ok %s/%s: %s (status %#x)\n", ring, s->name, why, (unsigned int)status);
	return !WIFEXITED(status) || WEXITSTATUS(status) == STATUS_FAILED;
}

int
scenarios_run(const struct scenario *list, size_t n, int argc, char **argv)
{
	int failed = 0;

	if (argc < 3)
		return EXIT_USAGE;
	for (size_t i = 0; i < n; i++)
		if (argc < 4 || strcmp(argv[3], list[i].name) == 0)
			failed += report(&list[i], argv[1], argv[2]);
	return failed ? EXIT_FAILED : EXIT_OK;
}
