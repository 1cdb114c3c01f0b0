/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/site_input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* Plain lines without a prefix: editors and CI take "file:line:column: text" apart. */
static void
print_problems(const struct config_problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		fprintf(stderr, "%s\n", p->item[i].text);
	if (p->total > p->n)
		fprintf(stderr, "and %zu more problems\n", p->total - p->n);
}

int
site_input_load(const char *file, struct site **ret_site)
{
	struct config_problems problems = {0};
	int r = config_load(file, ret_site, &problems);

	print_problems(&problems);
	config_problems_free(&problems);
	return r < 0 ? EXIT_INVALID : EXIT_OK;
}

static int
find_topo(const struct cli_args *args, struct site_input *in, struct err *e)
{
	int r;

	if (args->topology) {
		r = topo_from(args->topology, &in->topo, e);
		return r == 0 && args->sysroot ? topo_read_pfs(in->topo, &in->root, e) : r;
	}
	return topo_live(&in->root, &in->topo, e);
}

int
site_input_open(const struct cli_args *args, struct site_input *ret)
{
	int status, r;

	*ret = (struct site_input){.root = {.dirfd = -1}};
	status = site_input_load(args->file, &ret->site);
	if (status != EXIT_OK)
		return status;
	r = sysroot_open(args->sysroot, &ret->root);
	if (r < 0) {
		log_err("sysroot %s: %s", args->sysroot ? args->sysroot : "/", strerror(-r));
		return EXIT_INVALID;
	}
	return EXIT_OK;
}

int
site_input_place(const struct cli_args *args, struct site_input *in)
{
	struct err e = {0};
	int r;

	r = find_topo(args, in, &e);
	if (r < 0) {
		log_err("%s", e.text);
		return args->topology ? EXIT_INVALID : EXIT_FAILED;
	}
	r = plan_make(in->site, in->topo, &in->plan, &e);
	if (r < 0) {
		log_err("%s", e.text);
		return EXIT_REFUSED;
	}
	return EXIT_OK;
}

int
site_input_plan(const struct cli_args *args, struct site_input *ret)
{
	int status = site_input_open(args, ret);

	return status == EXIT_OK ? site_input_place(args, ret) : status;
}

void
site_input_fini(struct site_input *in)
{
	plan_free(in->plan);
	topo_free(in->topo);
	sysroot_close(&in->root);
	site_free(in->site);
	*in = (struct site_input){.root = {.dirfd = -1}};
}
