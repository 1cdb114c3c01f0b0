/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes that cannot outlive us: a process group of their own, SIGKILL when the parent dies,
 * watched and killed through a pidfd, never by a number that could have been used again.
 */
#ifndef CORELANE_APPLIANCE_CHILD_H
#define CORELANE_APPLIANCE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;      /* 0 when there is none */
	int pidfd;      /* readable when it has ended; owned; -1 when there is none */
	uint64_t start; /* /proc/PID/stat field 22: with the pid, its identity on this boot */
};

#define CHILD_NONE ((struct child){.pidfd = -1})

/*
 * Runs @path with @argv (NULL-ended). It keeps our stderr, gets /dev/null as stdin, stderr as stdout,
 * and the @n_keep fds of @keep under their own numbers; everything else is O_CLOEXEC. 0, or -errno of
 * whatever failed, exec included; nothing is left then.
 */
int child_start(const char *path, char *const argv[], const int *keep, size_t n_keep,
		struct child *ret);

/* After pidfd became readable: takes its wait status (as of waitpid(2)) and forgets the child. */
int child_reap(struct child *c, int *ret_status);
/* Sends @sig; -ESRCH when it has ended. */
int child_kill(const struct child *c, int sig);
/* SIGKILL, waits, forgets. */
void child_destroy(struct child *c);

/* When process @pid started, from /proc. -ESRCH when there is no such process. */
int child_start_time(pid_t pid, uint64_t *ret);

/*
 * For a process of an earlier run that may not be our child: kills it when it is still the one that
 * started at @start, and waits until it is gone. 1: killed; 0: gone already; -errno.
 */
int child_kill_stale(pid_t pid, uint64_t start);

#endif
