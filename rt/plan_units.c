/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host cut into units of ownership, and what each part of the site needs in units.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/plan_priv.h"

int
units_cut(struct planner *p, bool by_cpu)
{
	const struct topo *t = p->topo;
	struct unit *u;

	free(p->unit);
	p->n_units = 0;
	p->width = 1;
	p->unit = calloc(t->n_cpus, sizeof(*p->unit));
	if (!p->unit)
		return err_set(p->e, ENOMEM, "plan: out of memory");
	for (size_t i = 0; i < t->n_cpus; i++) {
		const struct topo_cpu *c = &t->cpu[i];

		u = NULL;
		for (size_t j = 0; !by_cpu && j < p->n_units && !u; j++)
			if (p->unit[j].core == c->core)
				u = &p->unit[j];
		if (!u) {
			u = &p->unit[p->n_units++];
			*u = (struct unit){.core = c->core,
					   .l3 = c->l3,
					   .node = c->node,
					   .isolated = true};
		}
		u->isolated &= c->isolated;
		if (u->n_cpus < UNIT_CPUS_MAX)
			u->cpu[u->n_cpus++] = c->os;
	}
	for (size_t j = 0; j < p->n_units; j++) {
		unsigned int n = (unsigned int)p->unit[j].n_cpus;

		if (n > 1 && (p->width == 1 || n < p->width))
			p->width = n;
	}
	return 0;
}

struct unit *
units_find(struct planner *p, int cpu)
{
	for (size_t j = 0; j < p->n_units; j++)
		for (int i = 0; i < p->unit[j].n_cpus; i++)
			if (p->unit[j].cpu[i] == cpu)
				return &p->unit[j];
	return NULL;
}

static void
own_housekeeping(struct planner *p)
{
	for (size_t j = 0; j < p->n_units; j++) {
		bool usable = p->stage != STAGE_ISOLATED || p->unit[j].isolated;

		p->unit[j].owner = usable ? UNIT_FREE : UNIT_OUTSIDE;
		for (int i = 0; i < p->unit[j].n_cpus; i++)
			if (cpuset_has(&p->housekeeping, (unsigned int)p->unit[j].cpu[i]))
				p->unit[j].owner = UNIT_HOUSEKEEPING;
	}
}

/*
 * The last housekeeping CPU becomes the switch's; housekeeping keeps the others, if there are any.
 */
static void
move_switch_in(struct planner *p)
{
	struct plan *plan = p->plan;
	struct unit *u;

	cpuset_for_each (cpu, &p->housekeeping)
		plan->switch_cpu = cpu;
	if (cpuset_count(&p->housekeeping) > 1)
		cpuset_del(&plan->housekeeping, (unsigned int)plan->switch_cpu);
	/* One thread then: several on one CPU would only wait for each other. */
	plan->lane_cpu[0] = plan->switch_cpu;
	plan->n_lanes = 1;
	u = units_find(p, plan->switch_cpu);
	if (u && u->n_cpus == 1)
		u->owner = UNIT_SWITCH;
}

/* The CPUs that the declaration names for the switch. */
static void
give_lanes(struct planner *p)
{
	const struct site_switch *s = &p->site->host.sw;
	struct plan *plan = p->plan;

	cpuset_for_each (cpu, &s->cpus) {
		struct unit *u = units_find(p, cpu);

		if (u && (u->owner == UNIT_FREE || u->owner == UNIT_OUTSIDE))
			u->owner = UNIT_SWITCH;
		if (plan->n_lanes < SITE_LANES_MAX)
			plan->lane_cpu[plan->n_lanes++] = cpu;
	}
	plan->switch_cpu = plan->lane_cpu[0];
}

/* vCPUs without a pin take the siblings of the pinned ones, where the VNF wants siblings used. */
static void
fill_pinned(struct planner *p, size_t v)
{
	struct plan_vnf *pv = &p->plan->vnf[v];
	const struct site_cpu *cpu = &pv->vnf->cpu;
	unsigned int cells = plan_cells(pv->vnf);

	if (cpu->threads == THREADS_ISOLATE)
		return;
	for (unsigned int i = 0; i < cpu->vcpus; i++) {
		for (size_t j = 0; pv->cpu[i] < 0 && j < p->n_units; j++) {
			struct unit *u = &p->unit[j];

			if (cells > 1 && u->node != plan_bound(p, v, plan_cell_of(pv->vnf, i)))
				continue;
			for (int k = 0; u->owner == (int)v && k < u->n_cpus; k++) {
				bool used = false;

				for (unsigned int o = 0; o < cpu->vcpus; o++)
					used |= pv->cpu[o] == u->cpu[k];
				if (!used && pv->cpu[i] < 0)
					pv->cpu[i] = u->cpu[k];
			}
		}
	}
}

void
units_reset(struct planner *p)
{
	struct plan *plan = p->plan;

	own_housekeeping(p);
	plan->housekeeping = p->housekeeping;
	plan->switch_cpu = -1;
	plan->n_lanes = 0;
	if (plan->has_switch && !cpuset_empty(&p->site->host.sw.cpus))
		give_lanes(p);
	else if (plan->has_switch && p->stage >= STAGE_SWITCH)
		move_switch_in(p);
	for (size_t v = 0; v < plan->n_vnfs; v++) {
		const struct site_cpu *cpu = &plan->vnf[v].vnf->cpu;

		for (unsigned int i = 0; i < SITE_VCPUS_MAX; i++) {
			bool pinned = i < cpu->vcpus && cpu->policy == CPU_DEDICATED;
			struct unit *u;

			plan->vnf[v].cpu[i] = pinned ? cpu->pin[i] : -1;
			u = units_find(p, plan->vnf[v].cpu[i]);
			if (u && (u->owner == UNIT_FREE || u->owner == UNIT_OUTSIDE))
				u->owner = (int)v;
		}
	}
	for (size_t v = 0; v < plan->n_vnfs; v++)
		fill_pinned(p, v);
}

bool
room_fits(const struct demand *d, unsigned int vcpus, bool emulator, const struct room *r,
	  unsigned int width, unsigned int *ret_wide, unsigned int *ret_narrow)
{
	unsigned int wide = 0, narrow = 0, rest = vcpus;

	if (d->fill == FILL_ONE) {
		narrow = MIN_OF(rest, r->narrow);
		wide = rest - narrow;
	} else {
		wide = rest / width;
		if (d->fill == FILL_ANY) {
			wide = MIN_OF(wide, r->wide);
			narrow = MIN_OF(rest - wide * width, r->narrow);
		}
		rest -= wide * width + narrow;
		wide += (rest + width - 1) / width;
	}
	if (emulator && narrow < r->narrow)
		narrow++;
	else if (emulator)
		wide++;
	*ret_wide = wide;
	*ret_narrow = narrow;
	return wide <= r->wide && narrow <= r->narrow;
}

unsigned int
room_vcpus(const struct demand *d, const struct room *r, unsigned int width)
{
	switch (d->fill) {
	case FILL_PAIRS:
		return r->wide * width;
	case FILL_ANY:
		return r->wide * width + r->narrow;
	case FILL_ONE:
	default:
		return r->wide + r->narrow;
	}
}

int
rooms_largest(const struct room *r, size_t n, const bool *used)
{
	int best = NO_NODE;

	for (size_t i = 0; i < n; i++)
		if (!used[i] &&
		    (best < 0 || r[i].wide + r[i].narrow > r[best].wide + r[best].narrow))
			best = (int)i;
	return best;
}

void
rooms_count(const struct planner *p, struct room *ret)
{
	const struct topo *t = p->topo;

	for (size_t n = 0; n < t->n_nodes; n++) {
		ret[n] = (struct room){
			.free_2m = t->live ? t->node[n].free_2m : PLENTY,
			.free_1g = t->live ? t->node[n].free_1g : PLENTY,
			.bytes = t->node[n].mem_bytes ? t->node[n].mem_bytes : PLENTY,
		};
	}
	for (size_t j = 0; j < p->n_units; j++) {
		if (p->unit[j].owner != UNIT_FREE)
			continue;
		if (p->unit[j].n_cpus > 1)
			ret[p->unit[j].node].wide++;
		else
			ret[p->unit[j].node].narrow++;
	}
}

unsigned int
units_needed(const struct demand *d, unsigned int width)
{
	unsigned int per = d->fill == FILL_ONE ? 1 : width;

	return (d->vcpus + per - 1) / per + d->emulator;
}
