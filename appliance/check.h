/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that can be known to fail, looked at before anything is started. Changes nothing. */
#ifndef CORELANE_APPLIANCE_CHECK_H
#define CORELANE_APPLIANCE_CHECK_H

#include <stddef.h>

#include "appliance/programs.h"
#include "base/sysroot.h"
#include "rt/plan.h"
#include "rt/topo.h"

struct check {
	const struct plan *plan;
	const struct topo *topo;
	const struct programs *programs;
	const struct sysroot *root;
	/* Called for each problem, one line, no newline. */
	void (*say)(void *arg, const char *text);
	void *arg;
};

/*
 * EXIT_OK; EXIT_INVALID when a file that the declaration names is missing or of the wrong kind;
 * EXIT_REFUSED when the host lacks something; EXIT_FAILED when a program of ours is missing. The first
 * kind of problem that was found decides, all are said.
 */
int check_all(const struct check *c);

/* The file that VNF @v boots: its kernel, or @probe. -ENAMETOOLONG. */
int check_boot_path(const struct site_vnf *v, const char *probe, char *ret, size_t size);
/* A path of the declaration, taken from the folder of its file unless absolute. -ENAMETOOLONG. */
int check_path(const struct site_vnf *v, const char *path, char *ret, size_t size);

/* --- for the files check*.c --- */

#define CHECK_WHO_MAX (SITE_PATH_MAX + 128)

/* One problem; the first one's @kind becomes *@status. */
void check_say(const struct check *c, int kind, int *status, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* "site.yaml:12:11: vnf fw1". Returns @buf. */
const char *check_who(const struct site_vnf *v, const struct where *w, char *buf, size_t size);

/* check_disk.c */
void check_disks(const struct check *c, int *status);

/* check_uplink.c */
void check_uplink_devices(const struct check *c, int *status);

#endif
