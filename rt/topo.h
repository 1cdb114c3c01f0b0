/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host as the planner sees it: plain arrays, no pointers into hwloc. Live, captured or synthetic.
 */
#ifndef CORELANE_RT_TOPO_H
#define CORELANE_RT_TOPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpuset.h"
#include "base/err.h"
#include "base/pci.h"
#include "base/sysroot.h"

#define TOPO_NODES_MAX 64
#define TOPO_PFS_MAX   64

struct topo_cpu {      /* one hardware thread */
	int os;        /* host CPU number */
	int core;      /* dense number; SMT siblings share it */
	int l3;        /* dense number, or -1 when unknown */
	int package;   /* dense number */
	int node;      /* index into nodes: the nearest (smallest) NUMA node with memory */
	bool isolated; /* isolcpus= or an isolated cpuset partition */
};

struct topo_node {
	int os;                    /* host node number */
	uint64_t mem_bytes;        /* 0 when unknown */
	uint64_t free_2m, free_1g; /* free hugepages */
	uint64_t total_2m, total_1g;
	int distance[TOPO_NODES_MAX]; /* to each node index; 10 is local (ACPI SLIT) */
};

/* A network function that can have virtual ones. */
struct topo_pf {
	struct pci_addr pci;
	char netdev[16]; /* IFNAMSIZ; "" while no network driver has it */
	uint8_t mac[6]; /* permanent where the host tells it, else current; zero without a netdev */
	int node;       /* host node number, or -1 when the host does not know */
	unsigned int vfs_max; /* sriov_totalvfs */
	char driver[32];      /* "igb"; "" for none */
};

struct topo {
	char source[256];     /* "this machine", or the file or description */
	bool live;            /* hugepage counts are real; else pages are assumed sufficient */
	bool virtualised;     /* the CPU says that it runs under a hypervisor (live only) */
	struct topo_cpu *cpu; /* by rising os number */
	size_t n_cpus;
	struct topo_node node[TOPO_NODES_MAX];
	size_t n_nodes;                  /* at least 1 */
	struct topo_pf pf[TOPO_PFS_MAX]; /* by rising address; from sysfs below the sysroot */
	size_t n_pfs;
	bool pfs_known; /* else nobody looked: what a site declares is assumed to be there */
};

/* This machine, seen below @root (hugepages, isolation). Only CPUs that this process may use. 0 or -errno. */
int topo_live(const struct sysroot *root, struct topo **ret, struct err *e);

/* @spec: a file name ending in .xml (hwloc), or hwloc's synthetic form ("pack:2 numa:1 core:4 pu:2"). */
int topo_from(const char *spec, struct topo **ret, struct err *e);

/*
 * Fills in pf[] from what sysfs below @root says: topo_live() does it by itself; for a captured topology
 * the captured sysfs is read when there is one. 0, or -errno in words.
 */
int topo_read_pfs(struct topo *t, const struct sysroot *root, struct err *e);

void topo_free(struct topo *t);

/* The CPU's entry, or NULL. */
const struct topo_cpu *topo_find_cpu(const struct topo *t, int os);

#endif
