/* SPDX-License-Identifier: Apache-2.0 */
/* From a file name to a checked site, a host and a plan, with every problem told on stderr. */
#ifndef CORELANE_APPLIANCE_SITE_INPUT_H
#define CORELANE_APPLIANCE_SITE_INPUT_H

#include "appliance/cli.h"
#include "base/sysroot.h"
#include "config/load.h"
#include "rt/plan.h"
#include "rt/topo.h"

struct site_input {
	struct site *site;
	struct sysroot root;
	struct topo *topo;
	struct plan *plan;
};

/* Only the declaration. An exit status; *@ret_site is the caller's when it is EXIT_OK. */
int site_input_load(const char *file, struct site **ret_site);

/*
 * All of it, for this machine or what @args name. An exit status; site_input_fini() in any case.
 * In two steps for who wants to do something between them: declaration and sysroot, then
 * host and plan.
 */
int site_input_plan(const struct cli_args *args, struct site_input *ret);
int site_input_open(const struct cli_args *args, struct site_input *ret);
int site_input_place(const struct cli_args *args, struct site_input *in);
void site_input_fini(struct site_input *in);

#endif
