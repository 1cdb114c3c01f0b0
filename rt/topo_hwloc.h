/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hwloc behind a wall: it runs in a child process that hands back plain numbers. Private to
 * rt/topo*.c.
 *
 * Why a child: a topology file is input from anybody and hwloc was not written for hostile XML; it
 * prints to stderr as it likes, it obeys two dozen environment variables, and on a live machine it
 * moves the calling thread over every CPU to ask each one for its identity. A child with a clean
 * environment, no stderr and limits on time and memory turns all of that into an error in words.
 */
#ifndef CORELANE_RT_TOPO_HWLOC_H
#define CORELANE_RT_TOPO_HWLOC_H

#include "rt/topo.h"

struct hwloc_source {
	int fsroot;      /* live: fd of the root to read sysfs and procfs below, or -1 for "/" */
	const char *xml; /* contents of an XML file, NUL-terminated, or NULL */
	size_t xml_size; /* without the NUL */
	const char *synthetic; /* hwloc's synthetic form, or NULL */
};

struct hwloc_result {
	int code;               /* 0 or a positive errno; then text says why */
	char text[256];         /* without the source's name */
	struct cpuset affinity; /* live "/": CPUs of the caller's affinity mask */
	struct cpuset
		reachable; /* live "/": CPUs that it could give itself (cpuset, not affinity) */
	struct topo topo;  /* its cpu pointer is not used; nothing below is filtered */
	struct topo_cpu cpu[CPUSET_MAX]; /* topo.n_cpus of them, by rising os */
};

/*
 * Forks, waits for the child. 0 and a result that the caller frees with topo_hwloc_free(), also
 * when its code says that hwloc found no topology; -errno when no child could be had. Main thread
 * only: nobody else may wait for just any child meanwhile.
 */
int topo_hwloc_run(const struct hwloc_source *src, struct hwloc_result **ret);
void topo_hwloc_free(struct hwloc_result *r);

#endif
