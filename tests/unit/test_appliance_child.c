/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/child.h"

static struct child
start(const char *script, const int *keep, size_t n)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
	struct child c = CHILD_NONE;

	assert_int_equal(child_start("/bin/sh", argv, keep, n, &c), 0);
	assert_true(c.pid > 0);
	assert_true(c.start > 0);
	return c;
}

static int
wait_for(struct child *c)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
	int status = -1;

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(child_reap(c, &status), 0);
	assert_int_equal(c->pid, 0);
	assert_int_equal(c->pidfd, -1);
	return status;
}

static void
tells_how_it_ended(void **state)
{
	struct child c = start("exit 7", NULL, 0);
	int status = wait_for(&c);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	c = start("kill -9 $$", NULL, 0);
	status = wait_for(&c);
	assert_true(WIFSIGNALED(status));
}

static void
a_missing_program_is_an_error_at_once(void **state)
{
	char *argv[] = {(char *)"x", NULL};
	struct child c = CHILD_NONE;

	(void)state;
	assert_int_equal(child_start("/nonexistent/x", argv, NULL, 0, &c), -ENOENT);
	assert_int_equal(child_start("/proc/version", argv, NULL, 0, &c), -EACCES);
	assert_int_equal(c.pid, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none left */
	assert_int_equal(errno, ECHILD);
}

static void
only_named_descriptors_pass(void **state)
{
	char script[128], got[16] = "";
	int p[2], q[2];
	struct child c;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(pipe2(q, O_CLOEXEC), 0);
	snprintf(script, sizeof(script),
		 "test -e /proc/self/fd/%d && echo leak >&%d; echo done >&%d", q[1], p[1], p[1]);
	c = start(script, &p[1], 1);
	wait_for(&c);
	assert_int_equal(read(p[0], got, sizeof(got)), 5);
	assert_string_equal(got, "done\n");
	close(p[0]);
	close(p[1]);
	close(q[0]);
	close(q[1]);
}

/* A parent that is killed takes its children along. */
static void
dies_with_its_parent(void **state)
{
	struct {
		pid_t pid;
		uint64_t start;
	} told;
	uint64_t now;
	int p[2];
	pid_t parent;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		struct child c = start("exec sleep 1000", NULL, 0);

		told.pid = c.pid;
		told.start = c.start;
		if (write(p[1], &told, sizeof(told)) != sizeof(told))
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(p[0], &told, sizeof(told)), sizeof(told));
	assert_int_equal(child_start_time(told.pid, &now), 0);
	assert_int_equal(now, told.start);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	for (int i = 0; i < 500; i++) {
		char path[64], text[512] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", told.pid);
		f = fopen(path, "r");
		if (!f || !fgets(text, sizeof(text), f) || strstr(text, ") Z ")) {
			if (f)
				fclose(f);
			close(p[0]);
			close(p[1]);
			return; /* gone, or a zombie that init has not looked at */
		}
		fclose(f);
		usleep(10000);
	}
	fail_msg("process %d outlived its parent", told.pid);
}

static void
kills_only_the_very_process(void **state)
{
	struct child c = start("exec sleep 1000", NULL, 0);
	pid_t pid = c.pid;
	uint64_t born = c.start;
	int status;

	(void)state;
	assert_int_equal(child_kill_stale(pid, born + 1), 0); /* same number, another process */
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(child_kill_stale(pid, born), 1);
	assert_int_equal(child_kill_stale(pid, born), 0); /* a zombie */
	status = wait_for(&c);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(child_kill_stale(pid, born), 0);
	assert_int_equal(child_kill_stale(1, born), -EINVAL);
	assert_int_equal(child_kill_stale(-1, born), -EINVAL);
}

static void
reads_start_times(void **state)
{
	uint64_t a, b;

	(void)state;
	assert_int_equal(child_start_time(getpid(), &a), 0);
	assert_int_equal(child_start_time(getpid(), &b), 0);
	assert_int_equal(a, b);
	assert_int_equal(child_start_time(0x3fffffff, &a), -ESRCH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_how_it_ended),
		cmocka_unit_test(a_missing_program_is_an_error_at_once),
		cmocka_unit_test(only_named_descriptors_pass),
		cmocka_unit_test(dies_with_its_parent),
		cmocka_unit_test(kills_only_the_very_process),
		cmocka_unit_test(reads_start_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
