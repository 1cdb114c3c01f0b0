/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_make(): the stages, and what is filled in from the site as it is.
 */
#include "rt/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/plan_priv.h"

int
topo_node_index(const struct topo *t, int os)
{
	for (size_t i = 0; i < t->n_nodes; i++)
		if (t->node[i].os == os)
			return (int)i;
	return NO_NODE;
}

bool
plan_is_lane(const struct plan *p, int cpu)
{
	for (unsigned int i = 0; p->has_switch && i < p->n_lanes; i++)
		if (p->lane_cpu[i] == cpu)
			return true;
	return false;
}

static struct plan *
plan_new(const struct site *site)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	size_t n_ports = plan_count_ports(site);

	if (!plan)
		return NULL;
	plan->site = site;
	plan->switch_cpu = -1;
	plan->has_switch = n_ports > 0;
	plan->vnf = calloc(site->n_vnfs + 1, sizeof(*plan->vnf));
	plan->port = calloc(n_ports + 1, sizeof(*plan->port));
	if (!plan->vnf || !plan->port) {
		plan_free(plan);
		return NULL;
	}
	plan->n_vnfs = site->n_vnfs;
	for (size_t v = 0; v < site->n_vnfs; v++)
		plan->vnf[v].vnf = &site->vnfs[v];
	plan_fill_ports(plan);
	return plan;
}

uint64_t
plan_pages_on(const struct plan_vnf *v, int node)
{
	unsigned int cells = plan_cells(v->vnf);
	uint64_t n = 0;

	if (cells == 1)
		return v->node == node ? v->pages : 0;
	for (unsigned int c = 0; c < cells; c++)
		n += v->cell_node[c] == node ? v->pages / cells : 0;
	return n;
}

/* What the guest is told of its nodes. A byte each, 255 is "no way" there (ACPI 6.5, 5.2.17). */
static void
fill_cells(struct planner *p)
{
	for (size_t v = 0; v < p->plan->n_vnfs; v++) {
		struct plan_vnf *pv = &p->plan->vnf[v];
		unsigned int cells = plan_cells(pv->vnf);

		for (unsigned int i = 0; i < pv->vnf->cpu.vcpus; i++)
			pv->vcpu_cell[i] = plan_cell_of(pv->vnf, i);
		for (unsigned int a = 0; a < cells; a++) {
			for (unsigned int b = 0; b < cells; b++) {
				int from = topo_node_index(p->topo, pv->cell_node[a]);
				int to = topo_node_index(p->topo, pv->cell_node[b]);
				int far = from < 0 || to < 0 || a == b
						  ? 10
						  : p->topo->node[from].distance[to];

				far = a == b ? 10 : MIN_OF(MAX_OF(far, 11), 254);
				pv->cell_distance[a][b] = (uint8_t)far;
			}
		}
	}
}

/* Which pages the switch will find: DPDK takes 2 MiB ones where the node has enough of them. */
static void
fill_pages(struct planner *p)
{
	struct plan *plan = p->plan;
	uint64_t used_2m = 0;
	int node = topo_node_index(p->topo, plan->switch_node);

	for (size_t v = 0; v < plan->n_vnfs; v++) {
		const struct site_memory *m = &plan->vnf[v].vnf->memory;

		plan->vnf[v].pages = m->size / m->page_size;
		if (m->page_size == SIZE_2M)
			used_2m += p->topo->n_nodes == 1
					   ? plan->vnf[v].pages
					   : plan_pages_on(&plan->vnf[v], plan->switch_node);
	}
	if (!plan->has_switch)
		return;
	plan->switch_page_size = SIZE_2M;
	if (p->topo->live && p->topo->node[node].free_2m < used_2m + PLAN_SWITCH_MEM / SIZE_2M)
		plan->switch_page_size = SIZE_1G;
	plan->switch_pages =
		(PLAN_SWITCH_MEM + plan->switch_page_size - 1) / plan->switch_page_size;
}

/* 0; -ENOSPC when the site does not fit in this way. */
static int
try_stage(struct planner *p, enum stage stage)
{
	int r;

	p->stage = stage;
	r = units_cut(p, stage >= STAGE_THREADS);
	if (r < 0)
		return r;
	units_reset(p);
	r = demands_make(p);
	if (r < 0)
		return r;
	r = nodes_choose(p);
	if (r < 0)
		return r;
	r = cores_pick(p);
	if (!r && stage == STAGE_SHARE)
		cores_share(p);
	return r;
}

static int
try_stages(struct planner *p)
{
	enum stage last = p->site->host.overlap == OVERLAP_ALLOW ? STAGE_SHARE : STAGE_OWN;
	enum stage first = STAGE_OWN;
	int r = -ENOSPC;

	for (size_t i = 0; i < p->topo->n_cpus; i++)
		if (p->topo->cpu[i].isolated)
			first = STAGE_ISOLATED;
	for (enum stage stage = first; stage <= last && r == -ENOSPC; stage++)
		r = try_stage(p, stage);
	return r == -ENOSPC ? plan_refuse(p) : r;
}

int
plan_make(const struct site *site, const struct topo *topo, struct plan **ret, struct err *e)
{
	struct planner p = {.site = site, .topo = topo, .e = e};
	int r;

	if (site->n_vnfs > PLAN_VNFS_MAX)
		return err_set(e, EINVAL, "%zu VNFs are more than the %d that one host may have",
			       site->n_vnfs, PLAN_VNFS_MAX);
	p.plan = plan_new(site);
	if (!p.plan)
		return err_set(e, ENOMEM, "plan: out of memory");
	r = units_cut(&p, false);
	if (!r)
		r = plan_housekeeping(&p);
	if (!r)
		r = plan_functions(&p);
	if (!r)
		r = plan_check(&p);
	if (!r)
		r = try_stages(&p);
	if (!r) {
		fill_pages(&p);
		fill_cells(&p);
		plan_fill_uplinks(p.plan);
		plan_share_ports(topo, p.plan);
		plan_audit(topo, p.plan);
		*ret = p.plan;
		p.plan = NULL;
	}
	plan_free(p.plan);
	free(p.unit);
	free(p.demand);
	free(p.choice);
	free(p.bound);
	free(p.vf_first);
	return r;
}

void
plan_free(struct plan *p)
{
	if (!p)
		return;
	free(p->vnf);
	free(p->port);
	free(p->pf);
	free(p->vf);
	free(p);
}
