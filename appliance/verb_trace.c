/* SPDX-License-Identifier: Apache-2.0 */
/* "corelane switch trace": what the switch decides about a port's next frames, as it does. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appliance/verb_switch.h"
#include "base/log.h"
#include "config/value.h"

#define COUNT_DEFAULT 10
#define POLL_NS       100000000L

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static unsigned int
byte_at(const char *hex, size_t i)
{
	char two[3] = {0};

	if (strlen(hex) < 2 * i + 2)
		return 0;
	memcpy(two, hex + 2 * i, 2);
	return (unsigned int)strtoul(two, NULL, 16);
}

/* "02:.. > ff:.., arp": the beginning of a frame as it came. */
static void
print_head(const char *hex)
{
	static const struct {
		unsigned int type;
		const char *name;
	} known[] = {{0x0800, "ipv4"}, {0x86dd, "ipv6"}, {0x0806, "arp"}, {0x88cc, "lldp"}};
	unsigned int type = byte_at(hex, 12) << 8 | byte_at(hex, 13), at = 12;
	const char *name = NULL;

	for (size_t i = 6; i < 12; i++)
		printf("%s%02x", i > 6 ? ":" : "", byte_at(hex, i));
	printf(" > ");
	for (size_t i = 0; i < 6; i++)
		printf("%s%02x", i ? ":" : "", byte_at(hex, i));
	while ((type == 0x8100 || type == 0x88a8) && at < 20) {
		printf(", %s %u", type == 0x8100 ? "vlan" : "s-vlan",
		       (byte_at(hex, at + 2) << 8 | byte_at(hex, at + 3)) & 0xfff);
		at += 4;
		type = byte_at(hex, at) << 8 | byte_at(hex, at + 1);
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].type == type)
			name = known[i].name;
	if (name)
		printf(", %s", name);
	else
		printf(", type 0x%04x", type);
}

static const char *
str(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text ? text : "";
}

/* One line a decision. The switch works on several frames at a time, so each line has its frame's number. */
static void
print_trace(const json_t *t)
{
	const char *head = str(t, "head"), *what = str(t, "what"), *dropped = str(t, "dropped");

	if (head[0]) {
		printf("frame %" JSON_INTEGER_FORMAT " from %s, %" JSON_INTEGER_FORMAT " bytes: ",
		       json_integer_value(json_object_get(t, "frame")), str(t, "port"),
		       json_integer_value(json_object_get(t, "len")));
		print_head(head);
	} else {
		printf("%8" JSON_INTEGER_FORMAT "  %-24s %s",
		       json_integer_value(json_object_get(t, "frame")), str(t, "port"), what);
		if (dropped[0] && !strstr(what, dropped))
			printf(" (dropped: %s)", dropped);
	}
	printf("\n");
}

static int
print_all(const json_t *answer, bool json)
{
	const json_t *t;
	size_t i;

	json_array_foreach(json_object_get(answer, "traces"), i, t)
	{
		if (json) {
			json_dumpf(t, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			print_trace(t);
		}
	}
	return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
}

static int
set_trace(const char *folder, const char *port, int64_t count)
{
	json_t *answer = NULL;
	int status =
		verb_switch_ask(folder, "trace",
				json_pack("{s:s, s:I}", "port", port, "count", (json_int_t)count),
				-1, &answer);

	json_decref(answer);
	return status;
}

/* Asks for what was seen until all of it was, or somebody interrupts. */
static int
follow(const char *folder, const char *port, bool json)
{
	const struct timespec rest = {.tv_nsec = POLL_NS};
	json_t *answer;
	bool more = true;
	int status = EXIT_OK;

	while (more && status == EXIT_OK && !interrupted) {
		status = verb_switch_ask(folder, "traced", json_pack("{s:s}", "port", port), -1,
					 &answer);
		if (status != EXIT_OK)
			return status;
		more = json_is_true(json_object_get(answer, "more"));
		status = print_all(answer, json);
		if (more && json_array_size(json_object_get(answer, "traces")) == 0)
			nanosleep(&rest, NULL);
		json_decref(answer);
	}
	return status;
}

int
verb_trace(const struct cli_args *args, const char *folder)
{
	bool json = args->output && args->output[0] == 'j';
	const struct sigaction act = {.sa_handler = on_interrupt};
	int64_t count = COUNT_DEFAULT;
	int status;

	if (args->count && (value_number(args->count, &count) < 0 || count < 1)) {
		log_err("switch trace: count %s is not a positive number", args->count);
		return EXIT_USAGE;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	status = set_trace(folder, args->more[0], count);
	if (status != EXIT_OK)
		return status;
	status = follow(folder, args->more[0], json);
	if (interrupted)
		set_trace(folder, args->more[0], 0);
	return status;
}
