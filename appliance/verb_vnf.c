/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/verb_vnf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/command.h"
#include "appliance/control_client.h"
#include "appliance/rundir.h"
#include "base/log.h"
#include "config/value.h"

/* The site's own limit comes first; this one is for a site that hangs. */
#define MARGIN_S 10

/* Which key of a request an action's argument is. */
static const struct {
	const char *action, *key;
} argument[] = {
	{"detach", "interface"},
	{"attach", "interface"},
	{"balloon", "size"},
	{"resize", "disk"},
};

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static int
write_out(const json_t *j)
{
	if (json_dumpf(j, stdout, JSON_INDENT(1)) < 0 || putchar('\n') == EOF || fflush(stdout)) {
		log_err("standard output could not be written");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static int
list(const struct control_site *site, size_t n, bool json)
{
	json_t *all = json_array();
	int status = EXIT_OK;

	for (size_t i = 0; json && i < n; i++) {
		json_object_set_new(site[i].list, "runDir", json_string(site[i].folder));
		json_array_append(all, site[i].list);
	}
	if (json) {
		status = write_out(all);
		json_decref(all);
		return status;
	}
	json_decref(all);
	printf("%-24s %-16s %9s %9s  %s\n", "VNF", "STATE", "RESTARTS", "PID", "RUN FOLDER");
	for (size_t i = 0; i < n; i++) {
		const json_t *vnfs = json_object_get(site[i].list, "vnfs");

		for (size_t k = 0; k < json_array_size(vnfs); k++) {
			const json_t *v = json_array_get(vnfs, k);

			printf("%-24s %-16s %9" JSON_INTEGER_FORMAT " %9" JSON_INTEGER_FORMAT
			       "  %s\n",
			       text_of(v, "name"), text_of(v, "state"),
			       json_integer_value(json_object_get(v, "restarts")),
			       json_integer_value(json_object_get(v, "pid")), site[i].folder);
		}
	}
	return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
}

static bool
has_vnf(const struct control_site *site, const char *name)
{
	const json_t *vnfs = json_object_get(site->list, "vnfs");

	for (size_t i = 0; i < json_array_size(vnfs); i++)
		if (strcmp(text_of(json_array_get(vnfs, i), "name"), name) == 0)
			return true;
	return false;
}

/* The site that has VNF @name. One site alone gets the question anyway: its words are better. */
static const struct control_site *
find_site(const struct control_site *site, size_t n, const char *name)
{
	const struct control_site *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!has_vnf(&site[i], name))
			continue;
		if (found) {
			log_err("vnf %s: there is one in %s and one in %s; say which with "
				"--run-dir",
				name, found->folder, site[i].folder);
			return NULL;
		}
		found = &site[i];
	}
	if (!found && n == 1)
		return &site[0];
	if (!found)
		log_err("vnf %s: none of the %zu sites that run has it; see: corelane vnf list",
			name, n);
	return found;
}

static int
add_argument(json_t *request, const char *action, const char *text)
{
	const char *key = NULL;
	uint64_t size;

	for (size_t i = 0; i < ARRAY_SIZE(argument); i++)
		if (strcmp(argument[i].action, action) == 0)
			key = argument[i].key;
	if (key && !text) {
		log_err("vnf: %s needs an argument (%s); see: corelane help vnf", action, key);
		return EXIT_USAGE;
	}
	if (!key && text) {
		log_err("vnf: %s takes no argument", action);
		return EXIT_USAGE;
	}
	if (!key)
		return EXIT_OK;
	if (strcmp(key, "size") != 0) {
		json_object_set_new(request, key, json_string(text));
		return EXIT_OK;
	}
	if (value_scaled(text, unit_size, &size) < 0) {
		log_err("vnf: balloon: %s is not a size such as 512Mi", text);
		return EXIT_USAGE;
	}
	json_object_set_new(request, key, json_integer((json_int_t)size));
	return EXIT_OK;
}

static int
add_timeout(json_t *request, const char *text, unsigned int *ret_s)
{
	int64_t s;

	*ret_s = COMMAND_TIMEOUT_S;
	if (!text)
		return EXIT_OK;
	if (value_number(text, &s) < 0 || s < 1 || s > COMMAND_TIMEOUT_S) {
		log_err("vnf: timeout %s is not 1..%d seconds", text, COMMAND_TIMEOUT_S);
		return EXIT_USAGE;
	}
	json_object_set_new(request, "timeout", json_integer(s));
	*ret_s = (unsigned int)s;
	return EXIT_OK;
}

/* "  KEY   value", objects and lists one level deeper. */
static void
print_value(const char *key, const json_t *v, int indent)
{
	const char *k;
	const json_t *c;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, c) print_value(key, c, indent);
		return;
	}
	printf("%*s%-*s", indent, "", 18 - indent, key);
	if (json_is_object(v)) {
		const json_t *name = json_object_get(v, "name");

		printf("%s\n", name ? json_string_value(name) : "");
		json_object_foreach((json_t *)v, k, c) if (strcmp(k, "name") != 0)
			print_value(k, c, indent + 2);
		return;
	}
	if (json_is_string(v))
		printf("%s\n", json_string_value(v));
	else if (json_is_integer(v))
		printf("%" JSON_INTEGER_FORMAT "\n", json_integer_value(v));
	else
		printf("%s\n", json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "none");
}

static int
tell(const json_t *answer, bool json)
{
	bool ok = json_is_true(json_object_get(answer, "ok"));
	const json_t *vnf = json_object_get(answer, "vnf");
	const char *k;
	const json_t *v;

	if (json && write_out(answer) != EXIT_OK)
		return EXIT_FAILED;
	if (!ok && !json)
		log_err("%s", text_of(answer, "error"));
	if (!ok)
		return EXIT_FAILED;
	if (!json && vnf)
		json_object_foreach((json_t *)vnf, k, v) print_value(k, v, 0);
	else if (!json)
		printf("%s\n", text_of(answer, "text"));
	return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
}

static int
ask(const struct control_site *site, const struct cli_args *args)
{
	json_t *request = json_pack("{s:s, s:s}", "action", args->more[0], "vnf", args->file);
	json_t *answer = NULL;
	unsigned int timeout_s;
	struct err e = {0};
	int status;

	if (!request) {
		log_err("the command is not UTF-8 text");
		return EXIT_USAGE;
	}
	status = add_argument(request, args->more[0], args->more[1]);
	if (status == EXIT_OK)
		status = add_timeout(request, args->timeout, &timeout_s);
	if (status == EXIT_OK &&
	    control_ask(site->folder, request, timeout_s + MARGIN_S, &answer, &e) < 0) {
		log_err("%s", e.text);
		status = EXIT_FAILED;
	}
	json_decref(request);
	if (status == EXIT_OK)
		status = tell(answer, args->output && args->output[0] == 'j');
	json_decref(answer);
	return status;
}

int
verb_vnf(const struct cli_args *args)
{
	static struct control_site site[CONTROL_SITES_MAX];
	const struct control_site *found;
	struct err e = {0};
	int status = EXIT_FAILED;
	size_t n;

	if (!args->more[0] && strcmp(args->file, "list") != 0) {
		log_err("vnf %s: what shall be done with it? see: corelane help vnf", args->file);
		return EXIT_USAGE;
	}
	if (control_sites(args->run_dir, RUNDIR_DEFAULT, site, &n, &e) < 0) {
		log_err("%s", e.text);
		return EXIT_FAILED;
	}
	if (!args->more[0]) {
		status = list(site, n, args->output && args->output[0] == 'j');
	} else {
		found = find_site(site, n, args->file);
		if (found)
			status = ask(found, args);
	}
	control_sites_free(site, n);
	return status;
}
