/* SPDX-License-Identifier: Apache-2.0 */
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/child.h"
#include "appliance/rundir.h"
#include "base/fdmsg.h"

static char base[64], path[96];

static int
make_base(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "/tmp/rundir-test-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	snprintf(path, sizeof(path), "%s/deep/site", base);
	return 0;
}

static int
remove_base(void **state)
{
	char deep[80];

	(void)state;
	snprintf(deep, sizeof(deep), "%s/deep", base);
	rmdir(deep);
	return rmdir(base); /* fails when a test left something */
}

static void
is_private_and_leaves_nothing(void **state)
{
	struct rundir d;
	struct err e = {0};
	struct stat st;
	char sock[SOCK_PATH_LEN];
	int fd;

	(void)state;
	assert_int_equal(rundir_open(path, "site", &d, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(rundir_socket(&d, "fw1.lan", "v0", sock, sizeof(sock)), 0);
	assert_int_equal(fdmsg_listen(sock, SOCK_STREAM, &fd), 0);
	close(fd);
	assert_int_equal(rundir_record(&d, 99, 1, "fw1"), 0);
	rundir_close(&d);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(d.fd, -1);
}

static void
a_second_run_is_told_who_is_first(void **state)
{
	struct rundir d, second;
	struct err e = {0};
	char want[64];

	(void)state;
	assert_int_equal(rundir_open(path, "site", &d, &e), 0);
	assert_int_equal(rundir_open(path, "site", &second, &e), -EBUSY);
	snprintf(want, sizeof(want), "already running (pid %d", (int)getpid());
	assert_non_null(strstr(e.text, want));
	rundir_close(&d);
	assert_int_equal(rundir_open(path, "site", &d, &e), 0);
	rundir_close(&d);
}

/* What a SIGKILLed run leaves: a process that somehow survived, sockets, its list, the lock file. */
static void
cleans_up_after_a_killed_run(void **state)
{
	char *argv[] = {(char *)"sleep", (char *)"1000", NULL};
	char sock[SOCK_PATH_LEN], other[128];
	struct child c = CHILD_NONE;
	struct rundir d;
	struct err e = {0};
	int fd, status;

	(void)state;
	assert_int_equal(rundir_open(path, "site", &d, &e), 0);
	assert_int_equal(child_start("/bin/sleep", argv, NULL, 0, &c), 0);
	assert_int_equal(rundir_record(&d, c.pid, c.start, "fw1"), 0);
	/* The number of a process that is not ours any more: must stay alive. */
	assert_int_equal(rundir_record(&d, getpid(), 12345, "somebody else"), 0);
	assert_int_equal(rundir_socket(&d, "fw1.lan", "v0", sock, sizeof(sock)), 0);
	assert_int_equal(fdmsg_listen(sock, SOCK_STREAM, &fd), 0);
	close(fd);
	snprintf(other, sizeof(other), "%s/notes.txt", path);
	close(open(other, O_CREAT | O_WRONLY, 0600));
	close(d.lock_fd); /* as the kernel does for a killed process */
	close(d.fd);

	assert_int_equal(rundir_open(path, "site", &d, &e), 0);
	assert_int_equal(d.killed, 1);
	assert_int_equal(d.removed, 1);
	assert_int_equal(child_reap(&c, &status), 0);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(access(sock, F_OK), -1);
	assert_int_equal(access(other, F_OK), 0); /* not ours: left alone, and so is the folder */
	rundir_close(&d);
	assert_int_equal(access(other, F_OK), 0);
	unlink(other);
	assert_int_equal(rmdir(path), 0);
}

static void
a_garbled_list_kills_nobody(void **state)
{
	char name[128];
	struct rundir d;
	struct err e = {0};
	FILE *f;

	(void)state;
	assert_int_equal(rundir_open(path, "site", &d, &e), 0);
	snprintf(name, sizeof(name), "%s/children", path);
	f = fopen(name, "w");
	fprintf(f, "-1 0\n0 0\n1 1\nnonsense\n%d\n%d 18446744073709551615\n", getpid(), getppid());
	for (int i = 0; i < 5000; i++)
		fputc('9', f);
	fclose(f);
	close(d.lock_fd);
	close(d.fd);
	assert_int_equal(rundir_open(path, "site", &d, &e), 0);
	assert_int_equal(d.killed, 0);
	rundir_close(&d);
}

static void
refuses_folders_of_others(void **state)
{
	char link[80];
	struct rundir d;
	struct err e = {0};

	(void)state;
	snprintf(link, sizeof(link), "%s/link", base);
	assert_int_equal(symlink("/tmp", link), 0);
	assert_int_not_equal(rundir_open(link, "site", &d, &e), 0);
	unlink(link);
	assert_int_equal(mkdir(link, 0777), 0);
	chmod(link, 0777);
	assert_int_equal(rundir_open(link, "site", &d, &e), -EPERM);
	assert_non_null(strstr(e.text, "mode 777"));
	rmdir(link);
}

static void
long_names_get_short_sockets(void **state)
{
	char longer[SOCK_PATH_LEN * 2], sock[SOCK_PATH_LEN];
	struct rundir d;
	struct err e = {0};

	(void)state;
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(rundir_open(path, "site", &d, &e), 0);
	longer[120] = '\0';
	assert_int_equal(rundir_socket(&d, longer, "vnf3.if1", sock, sizeof(sock)), 0);
	assert_non_null(strstr(sock, "/vnf3.if1.sock"));
	assert_int_equal(rundir_socket(&d, longer, longer, sock, sizeof(sock)), -ENAMETOOLONG);
	rundir_close(&d);
	longer[0] = '/';
	assert_int_equal(rundir_open(longer, "site", &d, &e), -ENAMETOOLONG);
	assert_non_null(strstr(e.text, "--run-dir"));
}

/* Opens and closes the folder many times. The error of the first that is not "busy", or 0. */
static int
come_and_go(struct err *e)
{
	for (int i = 0; i < 3000; i++) {
		struct rundir d;
		int r = rundir_open(path, "site", &d, e);

		if (r == 0)
			rundir_close(&d);
		else if (r != -EBUSY)
			return r;
	}
	return 0;
}

/* One run ends, and removes its folder, while another starts. */
static void
runs_that_meet_at_the_door(void **state)
{
	struct err e = {0};
	int status, r;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0)
		_exit(come_and_go(&e) == 0 ? 0 : 1);
	assert_true(pid > 0);
	r = come_and_go(&e);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (r < 0)
		fail_msg("%s", e.text);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_private_and_leaves_nothing, make_base,
						remove_base),
		cmocka_unit_test_setup_teardown(a_second_run_is_told_who_is_first, make_base,
						remove_base),
		cmocka_unit_test_setup_teardown(cleans_up_after_a_killed_run, make_base,
						remove_base),
		cmocka_unit_test_setup_teardown(a_garbled_list_kills_nobody, make_base,
						remove_base),
		cmocka_unit_test_setup_teardown(refuses_folders_of_others, make_base, remove_base),
		cmocka_unit_test_setup_teardown(runs_that_meet_at_the_door, make_base, remove_base),
		cmocka_unit_test_setup_teardown(long_names_get_short_sockets, make_base,
						remove_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
