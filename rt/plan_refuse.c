/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a site does not fit, with the arithmetic: cores first, then cores of a node, then hugepages
 * of each size, then memory. Only called when no placement was found.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rt/plan_priv.h"

#define LISTED_MAX 6 /* consumers named in a sum; the rest are added up */

struct text {
	char buf[600];
	size_t used;
	size_t listed;
	uint64_t unlisted;
	size_t n_unlisted;
};

static void PRINTF_LIKE(2, 3) say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, sizeof(t->buf) - t->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->used = MIN_OF(t->used + (size_t)n, sizeof(t->buf) - 1);
}

/* One term of the sum. */
static void
add_term(struct text *t, uint64_t n, const char *who, const char *what)
{
	if (!n)
		return;
	if (t->listed == LISTED_MAX) {
		t->unlisted += n;
		t->n_unlisted++;
		return;
	}
	say(t, "%s%llu %s%s", t->listed++ ? ", " : "", (unsigned long long)n, who, what);
}

static void
end_sum(struct text *t)
{
	if (t->n_unlisted)
		say(t, ", %llu for %zu more VNFs", (unsigned long long)t->unlisted, t->n_unlisted);
}

static const char *
this_host(const struct planner *p)
{
	return p->topo->live ? "this machine" : "this host";
}

/* Cores that VNF @v owns in whole or is still short of; of those that must be on @node, if any. */
static unsigned int
cores_of(const struct planner *p, size_t v, int node, bool *ret_emulator)
{
	unsigned int n = 0;
	bool here = false;

	*ret_emulator = false;
	for (size_t i = 0; i < p->n_demands; i++) {
		const struct demand *d = &p->demand[i];

		if (d->vnf != (int)v || (node >= 0 && d->fixed != node))
			continue;
		here = true;
		n += units_needed(d, p->width);
		*ret_emulator |= d->emulator;
	}
	for (size_t j = 0; j < p->n_units && here; j++)
		n += p->unit[j].owner == (int)v && (node < 0 || p->unit[j].node == node);
	return n;
}

static unsigned int
owned_by(const struct planner *p, int owner, int node)
{
	unsigned int n = 0;

	for (size_t j = 0; j < p->n_units; j++)
		n += p->unit[j].owner == owner && (node < 0 || p->unit[j].node == node);
	return n;
}

static unsigned int
cores_on(const struct planner *p, int node)
{
	unsigned int n = 0;

	for (size_t j = 0; j < p->n_units; j++)
		n += node < 0 || p->unit[j].node == node;
	return n;
}

/* @node: only those who must be there, or NO_NODE for the whole host. */
static unsigned int
sum_cores(const struct planner *p, int node, struct text *t)
{
	unsigned int hk = owned_by(p, UNIT_HOUSEKEEPING, node), sum = hk;

	add_term(t, hk, "housekeeping", "");
	for (size_t i = 0; i < p->n_demands; i++)
		if (p->demand[i].vnf == SWITCH_DEMAND && node < 0) {
			unsigned int n = MAX_OF(p->site->host.sw.threads, 1u);

			add_term(t, n, "switch", "");
			sum += n;
		}
	for (size_t v = 0; v < p->site->n_vnfs; v++) {
		char who[NAME_MAX_LEN + 16];
		bool emulator;
		unsigned int n = cores_of(p, v, node, &emulator);

		snprintf(who, sizeof(who), "for vnf %s", p->site->vnfs[v].name);
		add_term(t, n, who,
			 !emulator ? " (vcpus)"
			 : n > 1   ? " (vcpus and emulator)"
				   : " (emulator)");
		sum += n;
	}
	end_sum(t);
	return sum;
}

static bool
refuse_cores(struct planner *p)
{
	struct text t = {0};
	unsigned int need = sum_cores(p, NO_NODE, &t), have = cores_on(p, NO_NODE);

	if (need <= have)
		return false;
	err_set(p->e, ENOSPC,
		"host needs %u cores: %s; %s has %u; free %u core%s, lower vcpus, or say overlap: "
		"allow "
		"in the Host document to share cores (no real-time claim then)",
		need, t.buf, this_host(p), have, need - have, need - have > 1 ? "s" : "");
	return true;
}

/* What put VNFs on @node: what is written may be taken back. */
static const char *
way_off_node(const struct planner *p, int node)
{
	bool named = false, nics = false;

	for (size_t i = 0; i < p->n_demands; i++) {
		const struct demand *d = &p->demand[i];
		bool auto_node = d->vnf >= 0 && p->site->vnfs[d->vnf].numa_node == NODE_AUTO;

		named |= d->fixed == node && !auto_node;
		nics |= d->fixed == node && auto_node;
	}
	return named && nics ? "say numa.node: auto or numa.nics: preferred"
	       : nics        ? "say numa.nics: preferred (their devices are there)"
			     : "say numa.node: auto";
}

static bool
refuse_cores_of_node(struct planner *p)
{
	for (int n = 0; n < (int)p->topo->n_nodes; n++) {
		struct text t = {0};
		unsigned int need = sum_cores(p, n, &t), have = cores_on(p, n);

		if (need <= have)
			continue;
		err_set(p->e, ENOSPC,
			"NUMA node %d needs %u cores: %s; it has %u; %s, lower vcpus, or "
			"say overlap: allow in the Host document to share cores (no real-time "
			"claim then)",
			p->topo->node[n].os, need, t.buf, have, way_off_node(p, n));
		return true;
	}
	return false;
}

static uint64_t
free_pages(const struct topo *t, uint64_t size, int node)
{
	uint64_t n = 0;

	for (int i = 0; i < (int)t->n_nodes; i++)
		if (node < 0 || i == node)
			n += size == SIZE_1G ? t->node[i].free_1g : t->node[i].free_2m;
	return n;
}

/* The switch takes 2 MiB pages unless only a 1 GiB page is left for it. */
static uint64_t
switch_pages(const struct planner *p, uint64_t size)
{
	return p->plan->has_switch && size == SIZE_2M ? PLAN_SWITCH_MEM / SIZE_2M : 0;
}

/* Pages of VNF @v's memory; of what must be on @node, if any. */
static uint64_t
pages_of(const struct planner *p, size_t v, int node)
{
	uint64_t n = 0;

	for (size_t i = 0; i < p->n_demands; i++)
		if (p->demand[i].vnf == (int)v && (node < 0 || p->demand[i].fixed == node))
			n += p->demand[i].pages;
	return n;
}

static uint64_t
sum_pages(const struct planner *p, uint64_t size, int node, struct text *t)
{
	uint64_t sum = 0, n;

	for (size_t v = 0; v < p->site->n_vnfs; v++) {
		const struct site_vnf *vnf = &p->site->vnfs[v];
		char who[NAME_MAX_LEN + 16];

		if (vnf->memory.page_size != size)
			continue;
		n = pages_of(p, v, node);
		snprintf(who, sizeof(who), "for vnf %s", vnf->name);
		add_term(t, n, who, "");
		if (__builtin_add_overflow(sum, n, &sum))
			sum = UINT64_MAX;
	}
	n = node < 0 ? switch_pages(p, size) : 0;
	add_term(t, n, "for the switch", "");
	end_sum(t);
	return sum + n < sum ? UINT64_MAX : sum + n;
}

static const char *
size_name(uint64_t size)
{
	return size == SIZE_1G ? "1Gi" : "2Mi";
}

/* How to get @need pages, in words. */
static void
say_remedy(const struct planner *p, struct text *t, uint64_t size, int node, uint64_t need)
{
	uint64_t total = 0;

	for (int i = 0; i < (int)p->topo->n_nodes; i++)
		if (node < 0 || i == node)
			total += size == SIZE_1G ? p->topo->node[i].total_1g
						 : p->topo->node[i].total_2m;
	need += total - MIN_OF(total, free_pages(p->topo, size, node)); /* others hold these */
	if (node >= 0)
		say(t,
		    "echo %llu >/sys/devices/system/node/node%d/hugepages/hugepages-%dkB/"
		    "nr_hugepages",
		    (unsigned long long)need, p->topo->node[node].os,
		    size == SIZE_1G ? 1048576 : 2048);
	else
		say(t,
		    "echo %llu >/sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages, or at boot "
		    "hugepagesz=%s hugepages=%llu",
		    (unsigned long long)need, size == SIZE_1G ? 1048576 : 2048,
		    size == SIZE_1G ? "1G" : "2M", (unsigned long long)need);
}

static bool
refuse_pages(struct planner *p, uint64_t size, int node)
{
	struct text sum = {0}, remedy = {0};
	uint64_t need = sum_pages(p, size, node, &sum), have = free_pages(p->topo, size, node);
	char where[32] = "";

	if (need <= have)
		return false;
	if (node >= 0)
		snprintf(where, sizeof(where), " on NUMA node %d", p->topo->node[node].os);
	say_remedy(p, &remedy, size, node, need);
	err_set(p->e, ENOSPC,
		"too few free %s hugepages%s: %llu needed (%s), %llu free; reserve them (%s), or "
		"lower "
		"memory.size",
		size_name(size), where, (unsigned long long)need, sum.buf, (unsigned long long)have,
		remedy.buf);
	return true;
}

/* A VNF whose memory fits on no node alone, though perhaps on all together. */
static bool
refuse_largest(struct planner *p)
{
	for (size_t v = 0; v < p->site->n_vnfs; v++) {
		const struct site_vnf *vnf = &p->site->vnfs[v];
		uint64_t size = vnf->memory.page_size, best = 0;
		uint64_t need = vnf->memory.size / size / plan_cells(vnf);

		for (int n = 0; n < (int)p->topo->n_nodes; n++) {
			uint64_t bytes = p->topo->node[n].mem_bytes;
			uint64_t here = size == 4096     ? (bytes ? bytes / 4096 : PLENTY)
					: !p->topo->live ? PLENTY
							 : free_pages(p->topo, size, n);

			best = MAX_OF(best, here);
		}
		if (need <= best)
			continue;
		err_set(p->e, ENOSPC,
			"vnf %s: its memory is %llu pages of %s%s, and no NUMA node has more than "
			"%llu free; "
			"reserve more on one node, or lower memory.size",
			vnf->name, (unsigned long long)need, size == 4096 ? "4Ki" : size_name(size),
			vnf->cells > 1 ? " in each cell" : "", (unsigned long long)best);
		return true;
	}
	return false;
}

/* Whether @d's CPUs and memory fit on @r while nobody else is there. */
static bool
cell_fits(const struct planner *p, const struct demand *d, const struct room *r)
{
	unsigned int wide, narrow;
	uint64_t pages = d->page_size == SIZE_1G   ? r->free_1g
			 : d->page_size == SIZE_2M ? r->free_2m
						   : r->bytes / d->page_size;

	return room_fits(d, d->vcpus, false, r, p->width, &wide, &narrow) && d->pages <= pages;
}

/* A guest whose cells need more nodes of some size than there are. */
static bool
refuse_cells(struct planner *p)
{
	struct room room[TOPO_NODES_MAX];

	rooms_count(p, room);
	for (size_t i = 0; i < p->n_demands; i++) {
		const struct demand *d = &p->demand[i];
		unsigned int fit = 0, cells;

		if (d->cell < 0 || d->fixed >= 0)
			continue;
		cells = p->site->vnfs[d->vnf].cells;
		for (size_t n = 0; n < p->topo->n_nodes; n++)
			fit += cell_fits(p, d, &room[n]);
		if (fit >= cells)
			continue;
		err_set(p->e, ENOSPC,
			"vnf %s: numa.cells is %u: so many NUMA nodes must each have %u cores and "
			"%llu pages of %s free for it, and %u of %zu have; lower numa.cells, vcpus "
			"or memory.size, or reserve more hugepages on each node",
			p->site->vnfs[d->vnf].name, cells, units_needed(d, p->width),
			(unsigned long long)d->pages,
			d->page_size == 4096 ? "4Ki" : size_name(d->page_size), fit,
			p->topo->n_nodes);
		return true;
	}
	return false;
}

int
plan_refuse(struct planner *p)
{
	const uint64_t sizes[] = {SIZE_2M, SIZE_1G};
	int r;

	p->stage = STAGE_OWN;
	r = units_cut(p, false);
	if (r < 0)
		return r;
	units_reset(p);
	r = demands_make(p);
	if (r < 0)
		return r;
	if (p->site->host.overlap == OVERLAP_REFUSE && (refuse_cores(p) || refuse_cores_of_node(p)))
		return -ENOSPC;
	for (size_t i = 0; p->topo->live && i < ARRAY_SIZE(sizes); i++) {
		for (int n = 0; n < (int)p->topo->n_nodes; n++)
			if (p->topo->n_nodes > 1 && refuse_pages(p, sizes[i], n))
				return -ENOSPC;
		if (refuse_pages(p, sizes[i], NO_NODE))
			return -ENOSPC;
	}
	if (refuse_largest(p) || refuse_cells(p))
		return -ENOSPC;
	return err_set(
		p->e, ENOSPC,
		"cores and pages suffice in sum, but no arrangement over the %zu NUMA nodes of %s "
		"gives every VNF its own; reserve more hugepages on each node, lower memory.size "
		"or vcpus, or set numa.node and cpu.pin by hand",
		p->topo->n_nodes, this_host(p));
}
