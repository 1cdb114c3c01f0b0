/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planner's working state. Private to rt/plan*.c.
 *
 * plan_make() tries stages of ever more sharing (none of it unless the host says overlap: allow).
 * In each it cuts the host into units (cores, or single CPUs), gives housekeeping and pinned vCPUs
 * theirs, lets plan_nodes.c decide how many units and pages everybody takes from which NUMA node,
 * and lets plan_cores.c pick the units. plan_audit.c looks at the finished plan from outside and
 * says what is shared; it knows nothing of stages, so it cannot share their mistakes.
 */
#ifndef CORELANE_RT_PLAN_PRIV_H
#define CORELANE_RT_PLAN_PRIV_H

#include "rt/plan.h"

#define SIZE_2M       (2ull << 20)
#define SIZE_1G       (1ull << 30)
#define UNIT_CPUS_MAX 8 /* hardware threads used of one core; no x86 has more than 4 */
#define PLENTY        (UINT64_MAX / 4) /* pages of a host whose pages nobody counted */
#define NO_NODE       -1
#define SWITCH_DEMAND -1 /* demand.vnf of the switch */

enum stage {
	STAGE_ISOLATED, /* as STAGE_OWN, on cores that were isolated at boot; skipped without any */
	STAGE_OWN,      /* everybody has cores of their own */
	STAGE_SWITCH,   /* the switch moves in with housekeeping */
	STAGE_EMULATOR, /* so do emulator threads that wanted a core */
	STAGE_THREADS,  /* SMT siblings count as cores */
	STAGE_SHARE,    /* vCPUs share CPUs */
};

enum unit_owner {
	UNIT_FREE = -1,
	UNIT_HOUSEKEEPING = -2,
	UNIT_SWITCH = -3,
	UNIT_OUTSIDE = -4, /* not for this stage; any owner >= 0 is a VNF's index */
};

struct unit {
	int cpu[UNIT_CPUS_MAX];
	int n_cpus;
	int core, l3, node; /* as in struct topo_cpu */
	bool isolated;      /* all of its CPUs are */
	int owner;
};

enum fill {
	FILL_ONE,   /* one vCPU a unit */
	FILL_PAIRS, /* units with siblings only, all of them used */
	FILL_ANY,   /* siblings used where there are some */
};

/* What the switch or one VNF still needs after its pins were honoured. */
struct demand {
	int vnf; /* index, or SWITCH_DEMAND */
	enum fill fill;
	unsigned int vcpus;        /* unplaced */
	bool emulator;             /* one more unit for emulator threads */
	int fixed;                 /* node index that was asked for, or NO_NODE */
	int home;                  /* node index where its placed CPUs are, or NO_NODE */
	uint64_t page_size, pages; /* the switch's: decided by what the node has */
	unsigned int links;        /* interfaces on the switch */
	int cell;                  /* of a guest with several, or WHOLE, or EMULATOR */
	unsigned int first, end;   /* its vCPUs are first..end-1 */
	bool last;                 /* the last cell of its VNF to be placed */
};

#define WHOLE    -1 /* demand.cell of a guest that sees one node */
#define EMULATOR -2 /* the emulator core of a guest with cells, wherever it is */

/* Where a demand goes: node indices. */
struct choice {
	int cpu_node; /* NO_NODE: over several nodes (when it needs units at all) */
	int mem_node;
	int cost;
};

/* What is left on one node. */
struct room {
	unsigned int wide, narrow; /* free units with and without siblings */
	uint64_t free_2m, free_1g, bytes;
};

struct planner {
	const struct site *site;
	const struct topo *topo;
	struct plan *plan;
	struct err *e;
	enum stage stage;
	struct cpuset housekeeping; /* before the switch moved in */
	struct unit *unit;
	size_t n_units;
	unsigned int width;    /* CPUs of the smallest unit that has siblings; 1 without any */
	int *bound;            /* by VNF and cell: the node index that is given, or NO_NODE */
	size_t *vf_first;      /* by VNF: its first entry in plan->vf, which is in order of VNFs */
	struct demand *demand; /* placement order */
	struct choice *choice; /* runs parallel */
	size_t n_demands;
};

/* plan_check.c: declarations that contradict the host. 0 or -EINVAL with words. */
int plan_check(struct planner *p);
/* Fills p->housekeeping. */
int plan_housekeeping(struct planner *p);

/*
 * plan_vf.c: fills plan->pf and plan->vf from site and topology. 0, -ENOMEM, or -EINVAL with words.
 */
int plan_functions(struct planner *p);

/* plan_ports.c */
size_t plan_count_ports(const struct site *site);
void plan_fill_ports(struct plan *plan);                           /* those of the VNFs */
void plan_fill_uplinks(struct plan *plan);                         /* after plan_functions() */
void plan_share_ports(const struct topo *topo, struct plan *plan); /* which lane serves which */

/* plan_port_print.c */
void plan_print_port(const struct plan *p, const struct plan_port *port, FILE *out);
/* The keys of a port's JSON object behind those that every port has, each with ", " in front. */
void plan_print_port_json(const struct plan *p, const struct plan_port *port, FILE *out);

/* plan_numa.c: fills p->bound. 0, -ENOMEM, or -EINVAL with words. */
int plan_bind(struct planner *p);
int plan_bound(const struct planner *p, size_t v, unsigned int cell);
unsigned int plan_cells(const struct site_vnf *vnf); /* at least 1 */
unsigned int plan_cell_of(const struct site_vnf *vnf, unsigned int vcpu);
/* What the ways of VNF @v, which is on @nodes, to its devices cost. */
int plan_nic_cost(const struct planner *p, size_t v, const bool *nodes);

/* plan_units.c */
int units_cut(struct planner *p, bool by_cpu); /* 0 or -ENOMEM */
struct unit *units_find(struct planner *p, int cpu);
void units_reset(struct planner *p); /* owners: housekeeping, switch, pins */
unsigned int units_needed(const struct demand *d, unsigned int width);
int demands_make(struct planner *p); /* plan_demand.c: 0 or -ENOMEM */
/* How many units of each sort @d's @vcpus take of @r; false when they do not fit. */
bool room_fits(const struct demand *d, unsigned int vcpus, bool emulator, const struct room *r,
	       unsigned int width, unsigned int *ret_wide, unsigned int *ret_narrow);
unsigned int room_vcpus(const struct demand *d, const struct room *r, unsigned int width);
void rooms_count(const struct planner *p, struct room *ret); /* one a node */
/* The node with most free units, of equals the first, among those not in @used. NO_NODE: none. */
int rooms_largest(const struct room *r, size_t n, const bool *used);

/* plan_nodes.c: 0, -ENOSPC or -ENOMEM. */
int nodes_choose(struct planner *p);

/* plan_cores.c, plan_share.c */
int cores_pick(struct planner *p);
void cores_share(struct planner *p);

/* plan_audit.c */
void plan_audit(const struct topo *topo, struct plan *plan);

/* plan_refuse.c: why STAGE_OWN found nothing. Returns -ENOSPC. */
int plan_refuse(struct planner *p);

/* Index of host node @os, or NO_NODE. */
int topo_node_index(const struct topo *t, int os);

#endif
