/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts and sites built by hand for the planner's tests, where a YAML file would hide what matters.
 * Included behind <cmocka.h>.
 */
#ifndef CORELANE_TEST_RT_SITE_H
#define CORELANE_TEST_RT_SITE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/plan.h"

#define TEST_VNFS_MAX    8
#define TEST_NICS_MAX    4
#define TEST_DEVICES_MAX 4
#define MIB              (1ull << 20)
#define GIB              (1ull << 30)

struct test_site {
	struct site site;
	struct site_network net;
	struct site_vnf vnf[TEST_VNFS_MAX];
	struct site_interface port[TEST_VNFS_MAX][TEST_NICS_MAX]; /* the first one on the switch */
	struct site_device device[TEST_DEVICES_MAX];
};

/* @nodes x @cores x @smt CPUs, numbered node by node, core by core; one L3 a node. */
static inline struct topo *
host_make(int nodes, int cores, int smt)
{
	struct topo *t = calloc(1, sizeof(*t));

	snprintf(t->source, sizeof(t->source), "%d x %d x %d", nodes, cores, smt);
	t->n_nodes = (size_t)nodes;
	t->n_cpus = (size_t)(nodes * cores * smt);
	t->cpu = calloc(t->n_cpus, sizeof(*t->cpu));
	for (int i = 0; i < (int)t->n_cpus; i++)
		t->cpu[i] = (struct topo_cpu){
			.os = i,
			.core = i / smt,
			.l3 = i / smt / cores,
			.package = i / smt / cores,
			.node = i / smt / cores,
		};
	for (int i = 0; i < nodes; i++) {
		t->node[i].os = i;
		for (int j = 0; j < nodes; j++)
			t->node[i].distance[j] = i == j ? 10 : 20;
	}
	return t;
}

static inline void
host_pages(struct topo *t, int node, uint64_t n_2m, uint64_t n_1g)
{
	t->live = true;
	t->node[node].free_2m = t->node[node].total_2m = n_2m;
	t->node[node].free_1g = t->node[node].total_1g = n_1g;
}

static inline void
site_init(struct test_site *s)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->site.host.name, sizeof(s->site.host.name), "edge");
	s->site.host.housekeeping_auto = true;
	snprintf(s->net.name, sizeof(s->net.name), "lan");
	s->net.mtu = 1500;
	s->net.mac_age_ns = 300ull * 1000000000;
	s->site.networks = &s->net;
	s->site.n_networks = 1;
	s->site.vnfs = s->vnf;
	s->site.host.devices = s->device;
}

/* A dedicated VNF with 2 MiB pages; on the switch when @link. */
static inline struct site_vnf *
site_add(struct test_site *s, unsigned int vcpus, uint64_t memory, bool link)
{
	size_t i = s->site.n_vnfs++;
	struct site_vnf *v = &s->vnf[i];

	snprintf(v->name, sizeof(v->name), "fw%zu", i + 1);
	v->cpu.vcpus = vcpus;
	v->cpu.realtime_priority = 1;
	for (unsigned int k = 0; k < SITE_VCPUS_MAX; k++)
		v->cpu.pin[k] = PIN_AUTO;
	for (unsigned int k = 0; k < vcpus; k++)
		cpuset_add(&v->cpu.realtime_vcpus, k);
	v->numa_node = NODE_AUTO;
	v->memory.size = memory;
	v->memory.page_size = 2 * MIB;
	if (link) {
		snprintf(s->port[i][0].name, sizeof(s->port[i][0].name), "lan");
		s->port[i][0].queues = 1;
		s->port[i][0].mtu = 1500;
		v->n_interfaces = 1;
	}
	v->interfaces = s->port[i];
	return v;
}

/* A physical function at 0000:0N:00.0 on @node (-1: the host does not say), of @max functions. */
static inline struct topo_pf *
host_pf(struct topo *t, int node, unsigned int max)
{
	struct topo_pf *pf = &t->pf[t->n_pfs];

	t->pfs_known = true;
	*pf = (struct topo_pf){.pci = {.bus = (uint8_t)++t->n_pfs},
			       .node = node,
			       .vfs_max = max,
			       .mac = {0x52, 0x54, 0, 0, 0, (uint8_t)t->n_pfs},
			       .driver = "igb"};
	snprintf(pf->netdev, sizeof(pf->netdev), "eth%zu", t->n_pfs - 1);
	return pf;
}

/* Declares the host's physical function number @pf as "wanN", with @vfs functions. */
static inline struct site_device *
site_device(struct test_site *s, const struct topo *t, size_t pf, unsigned int vfs)
{
	struct site_device *d = &s->device[s->site.host.n_devices];

	*d = (struct site_device){.pci = t->pf[pf].pci, .vfs = vfs};
	snprintf(d->name, sizeof(d->name), "wan%zu", s->site.host.n_devices++);
	return d;
}

/* An interface "vfN" of VNF @v on device @device; numa.nics is what @v says. */
static inline struct site_interface *
site_vf(struct site_vnf *v, size_t device)
{
	struct site_interface *i = &v->interfaces[v->n_interfaces];

	*i = (struct site_interface){.kind = IF_SRIOV, .queues = 1, .mtu = 1500, .device = device};
	snprintf(i->name, sizeof(i->name), "vf%zu", v->n_interfaces++);
	return i;
}

/* Two nodes of @cores cores, a physical function on each and one that has no node. */
static inline struct topo *
two_nodes(int cores)
{
	struct topo *t = host_make(2, cores, 1);

	host_pf(t, 0, 7);
	host_pf(t, 1, 7);
	host_pf(t, -1, 7);
	return t;
}

/* A VNF with a virtual function of the host's physical function @pf; all of them are declared. */
static inline struct site_vnf *
one_vnf(struct test_site *s, const struct topo *t, unsigned int vcpus, size_t pf)
{
	struct site_vnf *v;

	site_init(s);
	for (size_t i = 0; i < t->n_pfs; i++)
		site_device(s, t, i, 4);
	v = site_add(s, vcpus, 64 * MIB, false);
	v->numa_nics = true;
	site_vf(v, pf);
	return v;
}

/* Plans, frees the host, checks the verdict and that the words contain @words. */
static inline void
expect_refusal(struct topo *t, const struct test_site *s, int code, const char *words)
{
	struct plan *plan = NULL;
	struct err e = {0};
	int r = plan_make(&s->site, t, &plan, &e);

	if (r != -code || plan || !strstr(e.text, words))
		fail_msg("got %d \"%s\", wanted %d with \"%s\"", r, e.text, -code, words);
	assert_int_equal(e.code, code);
	topo_free(t);
}

static inline struct plan *
expect_plan(const struct topo *t, const struct test_site *s)
{
	struct plan *plan = NULL;
	struct err e = {0};
	int r = plan_make(&s->site, t, &plan, &e);

	if (r < 0)
		fail_msg("refused: %s", e.text);
	return plan;
}

#endif
