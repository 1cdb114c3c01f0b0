/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/verb_apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/control_client.h"
#include "appliance/live.h"
#include "appliance/rundir.h"
#include "appliance/verb_switch.h"
#include "base/log.h"

#define ANSWER_S 90 /* the site has a limit of its own; this one is for a site that hangs */

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "none";
}

static void
print_change(const json_t *c)
{
	const char *path = text_of(c, "path"), *needs = text_of(c, "needs");

	printf("%s: ", text_of(c, "who"));
	if (path[0])
		printf("%s: ", path);
	if (!json_is_null(json_object_get(c, "before")) ||
	    !json_is_null(json_object_get(c, "after")))
		printf("%s -> %s", text_of(c, "before"), text_of(c, "after"));
	if (json_is_string(json_object_get(c, "needs")))
		printf(": %s", needs);
	printf("\n");
}

static int
status_of(const json_t *answer)
{
	const char *kind = text_of(answer, "kind");

	if (json_is_true(json_object_get(answer, "ok")))
		return EXIT_OK;
	if (strcmp(kind, "invalid") == 0)
		return EXIT_INVALID;
	if (strcmp(kind, "refused") == 0)
		return EXIT_REFUSED;
	return strcmp(kind, "busy") == 0 ? EXIT_BUSY : EXIT_FAILED;
}

static int
tell(const json_t *answer, bool json)
{
	int status = status_of(answer);
	const json_t *c;
	size_t i;

	if (json) {
		json_dumpf(answer, stdout, JSON_INDENT(1));
		putchar('\n');
		return fflush(stdout) ? EXIT_FAILED : status;
	}
	json_array_foreach(json_object_get(answer, "problems"), i, c)
		fprintf(stderr, "%s\n", json_string_value(c));
	json_array_foreach(json_object_get(answer, "changes"), i, c) print_change(c);
	if (json_array_size(json_object_get(answer, "changes")) == CHANGES_TOLD)
		printf("...\n");
	if (status != EXIT_OK)
		log_err("%s", text_of(answer, "error"));
	else
		printf("%s\n", text_of(answer, "text"));
	return fflush(stdout) ? EXIT_FAILED : status;
}

static int
ask(const struct cli_args *args, const char *action)
{
	char *path = realpath(args->file, NULL), folder[SOCK_PATH_LEN];
	json_t *request = NULL, *answer = NULL;
	struct err e = {0};
	int status;

	if (!path) {
		log_err("%s: %s%s", args->file, strerror(errno),
			strcmp(args->file, "-") == 0
				? "; a running site reads its declaration itself, from a file"
				: "");
		return EXIT_INVALID;
	}
	status = verb_find_site(args, folder);
	if (status == EXIT_OK)
		request = json_pack("{s:s, s:s}", "action", action, "file", path);
	free(path);
	if (status != EXIT_OK)
		return status;
	if (!request) {
		log_err("%s: its path is not UTF-8 text", args->file);
		return EXIT_INVALID;
	}
	if (control_ask(folder, request, ANSWER_S, &answer, &e) < 0) {
		log_err("%s", e.text);
		status = EXIT_FAILED;
	} else {
		status = tell(answer, args->output && args->output[0] == 'j');
	}
	json_decref(request);
	json_decref(answer);
	return status;
}

int
verb_apply(const struct cli_args *args)
{
	return ask(args, "apply");
}

int
verb_diff(const struct cli_args *args)
{
	return ask(args, "diff");
}
