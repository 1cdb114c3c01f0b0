/* SPDX-License-Identifier: Apache-2.0 */
/* corelane: the operator's program. Verbs, one table. */
#include <stdio.h>

#include "appliance/cli.h"
#include "appliance/run.h"
#include "appliance/site_input.h"
#include "appliance/verb_apply.h"
#include "appliance/verb_switch.h"
#include "appliance/verb_vnf.h"
#include "base/log.h"
#include "base/stdio.h"

static int verb_help(const struct cli_args *args);

static int
flushed(int r)
{
	if (r == 0 && fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_OK;
	log_err("standard output could not be written");
	return EXIT_FAILED;
}

static int
verb_validate(const struct cli_args *args)
{
	struct site *site = NULL;
	int status = site_input_load(args->file, &site);

	if (status != EXIT_OK)
		return status;
	printf("%s: valid: host %s, %zu networks, %zu VNFs\n", args->file, site->host.name,
	       site->n_networks, site->n_vnfs);
	site_free(site);
	return flushed(0);
}

static int
verb_dump(const struct cli_args *args)
{
	struct site *site = NULL;
	int status = site_input_load(args->file, &site);

	if (status != EXIT_OK)
		return status;
	status = flushed(config_dump(site, stdout));
	site_free(site);
	return status;
}

static int
verb_plan(const struct cli_args *args)
{
	bool json = args->output && args->output[0] == 'j';
	struct site_input in;
	int status = site_input_plan(args, &in);

	if (status == EXIT_OK)
		status = flushed(json ? plan_print_json(in.plan, in.topo, stdout)
				      : plan_print(in.plan, in.topo, stdout));
	site_input_fini(&in);
	return status;
}

static int
verb_version(const struct cli_args *args)
{
	(void)args;
	printf("corelane %s\n", CORELANE_VERSION);
	return flushed(0);
}

static const struct cli_verb verbs[] = {
	{"validate", "FILE|DIR", false, 0, "v", "checks a declaration; tells every problem in it",
	 verb_validate},
	{"dump", "FILE|DIR", false, 0, "v", "prints it with every default filled in", verb_dump},
	{"plan", "FILE|DIR", false, 0, "tsov",
	 "prints which core, memory node and switch port everything would get", verb_plan},
	{"run", "FILE|DIR", false, 0, "drLVSPv",
	 "runs it in the foreground until every VNF has powered off, or SIGINT", run_site},
	{"vnf", "list | NAME ACTION [ARGUMENT]", false, 2, "dTov",
	 "tells or changes what a running site does: ACTION is status, poweroff, reboot, reset, "
	 "stop,\n      pause, resume, detach IF, attach IF, balloon SIZE or resize DISK",
	 verb_vnf},
	{"apply", "FILE|DIR", false, 0, "dov",
	 "changes a running site to what FILE declares, without restarting anything; refuses all "
	 "of\n"
	 "      it when some of it cannot be done so",
	 verb_apply},
	{"diff", "FILE|DIR", false, 0, "dov",
	 "tells what apply would change, and what it would refuse", verb_diff},
	{"switch", "list | ACTION [ARGUMENTS]", false, 15, "dnSov",
	 "asks the switch of a running site: ACTION is list, show PORT, macs [PORT], lanes, "
	 "networks,\n"
	 "      rules PORT [in|out], trace PORT, capture PORT FILE [filter KEY=VALUE...],\n"
	 "      move PORT LANE, upgrade",
	 verb_switch},
	{"help", "COMMAND", true, 0, "", "explains the commands", verb_help},
	{"version", NULL, false, 0, "", "prints the version", verb_version},
	{0},
};

static int
verb_help(const struct cli_args *args)
{
	if (cli_help(verbs, args->file, stdout) == 0)
		return flushed(0);
	log_err("help: unknown command \"%s\"", args->file);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	const struct cli_verb *verb;
	struct cli_args args;
	struct err e = {0};

	if (stdio_reserve() < 0)
		return EXIT_FAILED;
	log_init("corelane", LOG_LVL_INFO);
	if (cli_parse(verbs, argc, argv, &verb, &args, &e) < 0) {
		log_err("%s", e.text);
		return EXIT_USAGE;
	}
	if (args.verbose)
		log_init("corelane", LOG_LVL_DEBUG);
	return verb->run(&args);
}
