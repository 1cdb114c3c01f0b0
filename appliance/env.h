/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of one run share. Owned by run.c; everything outlives the parts. */
#ifndef CORELANE_APPLIANCE_ENV_H
#define CORELANE_APPLIANCE_ENV_H

#include <stdbool.h>

#include "appliance/evloop.h"
#include "appliance/out.h"
#include "appliance/programs.h"
#include "appliance/rundir.h"
#include "base/sysroot.h"
#include "rt/plan.h"

struct run_env {
	struct evloop *loop;
	struct out *out;
	struct rundir *dir;
	const struct plan *plan;
	const struct programs *programs;
	const struct sysroot *root;
	const char *probe_args; /* in front of every probe's command line */
	const char *log_dir;    /* for console logs */
	bool keep_lines;        /* keep guests' lines of JSON for the report */
};

/*
 * The vhost-user socket of that interface: in the run folder, or where the declaration puts it.
 * -ENAMETOOLONG.
 */
int env_nic_socket(const struct run_env *env, size_t vnf, size_t interface, char *ret, size_t size);

/* The socket of a named console port, in the run folder. -ENAMETOOLONG. */
int env_port_socket(const struct run_env *env, size_t vnf, size_t port, char *ret, size_t size);

#endif
