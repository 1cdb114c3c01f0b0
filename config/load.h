/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML in, checked site out. Pure but for reading the named files: no clock, no environment.
 */
#ifndef CORELANE_CONFIG_LOAD_H
#define CORELANE_CONFIG_LOAD_H

#include <stddef.h>
#include <stdio.h>

#include "config/site.h"

/* Every problem of every file, in file order; at most 100 are kept, the rest counted. */
struct config_problem {
	char *text; /* "site.yaml:12:11: vnf fw1, interface lan: vlan 5000 is not 1..4094" */
};

struct config_problems {
	struct config_problem *item;
	size_t n;     /* kept */
	size_t total; /* found */
};

/*
 * Loads @path: a file, or a folder whose *.yaml and *.yml are read in name order; "-" is stdin.
 * 0 and a site that the caller frees with site_free(); or -EINVAL with at least one problem, or
 * -errno with one problem that says why a file could not be read. @ret_problems is always valid
 * and is freed with config_problems_free().
 */
int config_load(const char *path, struct site **ret, struct config_problems *ret_problems);

/* As config_load() for @size bytes in memory, called @name in messages. */
int config_load_buffer(const char *name, const char *base_dir, const void *data, size_t size,
		       struct site **ret, struct config_problems *ret_problems);

void site_free(struct site *s);
void config_problems_free(struct config_problems *p);

/* Prints the site as YAML with every default filled in; loads again to the same. 0 or -EIO. */
int config_dump(const struct site *s, FILE *out);

#endif
