/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, from two tables: verbs and options. Parsing prints nothing and touches nothing but
 * getopt's own state, so tests may call it as often as they like.
 */
#ifndef CORELANE_APPLIANCE_CLI_H
#define CORELANE_APPLIANCE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

/* What was given; every string is borrowed from argv, NULL when absent. */
#define CLI_MORE_MAX 16

struct cli_args {
	const char *file;
	const char *more[CLI_MORE_MAX]; /* what follows it */
	const char *timeout;
	const char *count;
	const char *topology;
	const char *sysroot;
	const char *output; /* "text" or "json" */
	const char *run_dir;
	const char *report;
	const char *log_dir;
	const char *vmm;
	const char *switch_program;
	const char *probe;
	bool verbose;
};

struct cli_verb {
	const char *name;
	const char *file; /* its one argument as the help shows it ("FILE|DIR"), or NULL for none */
	bool file_optional;
	unsigned int more;   /* how many arguments may follow it, up to CLI_MORE_MAX */
	const char *options; /* the letters of the options it takes, see cli.c */
	const char *help;
	int (*run)(const struct cli_args *args); /* an exit status */
};

/*
 * Finds the verb of argv[1] in @verbs (ended by a NULL name) and fills @ret. 0, or -EINVAL with the
 * words for a person. "-h", "--help" and "--version" before a verb mean the verbs help and version.
 */
int cli_parse(const struct cli_verb *verbs, int argc, char **argv, const struct cli_verb **ret_verb,
	      struct cli_args *ret, struct err *e);

/* All verbs and their options; or only the verb named @topic (-ENOENT when there is none). */
int cli_help(const struct cli_verb *verbs, const char *topic, FILE *out);

#endif
