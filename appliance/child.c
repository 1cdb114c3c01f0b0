/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int
child_start_time(pid_t pid, uint64_t *ret)
{
	char path[64], buf[1024], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	buf[n] = '\0';
	/* The name in parentheses may hold anything; field 3 follows the last one (proc(5)). */
	p = strrchr(buf, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -EPROTO;
	*ret = strtoull(p + 1, NULL, 10);
	return 0;
}

/* In the child, between fork and exec. Returns only on failure, with an errno. */
static int
become(const char *path, char *const argv[], const int *keep, size_t n_keep, pid_t parent)
{
	sigset_t none;
	int null;

	/* The parent may have died before prctl() took effect: then nobody would send the signal. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return ESRCH;
	/* The terminal's Ctrl-C is for corelane, which stops its children in order. */
	if (setpgid(0, 0) < 0)
		return errno;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return errno;
	for (size_t i = 0; i < n_keep; i++)
		if (fcntl(keep[i], F_SETFD, 0) < 0)
			return errno;
	execv(path, argv);
	return errno;
}

int
child_start(const char *path, char *const argv[], const int *keep, size_t n_keep, struct child *ret)
{
	struct child c = CHILD_NONE;
	pid_t parent = getpid();
	int told[2], error = 0, r = 0;

	/* Closed by a successful exec; else it carries the errno. */
	if (pipe2(told, O_CLOEXEC) < 0)
		return -errno;
	c.pid = fork();
	if (c.pid < 0) {
		r = -errno;
		goto close_pipe;
	}
	if (c.pid == 0) {
		error = become(path, argv, keep, n_keep, parent);
		if (write(told[1], &error, sizeof(error)) < 0)
			_exit(126);
		_exit(127);
	}
	close(told[1]);
	told[1] = -1;
	c.pidfd = pidfd_open(c.pid, 0);
	if (c.pidfd < 0)
		r = -errno;
	else if (read(told[0], &error, sizeof(error)) == sizeof(error))
		r = -error;
	else
		r = child_start_time(c.pid, &c.start);
	if (r < 0)
		child_destroy(&c);
	else
		*ret = c;
close_pipe:
	close(told[0]);
	if (told[1] >= 0)
		close(told[1]);
	return r;
}

int
child_reap(struct child *c, int *ret_status)
{
	int status;

	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	close(c->pidfd);
	*c = CHILD_NONE;
	*ret_status = status;
	return 0;
}

int
child_kill(const struct child *c, int sig)
{
	if (c->pidfd < 0)
		return -ESRCH;
	return pidfd_send_signal(c->pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

void
child_destroy(struct child *c)
{
	int status;

	if (c->pid <= 0)
		return;
	if (c->pidfd >= 0)
		child_kill(c, SIGKILL);
	else
		kill(c->pid, SIGKILL); /* not reaped yet, so the number is still its own */
	child_reap(c, &status);
}

int
child_kill_stale(pid_t pid, uint64_t start)
{
	struct pollfd p = {.events = POLLIN};
	uint64_t now = 0;
	int r;

	if (pid <= 1)
		return -EINVAL;
	p.fd = pidfd_open(pid, 0);
	if (p.fd < 0)
		return errno == ESRCH ? 0 : -errno;
	if (poll(&p, 1, 0) == 1) { /* it has ended, and only waits for its parent to look */
		r = 0;
		goto close_fd;
	}
	/* The pidfd pins the process; only now is the comparison worth something. */
	r = child_start_time(pid, &now);
	if (r == -ESRCH || (r == 0 && now != start)) {
		r = 0;
		goto close_fd;
	}
	if (r < 0)
		goto close_fd;
	if (pidfd_send_signal(p.fd, SIGKILL, NULL, 0) < 0) {
		r = errno == ESRCH ? 0 : -errno;
		goto close_fd;
	}
	r = poll(&p, 1, 5000) == 1 ? 1 : -ETIMEDOUT;
close_fd:
	close(p.fd);
	return r;
}
