/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/runner/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_SHOWN 240

static pid_t child; /* for the signal handler; 0 when there is none */

/* A terminal sends SIGINT to both of us; whoever sends SIGTERM sends it to us alone. */
static void
forward(int sig)
{
	if (child > 0 && sig == SIGTERM)
		kill(child, SIGTERM);
}

static void
show(FILE *in, bool quiet)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, in)) >= 0) {
		if (quiet)
			continue;
		if (n > LINE_SHOWN)
			printf("%.*s ...\n", LINE_SHOWN, line);
		else
			fwrite(line, 1, (size_t)n, stdout);
		fflush(stdout);
	}
	free(line);
}

static void
become(char *const argv[], int out, pid_t parent)
{
	/* SIGTERM, not SIGKILL: corelane then stops its own children in order. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		_exit(EXIT_FAILED);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(EXIT_FAILED);
	execv(argv[0], argv);
	fprintf(stderr, "corelane-bench: %s cannot be started\n", argv[0]);
	_exit(EXIT_FAILED);
}

int
relay_run(char *const argv[], bool quiet, int *ret_status, struct err *e)
{
	struct sigaction act = {.sa_handler = forward, .sa_flags = SA_RESTART};
	pid_t parent = getpid();
	int p[2], status;
	FILE *in;

	if (access(argv[0], X_OK) < 0)
		return err_sys(e, errno, "%s", argv[0]);
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	in = fdopen(p[0], "r");
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	fflush(NULL);
	child = in ? fork() : -1;
	if (child < 0) {
		close(p[1]);
		return err_sys(e, errno, "%s", argv[0]);
	}
	if (child == 0)
		become(argv, p[1], parent);
	close(p[1]);
	show(in, quiet);
	fclose(in);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "waiting for %s", argv[0]);
	child = 0;
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}
