/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at a finished plan from outside: who uses which CPU, what that means for SCHED_FIFO and for
 * a real-time claim. It knows the plan and the host, not how the plan was found.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rt/plan_priv.h"

struct audit {
	const struct topo *topo;
	struct plan *plan;
};

/* The last line counts what did not fit. */
static void PRINTF_LIKE(2, 3) add_reason(struct plan *plan, const char *fmt, ...)
{
	va_list ap;

	plan->n_reasons++;
	if (plan->n_reasons > PLAN_REASONS_MAX) {
		snprintf(plan->reason[PLAN_REASONS_MAX - 1], sizeof(plan->reason[0]),
			 "and %zu more reasons of this kind",
			 plan->n_reasons - PLAN_REASONS_MAX + 1);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(plan->reason[plan->n_reasons - 1], sizeof(plan->reason[0]), fmt, ap);
	va_end(ap);
}

/* Somebody other than vCPU @i of VNF @v that runs on @cpu, by name; NULL when there is nobody. */
static const char *
other_user(const struct plan *plan, int cpu, size_t v, unsigned int i)
{
	if (plan_is_lane(plan, cpu))
		return "the switch";
	for (size_t o = 0; o < plan->n_vnfs; o++) {
		const struct plan_vnf *pv = &plan->vnf[o];

		for (unsigned int k = 0; k < pv->vnf->cpu.vcpus; k++)
			if (pv->cpu[k] == cpu && (o != v || k != i))
				return pv->vnf->name;
	}
	for (size_t o = 0; o < plan->n_vnfs; o++)
		if (cpuset_has(&plan->vnf[o].emulator, (unsigned int)cpu) &&
		    !cpuset_has(&plan->housekeeping, (unsigned int)cpu))
			return "emulator threads";
	return cpuset_has(&plan->housekeeping, (unsigned int)cpu) ? "housekeeping" : NULL;
}

/*
 * Who runs on a sibling of vCPU @i's CPU and should not: anybody when the VNF wanted its siblings
 * unused, else anybody but the VNF itself. *@ret_cpu is the sibling.
 */
static const char *
busy_sibling(const struct audit *a, size_t v, unsigned int i, int *ret_cpu)
{
	const struct plan_vnf *pv = &a->plan->vnf[v];
	const struct topo_cpu *own = topo_find_cpu(a->topo, pv->cpu[i]);

	for (size_t n = 0; own && n < a->topo->n_cpus; n++) {
		const struct topo_cpu *c = &a->topo->cpu[n];
		const char *who;

		if (c == own || c->core != own->core)
			continue;
		who = other_user(a->plan, c->os, v, i);
		if (!who || (who == pv->vnf->name && pv->vnf->cpu.threads != THREADS_ISOLATE))
			continue;
		*ret_cpu = c->os;
		return who;
	}
	return NULL;
}

/*
 * SCHED_FIFO only for a vCPU that has its CPU to itself: polling at FIFO starves whoever shares it.
 */
static void
audit_vcpus(struct audit *a, size_t v)
{
	struct plan_vnf *pv = &a->plan->vnf[v];
	const struct site_cpu *cpu = &pv->vnf->cpu;
	unsigned int n_shared = 0, n_siblings = 0;
	const char *sharer = NULL, *sibling = NULL;
	int shared_cpu = -1, sibling_cpu = -1;

	for (unsigned int i = 0; i < cpu->vcpus; i++) {
		const char *who = pv->cpu[i] < 0 ? NULL : other_user(a->plan, pv->cpu[i], v, i);

		pv->priority[i] = 0;
		if (pv->cpu[i] < 0)
			continue;
		if (who) {
			sharer = sharer ? sharer : who;
			shared_cpu = n_shared++ ? shared_cpu : pv->cpu[i];
			continue;
		}
		if (cpuset_has(&cpu->realtime_vcpus, i))
			pv->priority[i] = cpu->realtime_priority;
		who = busy_sibling(a, v, i, &sibling_cpu);
		sibling = sibling ? sibling : who;
		n_siblings += who != NULL;
	}
	if (n_shared)
		add_reason(a->plan,
			   "vnf %s: %u of %u vCPUs share their CPUs (CPU %d with %s) and so run "
			   "without "
			   "SCHED_FIFO",
			   pv->vnf->name, n_shared, cpu->vcpus, shared_cpu, sharer);
	if (n_siblings)
		add_reason(a->plan, "vnf %s: %u of %u vCPUs have a busy SMT sibling (CPU %d: %s)",
			   pv->vnf->name, n_siblings, cpu->vcpus, sibling_cpu, sibling);
	a->plan->overlap |= n_shared || n_siblings;
}

static bool
has_sibling(const struct topo *t, const struct topo_cpu *own)
{
	for (size_t i = 0; i < t->n_cpus; i++)
		if (&t->cpu[i] != own && t->cpu[i].core == own->core)
			return true;
	return false;
}

/* Sharing and pins can put a vCPU of a VNF that wanted pairs on a core without a sibling. */
static void
audit_pairs(struct audit *a, size_t v)
{
	const struct plan_vnf *pv = &a->plan->vnf[v];

	for (unsigned int i = 0; i < pv->vnf->cpu.vcpus; i++) {
		const struct topo_cpu *c = topo_find_cpu(a->topo, pv->cpu[i]);

		if (pv->vnf->cpu.threads != THREADS_REQUIRE || !c || has_sibling(a->topo, c))
			continue;
		add_reason(a->plan,
			   "vnf %s: threads: require, but vCPU %u is on CPU %d, which has no SMT "
			   "sibling",
			   pv->vnf->name, i, c->os);
		return;
	}
}

static void
audit_nodes(struct audit *a, size_t v)
{
	const struct plan_vnf *pv = &a->plan->vnf[v];
	int first = NO_NODE, remote = NO_NODE, memory = NO_NODE;
	bool spread = false;

	for (unsigned int i = 0; i < pv->vnf->cpu.vcpus; i++) {
		const struct topo_cpu *c = topo_find_cpu(a->topo, pv->cpu[i]);
		int os = c ? a->topo->node[c->node].os : NO_NODE;

		if (!c)
			continue;
		first = first < 0 ? os : first;
		spread |= os != first && pv->vnf->cells < 2;
		if (pv->node < 0 || os == pv->cell_node[pv->vcpu_cell[i]])
			continue;
		memory = pv->cell_node[pv->vcpu_cell[i]];
		remote = os;
	}
	if (spread)
		add_reason(a->plan,
			   "vnf %s: no NUMA node has room for all its vCPUs: they span several",
			   pv->vnf->name);
	else if (remote >= 0)
		add_reason(a->plan, "vnf %s: its memory is on NUMA node %d, its vCPUs on node %d",
			   pv->vnf->name, memory, remote);
}

/* Each way from a device into the guest's memory, and of its interrupts to a vCPU. */
static void
audit_function(struct audit *a, const struct plan_vf *f)
{
	const struct plan_vnf *pv = &a->plan->vnf[f->vnf];
	const struct plan_pf *pf = &a->plan->pf[f->pf];

	if (pf->node < 0 || pv->node < 0)
		return;
	for (unsigned int c = 0; c < MAX_OF(pv->vnf->cells, 1u); c++)
		if (pv->cell_node[c] == pf->node)
			return;
	add_reason(a->plan,
		   "vnf %s, interface %s: its device is on NUMA node %d, its memory on node %d",
		   pv->vnf->name, pv->vnf->interfaces[f->interface].name, pf->node, pv->node);
}

static void
audit_emulator(struct audit *a, size_t v)
{
	const struct plan_vnf *pv = &a->plan->vnf[v];

	if (pv->vnf->cpu.emulator != EMULATOR_ISOLATE ||
	    !cpuset_equal(&pv->emulator, &a->plan->housekeeping))
		return;
	add_reason(a->plan,
		   "vnf %s: its emulator threads wanted a core of their own and share "
		   "housekeeping's",
		   pv->vnf->name);
	a->plan->overlap = true;
}

static void
audit_lane(struct audit *a, int cpu)
{
	struct plan *plan = a->plan;
	const struct topo_cpu *c = topo_find_cpu(a->topo, cpu);

	if (!plan->has_switch || !c)
		return;
	if (cpuset_has(&plan->housekeeping, (unsigned int)c->os)) {
		add_reason(plan, "the switch polls on CPU %d, which is also for housekeeping",
			   c->os);
		plan->overlap = true;
		return;
	}
	cpuset_for_each (h, &plan->housekeeping) {
		const struct topo_cpu *hk = topo_find_cpu(a->topo, h);

		if (hk && hk->core == c->core) {
			add_reason(plan,
				   "the switch polls on CPU %d, an SMT sibling of housekeeping's "
				   "CPU %d",
				   c->os, h);
			plan->overlap = true;
			return;
		}
	}
	if (a->topo->node[c->node].os != plan->switch_node)
		add_reason(plan, "the switch polls on NUMA node %d, its buffers are on node %d",
			   a->topo->node[c->node].os, plan->switch_node);
}

static void
audit_switch(struct audit *a)
{
	const struct plan *plan = a->plan;

	for (unsigned int i = 0; i < plan->n_lanes; i++)
		audit_lane(a, plan->lane_cpu[i]);
	if (plan->has_switch && plan->n_lanes < plan->site->host.sw.threads)
		add_reason(a->plan,
			   "the switch has %u of the %u forwarding threads that it should have",
			   plan->n_lanes, plan->site->host.sw.threads);
}

void
plan_audit(const struct topo *topo, struct plan *plan)
{
	struct audit a = {.topo = topo, .plan = plan};
	bool any_dedicated = false;

	plan->overlap = false;
	plan->n_reasons = 0;
	audit_switch(&a);
	for (size_t v = 0; v < plan->n_vnfs; v++) {
		audit_vcpus(&a, v);
		audit_pairs(&a, v);
		audit_nodes(&a, v);
		audit_emulator(&a, v);
		any_dedicated |= plan->vnf[v].vnf->cpu.policy == CPU_DEDICATED;
	}
	for (size_t i = 0; i < plan->n_vfs; i++)
		audit_function(&a, &plan->vf[i]);
	if (plan->n_vnfs && !any_dedicated)
		add_reason(plan, "no VNF has CPUs of its own (cpu.policy: shared)");
	plan->n_reasons = MIN_OF(plan->n_reasons, PLAN_REASONS_MAX);
}
