/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host made of files: a folder with just the sysfs and procfs entries that a test wants.
 */
#ifndef CORELANE_TEST_RT_ROOT_H
#define CORELANE_TEST_RT_ROOT_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sysroot.h"

struct test_root {
	char dir[64];
	struct sysroot root;
};

static inline void
root_make(struct test_root *r)
{
	snprintf(r->dir, sizeof(r->dir), "/tmp/corelane-root-XXXXXX");
	if (!mkdtemp(r->dir) || sysroot_open(r->dir, &r->root) < 0)
		abort();
}

/* Writes @text to @path below the root, making its folders; NULL removes the file. */
static inline void
root_put(struct test_root *r, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", r->dir, path);
	if (!text) {
		unlink(full);
		return;
	}
	for (char *p = strchr(full + strlen(r->dir) + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "we");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static inline int
root_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline void
root_remove(struct test_root *r)
{
	sysroot_close(&r->root);
	nftw(r->dir, root_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Two packages of two cores, a node each; CPUs 2 and 3 isolated; hugepages differ. */
static inline void
root_put_machine(struct test_root *r)
{
	char path[256], text[64];

	root_put(r, "/sys/devices/system/cpu/online", "0-3\n");
	root_put(r, "/sys/devices/system/cpu/possible", "0-3\n");
	root_put(r, "/sys/devices/system/cpu/isolated", "2-3\n");
	root_put(r, "/sys/devices/system/node/online", "0-1\n");
	root_put(r, "/proc/cpuinfo",
		 "processor\t: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\n\nprocessor\t: 1\n");
	for (int i = 0; i < 4; i++) {
		const char *pair = i < 2 ? "3\n" : "c\n";

#define PUT_CPU(name, value)                                                                       \
	(snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/" name, i),                   \
	 root_put(r, path, value))
		snprintf(text, sizeof(text), "%x\n", 1 << i);
		PUT_CPU("topology/core_cpus", text);
		PUT_CPU("topology/package_cpus", pair);
		snprintf(text, sizeof(text), "%d\n", i);
		PUT_CPU("topology/core_id", text);
		PUT_CPU("topology/thread_siblings_list", text);
		PUT_CPU("topology/physical_package_id", i < 2 ? "0\n" : "1\n");
		PUT_CPU("cache/index3/shared_cpu_map", pair);
		PUT_CPU("cache/index3/level", "3\n");
		PUT_CPU("cache/index3/type", "Unified\n");
		PUT_CPU("cache/index3/size", "16384K\n");
#undef PUT_CPU
	}
	for (int n = 0; n < 2; n++) {
#define PUT_NODE(name, value)                                                                      \
	(snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/" name, n),                 \
	 root_put(r, path, value))
		PUT_NODE("cpumap", n ? "c\n" : "3\n");
		snprintf(text, sizeof(text), "Node %d MemTotal:       8388608 kB\n", n);
		PUT_NODE("meminfo", text);
		PUT_NODE("distance", n ? "21 10\n" : "10 21\n");
		PUT_NODE("hugepages/hugepages-2048kB/free_hugepages", n ? "101\n" : "100\n");
		PUT_NODE("hugepages/hugepages-2048kB/nr_hugepages", n ? "201\n" : "200\n");
		PUT_NODE("hugepages/hugepages-1048576kB/free_hugepages", n ? "3\n" : "2\n");
		PUT_NODE("hugepages/hugepages-1048576kB/nr_hugepages", n ? "5\n" : "4\n");
#undef PUT_NODE
	}
}

#endif
