/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The placement planner: site and host in, plan out. Pure: no open, no clock, no getenv; the same
 * input gives the same plan.
 */
#ifndef CORELANE_RT_PLAN_H
#define CORELANE_RT_PLAN_H

#include <stdbool.h>
#include <stdio.h>

#include "base/cpuset.h"
#include "base/err.h"
#include "base/port.h"
#include "config/site.h"
#include "rt/topo.h"

#define PLAN_REASONS_MAX 16
#define PLAN_VNFS_MAX    1024 /* more are refused: a host has at most CPUSET_MAX CPUs */

/* Hugepage memory that the switch takes beside the VNFs' (mbuf pools, rings), on its node. */
#define PLAN_SWITCH_MEM (64ull << 20)

struct plan_vnf {
	const struct site_vnf *vnf;   /* borrowed from the site */
	int cpu[SITE_VCPUS_MAX];      /* host CPU of each vCPU, or -1: floats on emulator CPUs */
	int priority[SITE_VCPUS_MAX]; /* SCHED_FIFO priority, or 0 */
	struct cpuset emulator;       /* the VMM's other threads */
	int node;       /* host NUMA node number for memory, or -1 when there is one */
	uint64_t pages; /* of vnf->memory.page_size */
	/* A guest with more than one cell: the host node of each; node above is the first one's. */
	int cell_node[SITE_CELLS_MAX];
	unsigned int vcpu_cell[SITE_VCPUS_MAX];
	uint8_t cell_distance[SITE_CELLS_MAX][SITE_CELLS_MAX]; /* ACPI SLIT: 10 to itself */
};

#define PLAN_UPLINK SIZE_MAX /* plan_port.vnf of a port that is no VNF's */

struct plan_port {
	size_t vnf,
		interface; /* indices into plan.vnf and its interfaces; or PLAN_UPLINK and a device */
	struct port_cfg cfg;          /* socket is left "": whoever applies the plan fills it */
	unsigned int lane;            /* the forwarding thread that serves it at first */
	const struct site_rule *rule; /* borrowed from the site: its filter */
	size_t n_rules;
};

struct plan_pf {                          /* one a declared device */
	const struct site_device *device; /* borrowed from the site */
	bool known; /* it was found; false on a topology whose functions nobody looked at */
	struct pci_addr pci;
	char netdev[16]; /* "" while no network driver has it */
	char driver[32];
	uint8_t mac[6];    /* zero without a netdev */
	int node;          /* host node number, or -1 */
	unsigned int vfs;  /* to have */
	unsigned int used; /* of them, by interfaces */
};

struct plan_vf {               /* one a SR-IOV interface */
	size_t vnf, interface; /* indices into plan.vnf and its interfaces */
	size_t pf;             /* index into plan.pf */
	unsigned int number;   /* of the virtual function: sysfs virtfnN */
	struct vf_cfg cfg;
};

struct plan {
	const struct site *site; /* borrowed; outlives the plan */
	struct cpuset housekeeping;
	bool has_switch; /* false when no interface needs it */
	int switch_cpu;  /* of its first forwarding thread: lane_cpu[0] */
	int lane_cpu[SITE_LANES_MAX];
	unsigned int n_lanes;      /* forwarding threads */
	int switch_node;           /* host NUMA node number where its buffers are */
	uint64_t switch_page_size; /* of its buffers: 2 MiB, or 1 GiB where there are only those */
	uint64_t switch_pages;     /* PLAN_SWITCH_MEM in pages */
	struct plan_vnf *vnf;      /* one a VNF, in site order */
	size_t n_vnfs;
	struct plan_port *port; /* one a switch interface, then the uplinks that anybody uses */
	size_t n_ports;
	struct plan_pf *pf;
	size_t n_pfs;
	struct plan_vf *vf;
	size_t n_vfs;
	bool overlap; /* cores had to be shared (by housekeeping, switch or vCPUs of two owners) */
	/* Why this plan cannot support a real-time claim, as far as the plan itself knows. */
	char reason[PLAN_REASONS_MAX][160];
	size_t n_reasons;
};

/*
 * 0, or -ENOSPC with the arithmetic in words (who needs what, what there is, what would satisfy it),
 * or -EINVAL when the declaration contradicts the host (a pin to a CPU that is not there).
 */
int plan_make(const struct site *site, const struct topo *topo, struct plan **ret, struct err *e);
void plan_free(struct plan *p);

/* Whether a forwarding thread of the switch owns @cpu. */
bool plan_is_lane(const struct plan *p, int cpu);

/* "tap", "physical function": what kind of device it is, in words. */
const char *plan_device_kind(const struct site_device *d);

/* How many pages of its memory are on host node @node; none where the host has but one. */
uint64_t plan_pages_on(const struct plan_vnf *v, int node);

/* As a person reads it, and as a program does (one JSON object). 0 or -EIO. */
int plan_print(const struct plan *p, const struct topo *topo, FILE *out);
int plan_print_json(const struct plan *p, const struct topo *topo, FILE *out);

#endif
