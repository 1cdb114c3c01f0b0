/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/verb_switch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/control_client.h"
#include "appliance/rundir.h"
#include "base/log.h"
#include "config/near.h"
#include "config/value.h"

#define ANSWER_S 70 /* the site has a limit of its own; this one is for a site that hangs */

int
verb_find_site(const struct cli_args *args, char ret_folder[SOCK_PATH_LEN])
{
	static struct control_site site[CONTROL_SITES_MAX];
	struct err e = {0};
	int status = EXIT_OK;
	size_t n;

	if (control_sites(args->run_dir, RUNDIR_DEFAULT, site, &n, &e) < 0) {
		log_err("%s", e.text);
		return EXIT_FAILED;
	}
	if (n == 1) {
		memcpy(ret_folder, site[0].folder, SOCK_PATH_LEN);
	} else {
		log_err("%zu sites run, in %s, %s%s; say which with --run-dir", n, site[0].folder,
			site[1].folder, n > 2 ? "..." : "");
		status = EXIT_USAGE;
	}
	control_sites_free(site, n);
	return status;
}

int
verb_switch_ask(const char *folder, const char *op, json_t *extra, int fd, json_t **ret_answer)
{
	json_t *request = json_pack("{s:s, s:s}", "action", "switch", "op", op), *answer = NULL;
	const char *error;
	struct err e = {0};
	int status = EXIT_OK;

	if (!request || (extra && json_object_update(request, extra) < 0)) {
		log_err("out of memory");
		status = EXIT_FAILED;
	}
	if (status == EXIT_OK && control_ask_fd(folder, request, fd, ANSWER_S, &answer, &e) < 0) {
		log_err("%s", e.text);
		status = EXIT_FAILED;
	}
	json_decref(extra);
	json_decref(request);
	if (status != EXIT_OK)
		return status;
	if (!json_is_true(json_object_get(answer, "ok"))) {
		error = json_string_value(json_object_get(answer, "error"));
		log_err("%s", error ? error : "the site gives no reason");
		json_decref(answer);
		return EXIT_FAILED;
	}
	*ret_answer = answer;
	return EXIT_OK;
}

static bool
wants_json(const struct cli_args *args)
{
	return args->output && args->output[0] == 'j';
}

static json_int_t
num(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static const char *
str(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text ? text : "-";
}

static json_int_t
all_drops(const json_t *stats)
{
	const json_t *v;
	const char *k;
	json_int_t n = 0;

	json_object_foreach(json_object_get(stats, "drops"), k, v) n += json_integer_value(v);
	return n;
}

/* All of the list @key that @op answers with, asked for again while there is more. NULL: told why. */
static json_t *
fetch(const char *folder, const char *op, const char *key, const json_t *extra, int *ret_status)
{
	json_t *all = json_array(), *answer, *ask;
	bool more = true;

	while (more) {
		ask = extra ? json_copy((json_t *)extra) : json_object();
		json_object_set_new(ask, "skip", json_integer((json_int_t)json_array_size(all)));
		*ret_status = verb_switch_ask(folder, op, ask, -1, &answer);
		if (*ret_status != EXIT_OK) {
			json_decref(all);
			return NULL;
		}
		more = json_is_true(json_object_get(answer, "more")) &&
		       json_array_size(json_object_get(answer, key)) > 0;
		json_array_extend(all, json_object_get(answer, key));
		json_decref(answer);
	}
	return all;
}

static void
print_list(const json_t *ports)
{
	const json_t *p;
	size_t i;

	printf("%-28s %-16s %-7s %-5s %14s %14s %12s %6s\n", "PORT", "NETWORK", "KIND", "LINK",
	       "FROM IT", "TO IT", "DROPPED", "MACS");
	json_array_foreach(ports, i, p)
	{
		const json_t *s = json_object_get(p, "stats");

		printf("%-28s %-16s %-7s %-5s %14" JSON_INTEGER_FORMAT " %14" JSON_INTEGER_FORMAT
		       " %12" JSON_INTEGER_FORMAT " %6" JSON_INTEGER_FORMAT "\n",
		       str(p, "name"), str(p, "network"), str(p, "kind"),
		       json_is_true(json_object_get(p, "connected")) ? "up" : "down",
		       num(s, "rxPackets"), num(s, "txPackets"), all_drops(s), num(s, "macs"));
	}
}

/* "key   value", what is inside of it one step further in. */
static void
print_value(const char *key, const json_t *v, int indent)
{
	const char *k;
	const json_t *c;
	size_t i;

	printf("%*s%-*s", indent, "", 18 - indent, key);
	if (json_is_object(v)) {
		printf("\n");
		json_object_foreach((json_t *)v, k, c) print_value(k, c, indent + 2);
		return;
	}
	json_array_foreach(v, i, c)
	{
		if (json_is_string(c))
			printf("%s%s", i ? ", " : "", json_string_value(c));
		else
			printf("%s%" JSON_INTEGER_FORMAT, i ? ", " : "", json_integer_value(c));
	}
	if (json_is_string(v))
		printf("%s", json_string_value(v));
	else if (json_is_integer(v))
		printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_boolean(v))
		printf("%s", json_is_true(v) ? "yes" : "no");
	printf("\n");
}

static void
print_show(const json_t *ports)
{
	const json_t *v;
	const char *k;

	json_object_foreach(json_array_get(ports, 0), k, v) print_value(k, v, 0);
}

static void
print_macs(const json_t *macs)
{
	const json_t *m;
	size_t i;

	printf("%-18s %5s  %-28s %8s  %s\n", "MAC", "VLAN", "PORT", "AGE S", "KIND");
	json_array_foreach(macs, i, m)
		printf("%-18s %5" JSON_INTEGER_FORMAT "  %-28s %8" JSON_INTEGER_FORMAT "  %s\n",
		       str(m, "mac"), num(m, "vlan"), str(m, "port"), num(m, "age"),
		       json_is_true(json_object_get(m, "static")) ? "declared" : "learnt");
}

static void
print_lanes(const json_t *lanes)
{
	const json_t *l;
	size_t i;

	printf("%4s %4s %5s %6s %16s %7s %12s %12s\n", "LANE", "CPU", "NODE", "PORTS", "FRAMES",
	       "BUSY %", "SLEEPS", "SLEPT MS");
	json_array_foreach(lanes, i, l)
	{
		double busy = (double)num(l, "busyNs"), idle = (double)num(l, "idleNs");
		double all = busy + idle + (double)num(l, "sleptNs");

		printf("%4" JSON_INTEGER_FORMAT " %4" JSON_INTEGER_FORMAT " %5" JSON_INTEGER_FORMAT
		       " %6" JSON_INTEGER_FORMAT " %16" JSON_INTEGER_FORMAT
		       " %7.2f %12" JSON_INTEGER_FORMAT " %12" JSON_INTEGER_FORMAT "\n",
		       num(l, "lane"), num(l, "cpu"), num(l, "node"), num(l, "ports"),
		       num(l, "frames"), all > 0 ? 100 * busy / all : 0.0, num(l, "sleeps"),
		       num(l, "sleptNs") / 1000000);
	}
}

static void
print_rules(const json_t *rules)
{
	const json_t *r;
	size_t i;

	printf("%-32s %16s %16s\n", "RULE", "FRAMES", "BYTES");
	json_array_foreach(rules, i, r)
		printf("%-32s %16" JSON_INTEGER_FORMAT " %16" JSON_INTEGER_FORMAT "\n",
		       str(r, "name"), num(r, "packets"), num(r, "bytes"));
}

/* The ports' numbers added up by network. */
static json_t *
sum_networks(const json_t *ports)
{
	static const char *const key[] = {"rxPackets", "rxBytes", "txPackets", "txBytes",
					  "flooded"};
	json_t *all = json_object(), *net;
	const json_t *p;
	size_t i;

	json_array_foreach(ports, i, p)
	{
		const json_t *s = json_object_get(p, "stats");
		const char *name = str(p, "network");

		net = json_object_get(all, name);
		if (!net) {
			net = json_object();
			json_object_set_new(all, name, net);
		}
		for (size_t k = 0; k < ARRAY_SIZE(key); k++)
			json_object_set_new(net, key[k],
					    json_integer(num(net, key[k]) + num(s, key[k])));
		json_object_set_new(net, "dropped",
				    json_integer(num(net, "dropped") + all_drops(s)));
		json_object_set_new(net, "ports", json_integer(num(net, "ports") + 1));
	}
	return all;
}

static void
print_networks(const json_t *all)
{
	const json_t *n;
	const char *name;

	printf("%-24s %6s %14s %14s %16s %16s %12s\n", "NETWORK", "PORTS", "FROM PORTS", "TO PORTS",
	       "BYTES FROM", "BYTES TO", "DROPPED");
	json_object_foreach((json_t *)all, name, n)
		printf("%-24s %6" JSON_INTEGER_FORMAT " %14" JSON_INTEGER_FORMAT
		       " %14" JSON_INTEGER_FORMAT " %16" JSON_INTEGER_FORMAT
		       " %16" JSON_INTEGER_FORMAT " %12" JSON_INTEGER_FORMAT "\n",
		       name, num(n, "ports"), num(n, "rxPackets"), num(n, "txPackets"),
		       num(n, "rxBytes"), num(n, "txBytes"), num(n, "dropped"));
}

static int
show(const struct cli_args *args, json_t *j, void (*print)(const json_t *j))
{
	if (wants_json(args)) {
		json_dumpf(j, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		print(j);
	}
	json_decref(j);
	if (fflush(stdout) == 0)
		return EXIT_OK;
	log_err("standard output could not be written");
	return EXIT_FAILED;
}

static int
list(const struct cli_args *args, const char *folder)
{
	int status;
	json_t *j = fetch(folder, "list", "ports", NULL, &status);

	return j ? show(args, j, print_list) : status;
}

static int
networks(const struct cli_args *args, const char *folder)
{
	int status;
	json_t *j = fetch(folder, "list", "ports", NULL, &status), *sums;

	if (!j)
		return status;
	sums = sum_networks(j);
	json_decref(j);
	return show(args, sums, print_networks);
}

static int
lanes(const struct cli_args *args, const char *folder)
{
	int status;
	json_t *j = fetch(folder, "lanes", "lanes", NULL, &status);

	return j ? show(args, j, print_lanes) : status;
}

/* What is asked about one port, or about all. */
static int
about_port(const struct cli_args *args, const char *folder, const char *op, const char *key,
	   void (*print)(const json_t *j))
{
	json_t *extra = json_object(), *j;
	int status;

	if (args->more[0])
		json_object_set_new(extra, "port", json_string(args->more[0]));
	if (args->more[0] && args->more[1])
		json_object_set_new(extra, "direction", json_string(args->more[1]));
	j = fetch(folder, op, key, extra, &status);
	json_decref(extra);
	return j ? show(args, j, print) : status;
}

static int
show_port(const struct cli_args *args, const char *folder)
{
	return about_port(args, folder, "stats", "ports", print_show);
}

static int
macs(const struct cli_args *args, const char *folder)
{
	return about_port(args, folder, "macs", "macs", print_macs);
}

static int
rules(const struct cli_args *args, const char *folder)
{
	return about_port(args, folder, "counts", "rules", print_rules);
}

static void
print_done(const json_t *answer)
{
	printf("%s\n", str(answer, "text"));
}

static int
move(const struct cli_args *args, const char *folder)
{
	json_t *answer;
	int64_t lane;
	int status;

	if (value_number(args->more[1], &lane) < 0 || lane < 0 || lane > UINT32_MAX) {
		log_err("switch move: %s is not the number of a lane; see: corelane switch lanes",
			args->more[1]);
		return EXIT_USAGE;
	}
	status = verb_switch_ask(folder, "move",
				 json_pack("{s:s, s:I}", "port", args->more[0], "lane",
					   (json_int_t)lane),
				 -1, &answer);
	return status == EXIT_OK ? show(args, answer, print_done) : status;
}

static int
upgrade(const struct cli_args *args, const char *folder)
{
	json_t *extra = json_object(), *answer;
	char *program = args->switch_program ? realpath(args->switch_program, NULL) : NULL;
	int status = EXIT_INVALID;

	if (args->switch_program && !program) {
		log_err("%s: %s", args->switch_program, strerror(errno));
		json_decref(extra);
		return EXIT_INVALID;
	}
	if (program)
		json_object_set_new(extra, "program", json_string(program));
	free(program);
	status = verb_switch_ask(folder, "upgrade", extra, -1, &answer);
	return status == EXIT_OK ? show(args, answer, print_done) : status;
}

static const struct {
	const char *name;
	unsigned int min, max; /* arguments behind it */
	const char *wants;
	int (*run)(const struct cli_args *args, const char *folder);
} actions[] = {
	{"list", 0, 0, "", list},
	{"show", 1, 1, "PORT", show_port},
	{"macs", 0, 1, "[PORT]", macs},
	{"lanes", 0, 0, "", lanes},
	{"networks", 0, 0, "", networks},
	{"rules", 1, 2, "PORT [in|out]", rules},
	{"trace", 1, 1, "PORT", verb_trace},
	{"capture", 2, CLI_MORE_MAX, "PORT FILE [filter KEY=VALUE...]", verb_capture},
	{"move", 2, 2, "PORT LANE", move},
	{"upgrade", 0, 0, "[--switch PATH]", upgrade},
};

int
verb_switch(const struct cli_args *args)
{
	char folder[SOCK_PATH_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = args->file};
	unsigned int n = 0;
	int status;

	while (n < CLI_MORE_MAX && args->more[n])
		n++;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		near_try(&near, actions[i].name);
		if (strcmp(actions[i].name, args->file) != 0)
			continue;
		if (n < actions[i].min || n > actions[i].max) {
			log_err("usage: corelane switch %s %s", actions[i].name, actions[i].wants);
			return EXIT_USAGE;
		}
		status = verb_find_site(args, folder);
		return status == EXIT_OK ? actions[i].run(args, folder) : status;
	}
	log_err("switch: there is no action %s%s; see: corelane help switch", args->file,
		near_hint(&near, hint));
	return EXIT_USAGE;
}
