/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "corelane switch capture": a port's frames into a pcap file. The switch writes into a pipe, and what
 * comes out of it is copied here: into a file of the caller's, or on, to whoever reads standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/verb_switch.h"
#include "base/log.h"
#include "config/value.h"

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* "filter protocol=tcp source=10.0.0.0/8" behind PORT and FILE. NULL: it was told what is wrong. */
static json_t *
take_filter(const struct cli_args *args)
{
	json_t *rule = json_object();

	if (args->more[2] && strcmp(args->more[2], "filter") != 0) {
		log_err("switch capture: %s: what follows the file is: filter KEY=VALUE...",
			args->more[2]);
		json_decref(rule);
		return NULL;
	}
	for (unsigned int i = 3; args->more[2] && i < CLI_MORE_MAX && args->more[i]; i++) {
		const char *text = args->more[i], *eq = strchr(text, '=');
		char key[64];

		if (!eq || (size_t)(eq - text) >= sizeof(key)) {
			log_err("switch capture: filter: %s is not KEY=VALUE", text);
			json_decref(rule);
			return NULL;
		}
		snprintf(key, sizeof(key), "%.*s", (int)(eq - text), text);
		json_object_set_new(rule, key, json_string(eq + 1));
	}
	return rule;
}

static int
write_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, data, n);

		if (w < 0 && errno != EINTR)
			return -errno;
		if (w > 0) {
			data += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

static int
release(const char *folder, const char *port)
{
	json_t *answer = NULL;
	int status =
		verb_switch_ask(folder, "release", json_pack("{s:s}", "port", port), -1, &answer);
	const json_t *c;
	size_t i;

	/* On standard error: the frames may be on standard output. */
	json_array_foreach(json_object_get(answer, "counts"), i, c)
		fprintf(stderr, "%s %" JSON_INTEGER_FORMAT "\n",
			json_string_value(json_object_get(c, "name")),
			json_integer_value(json_object_get(c, "packets")));
	json_decref(answer);
	return status;
}

/*
 * Until the switch closes its end. An interrupt ends the capture; what is on its way still comes: the
 * release goes out from a child, since the switch may wait for us to read.
 */
static int
copy(const char *folder, const char *port, int from, int to)
{
	static char buf[65536];
	pid_t child = -1;

	for (;;) {
		ssize_t n = read(from, buf, sizeof(buf));
		int r = n > 0 ? write_all(to, buf, (size_t)n) : 0;

		if (r < 0) {
			log_err("switch capture: its file: %s", strerror(-r));
			return EXIT_FAILED;
		}
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (interrupted && child < 0) {
			child = fork();
			if (child == 0)
				_exit(release(folder, port));
		}
	}
	if (child > 0) {
		waitpid(child, NULL, 0);
		return EXIT_OK;
	}
	return release(folder, port); /* it ended by itself; its place is given back */
}

static int
start(const struct cli_args *args, const char *folder, int64_t count, json_t *rule, int fd)
{
	json_t *answer = NULL;
	int status = verb_switch_ask(folder, "capture",
				     json_pack("{s:s, s:I, s:o}", "port", args->more[0], "count",
					       (json_int_t)count, "rule", rule),
				     fd, &answer);

	json_decref(answer);
	return status;
}

static int
open_file(const char *name)
{
	int fd = strcmp(name, "-") == 0
			 ? dup(STDOUT_FILENO)
			 : open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		log_err("%s: %s", name, strerror(errno));
	return fd;
}

int
verb_capture(const struct cli_args *args, const char *folder)
{
	const struct sigaction act = {.sa_handler = on_interrupt}; /* read() is interrupted */
	int64_t count = 0;
	int pair[2], file, status;
	json_t *rule;

	if (args->count && (value_number(args->count, &count) < 0 || count < 1)) {
		log_err("switch capture: count %s is not a positive number", args->count);
		return EXIT_USAGE;
	}
	rule = take_filter(args);
	if (!rule)
		return EXIT_USAGE;
	file = open_file(args->more[1]);
	if (file < 0 || pipe2(pair, O_CLOEXEC) < 0) {
		json_decref(rule);
		if (file >= 0)
			close(file);
		return EXIT_FAILED;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	status = start(args, folder, count, rule, pair[1]);
	close(pair[1]);
	if (status == EXIT_OK)
		status = copy(folder, args->more[0], pair[0], file);
	close(pair[0]);
	if (close(file) < 0 && status == EXIT_OK) {
		log_err("%s: %s", args->more[1], strerror(errno));
		status = EXIT_FAILED;
	}
	return status;
}
