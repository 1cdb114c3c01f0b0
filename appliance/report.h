/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known about a run when it is over: as tables for a person and as one JSON object
 * (docs/man/corelane.1 lists its keys). Neither prints nor writes anything that was not handed in.
 */
#ifndef CORELANE_APPLIANCE_REPORT_H
#define CORELANE_APPLIANCE_REPORT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "appliance/faults.h"
#include "appliance/switchd.h"
#include "appliance/vnf.h"
#include "rt/eligible.h"

struct report_input {
	const char *file; /* the declaration, as named by the user */
	const struct plan *plan;
	const struct topo *topo;
	const struct eligibility *eligibility;
	const struct vnf *vnfs;      /* plan->n_vnfs of them */
	const struct faults *faults; /* NULL: none */
	const struct switchd *sw;    /* NULL: none */
	uint64_t tsc_hz;
	uint64_t started_s, ended_s; /* CLOCK_REALTIME */
	int status;                  /* of the run */
};

/* A new object; @machine (may be NULL) goes into it and becomes its own. NULL without memory. */
json_t *report_json(const struct report_input *in, json_t *machine);

/* How each VNF ended, exits by cause, the switch's counters. 0 or -EIO. */
int report_tables(const struct report_input *in, FILE *out);

/* Whether report_write() could write there now. 0 or -errno. */
int report_try(const char *path);

/* Writes @j to @path, whole or not at all. 0 or -errno. */
int report_write(const json_t *j, const char *path);

#endif
