/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/cli.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

struct cli_option {
	char letter; /* how a verb names it in its list, and its short form */
	const char *name;
	const char *arg; /* NULL: a switch */
	size_t offset;   /* into struct cli_args: const char * or bool */
	const char *help;
};

static const struct cli_option options[] = {
	{'t', "topology", "T", offsetof(struct cli_args, topology),
	 "plan for this host: an hwloc XML file, or a description such as \"numa:2 core:4 pu:2\""},
	{'s', "sysroot", "DIR", offsetof(struct cli_args, sysroot),
	 "read /sys and /proc below DIR (a captured host)"},
	{'o', "output", "FORMAT", offsetof(struct cli_args, output), "text (default) or json"},
	{'d', "run-dir", "DIR", offsetof(struct cli_args, run_dir),
	 "sockets and the lock; default /run/corelane/HOST"},
	{'r', "report", "FILE", offsetof(struct cli_args, report),
	 "write everything that is known about the run as JSON"},
	{'L', "log-dir", "DIR", offsetof(struct cli_args, log_dir),
	 "console logs; default /var/log/corelane"},
	{'V', "vmm", "PATH", offsetof(struct cli_args, vmm), "use this corelane-vmm"},
	{'S', "switch", "PATH", offsetof(struct cli_args, switch_program),
	 "use this corelane-switch"},
	{'P', "probe", "PATH", offsetof(struct cli_args, probe), "use this probe guest"},
	{'T', "timeout", "SECONDS", offsetof(struct cli_args, timeout),
	 "wait no longer than this for it to be done"},
	{'n', "count", "N", offsetof(struct cli_args, count), "so many frames, then end"},
	{'v', "verbose", NULL, offsetof(struct cli_args, verbose), "say more on stderr"},
};

static const struct cli_option *
find_option(int letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

static const struct cli_verb *
find_verb(const struct cli_verb *verbs, const char *name)
{
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0)
		name = "version";
	for (; verbs->name; verbs++)
		if (strcmp(verbs->name, name) == 0)
			return verbs;
	return NULL;
}

/* getopt's two forms of the options that @verb takes. */
static void
make_getopt(const struct cli_verb *verb, char *ret_short, struct option *ret_long)
{
	*ret_short++ = ':'; /* report a missing argument as ':' */
	for (const char *c = verb->options; c && *c; c++) {
		const struct cli_option *o = find_option(*c);

		if (!o)
			continue;
		*ret_short++ = o->letter;
		if (o->arg)
			*ret_short++ = ':';
		*ret_long++ = (struct option){o->name, o->arg ? required_argument : no_argument,
					      NULL, o->letter};
	}
	*ret_short = '\0';
	*ret_long = (struct option){0};
}

static void
store(struct cli_args *args, const struct cli_option *o, const char *value)
{
	char *field = (char *)args + o->offset;

	if (o->arg)
		memcpy(field, &value, sizeof(value));
	else
		*(bool *)field = true;
}

static int
take_operands(const struct cli_verb *verb, int argc, char **argv, struct cli_args *args,
	      struct err *e)
{
	if (optind < argc && verb->file)
		args->file = argv[optind++];
	for (unsigned int i = 0; i < verb->more && optind < argc; i++)
		args->more[i] = argv[optind++];
	if (optind < argc)
		return err_set(e, EINVAL, "%s: unexpected argument \"%s\"; see: corelane help %s",
			       verb->name, argv[optind], verb->name);
	if (verb->file && !verb->file_optional && !args->file)
		return err_set(e, EINVAL, "%s: %s is missing; see: corelane help %s", verb->name,
			       verb->file, verb->name);
	if (args->output && strcmp(args->output, "text") != 0 && strcmp(args->output, "json") != 0)
		return err_set(e, EINVAL, "%s: output \"%s\" is not text or json", verb->name,
			       args->output);
	return 0;
}

int
cli_parse(const struct cli_verb *verbs, int argc, char **argv, const struct cli_verb **ret_verb,
	  struct cli_args *ret, struct err *e)
{
	char short_options[2 * ARRAY_SIZE(options) + 2];
	struct option long_options[ARRAY_SIZE(options) + 1];
	const struct cli_verb *verb;
	struct cli_args args = {0};
	int c, r;

	if (argc < 2)
		return err_set(e, EINVAL, "what shall be done? see: corelane help");
	verb = find_verb(verbs, argv[1]);
	if (!verb)
		return err_set(e, EINVAL, "unknown command \"%s\"; see: corelane help", argv[1]);
	make_getopt(verb, short_options, long_options);
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while ((c = getopt_long(argc - 1, argv + 1, short_options, long_options, NULL)) != -1) {
		const struct cli_option *o = find_option(c);

		if (c == ':')
			return err_set(e, EINVAL, "%s: option \"%s\" needs a value", verb->name,
				       argv[optind]);
		if (!o)
			return err_set(e, EINVAL,
				       "%s: unknown option \"%s\"; see: corelane help %s",
				       verb->name, argv[optind], verb->name);
		store(&args, o, optarg);
	}
	r = take_operands(verb, argc - 1, argv + 1, &args, e);
	if (r < 0)
		return r;
	*ret = args;
	*ret_verb = verb;
	return 0;
}

static void
print_verb(const struct cli_verb *v, bool with_options, FILE *out)
{
	fprintf(out, "  corelane %s", v->name);
	if (v->file)
		fprintf(out, v->file_optional ? " [%s]" : " %s", v->file);
	fprintf(out, "%s\n      %s\n", v->options ? " [OPTIONS]" : "", v->help);
	for (const char *c = with_options ? v->options : NULL; c && *c; c++) {
		const struct cli_option *o = find_option(*c);
		char left[32];

		if (!o)
			continue;
		snprintf(left, sizeof(left), "-%c, --%s %s", o->letter, o->name,
			 o->arg ? o->arg : "");
		fprintf(out, "        %-24s %s\n", left, o->help);
	}
}

int
cli_help(const struct cli_verb *verbs, const char *topic, FILE *out)
{
	if (topic) {
		const struct cli_verb *v = find_verb(verbs, topic);

		if (!v)
			return -ENOENT;
		print_verb(v, true, out);
		return 0;
	}
	fputs("corelane: virtual network functions with a declared latency\n\n", out);
	for (; verbs->name; verbs++)
		print_verb(verbs, true, out);
	fputs("\nExit status: 0 done, 1 failed at run time, 2 wrong command line, 3 declaration "
	      "not "
	      "valid,\n4 this host cannot keep the promise, 5 already running.\n",
	      out);
	return 0;
}
