/* SPDX-License-Identifier: Apache-2.0 */
/* What contradicts itself inside one VNF. */
#include <inttypes.h>
#include <string.h>

#include "config/draft.h"
#include "config/value.h"

static void
check_memory(struct draft *d, struct node *doc, const struct site_vnf *v, const char *who)
{
	const struct site_memory *m = &v->memory;
	char size[VALUE_LEN], page[VALUE_LEN], down[VALUE_LEN], up[VALUE_LEN];
	uint64_t rest;

	if (m->size == 0 || !node_sound(doc, "spec.memory.size") ||
	    !node_sound(doc, "spec.memory.pageSize"))
		return;
	rest = m->size % m->page_size;
	value_format(m->page_size, unit_size, page);
	if (rest) {
		value_format(m->size - rest, unit_size, down);
		value_format(m->size - rest + m->page_size, unit_size, up);
		check_fail(d, doc, "spec.memory.size", who,
			   "memory size %s is not a multiple of pageSize %s; %s%s%s would be",
			   value_format(m->size, unit_size, size), page, m->size > rest ? down : "",
			   m->size > rest ? " or " : "", up);
	}
	if (m->page_size == 4096 && v->cpu.policy == CPU_DEDICATED &&
	    node_sound(doc, "spec.cpu.policy"))
		check_fail(d, doc, "spec.memory.pageSize", who,
			   "pageSize 4Ki needs cpu policy shared; dedicated needs 2Mi or 1Gi");
}

static void
check_pins(struct draft *d, struct node *doc, const struct site_vnf *v, const char *who)
{
	const int *pin = v->cpu.pin;

	for (unsigned int i = 0; i < SITE_VCPUS_MAX; i++) {
		if (pin[i] == PIN_AUTO)
			continue;
		if (i >= v->cpu.vcpus && node_sound(doc, "spec.cpu.vcpus"))
			check_fail(d, doc, "spec.cpu.pin", who,
				   "pin names vCPU %u; with vcpus %u there are 0..%u", i,
				   v->cpu.vcpus, v->cpu.vcpus - 1);
		for (unsigned int j = 0; j < i; j++)
			if (pin[j] == pin[i])
				check_fail(d, doc, "spec.cpu.pin", who,
					   "pin gives CPU %d to vCPU %u and to vCPU %u", pin[i], j,
					   i);
	}
}

/* Fills in the default too: all vCPUs of a dedicated VNF, none of a shared one. */
static void
check_realtime(struct draft *d, struct node *doc, struct site_vnf *v, const char *who)
{
	struct cpuset *rt = &v->cpu.realtime_vcpus;
	int beyond = cpuset_next(rt, v->cpu.vcpus);

	if (!node_find(doc, "spec.cpu.realtime.vcpus")) {
		for (unsigned int i = 0; v->cpu.policy == CPU_DEDICATED && i < v->cpu.vcpus; i++)
			cpuset_add(rt, i);
		return;
	}
	if (beyond >= 0 && node_sound(doc, "spec.cpu.vcpus"))
		check_fail(d, doc, "spec.cpu.realtime.vcpus", who,
			   "realtime vcpus names vCPU %d; with vcpus %u there are 0..%u", beyond,
			   v->cpu.vcpus, v->cpu.vcpus - 1);
	if (v->cpu.policy == CPU_SHARED && !cpuset_empty(rt))
		check_fail(d, doc, "spec.cpu.realtime.vcpus", who,
			   "realtime vcpus needs cpu policy dedicated: a SCHED_FIFO thread would "
			   "starve whoever shares its core");
}

static void
check_interface_names(struct draft *d, size_t vnf)
{
	const struct site_vnf *v = &d->site->vnfs[vnf];
	char who[WHO_LEN];

	for (size_t i = 1; i < v->n_interfaces; i++) {
		const char *name = v->interfaces[i].name;

		for (size_t j = 0; j < i && name[0]; j++) {
			const struct where *w = &v->interfaces[j].where;

			if (strcmp(name, v->interfaces[j].name) != 0)
				continue;
			check_fail(d, interface_node(d, vnf, i), "name", who_vnf(v, who),
				   "two interfaces are called %s; the other one is at %s:%u:%u",
				   name, w->file, w->line, w->column);
			break;
		}
	}
}

static void
check_disks(struct draft *d, size_t vnf, const char *who)
{
	struct site_vnf *v = &d->site->vnfs[vnf];
	struct node *list = node_find(d->vnf_doc[vnf], "spec.disks");

	for (size_t i = 0; i < v->n_disks; i++) {
		struct site_disk *disk = &v->disks[i];

		if (disk->kind == DISK_CLOUD_INIT) { /* made by us, for reading once */
			disk->read_only = true;
			disk->direct = false;
		}
		for (size_t j = 0; j < i && disk->name[0]; j++) {
			const struct where *w = &v->disks[j].where;

			if (strcmp(disk->name, v->disks[j].name) != 0)
				continue;
			check_fail(d, node_item(list, i), "name", who,
				   "two disks are called %s; the other one is at %s:%u:%u",
				   disk->name, w->file, w->line, w->column);
			break;
		}
	}
}

/* Guest NUMA nodes are equal parts, each on a host node of its own. */
static void
check_cells(struct draft *d, struct node *doc, const struct site_vnf *v, const char *who)
{
	const struct site_memory *m = &v->memory;

	if (v->cells < 2 || !node_sound(doc, "spec.numa.cells"))
		return;
	if (v->cpu.vcpus % v->cells && node_sound(doc, "spec.cpu.vcpus"))
		check_fail(d, doc, "spec.numa.cells", who,
			   "%u vcpus cannot be shared out evenly to %u cells; vcpus %u would be",
			   v->cpu.vcpus, v->cells,
			   (v->cpu.vcpus + v->cells - 1) / v->cells * v->cells);
	if (m->size && m->size % m->page_size == 0 && m->size / m->page_size % v->cells &&
	    node_sound(doc, "spec.memory.size") && node_sound(doc, "spec.memory.pageSize"))
		check_fail(d, doc, "spec.numa.cells", who,
			   "%" PRIu64 " pages of memory cannot be shared out evenly to %u cells",
			   m->size / m->page_size, v->cells);
	if (v->cpu.policy == CPU_SHARED && node_sound(doc, "spec.cpu.policy"))
		check_fail(d, doc, "spec.numa.cells", who,
			   "cells needs cpu policy dedicated: vCPUs that float have no node");
	if (v->numa_node != NODE_AUTO)
		check_fail(d, doc, "spec.numa.node", who,
			   "node says one host node, cells %u need %u; leave one of them out",
			   v->cells, v->cells);
}

void
check_vnf(struct draft *d, size_t vnf)
{
	struct site_vnf *v = &d->site->vnfs[vnf];
	struct node *doc = d->vnf_doc[vnf];
	char who[WHO_LEN];

	who_vnf(v, who);
	check_memory(d, doc, v, who);
	check_pins(d, doc, v, who);
	check_realtime(d, doc, v, who);
	check_interface_names(d, vnf);
	check_disks(d, vnf, who);
	check_cells(d, doc, v, who);
}
