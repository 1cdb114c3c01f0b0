/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as a person reads it: CPUs by node with their owners, VNFs, switch ports, devices, then
 * what stands against a real-time claim. Compared byte by byte with tests/golden/plan.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rt/plan_priv.h"

/* A number of bytes with the largest binary unit that divides it. */
static const char *
bytes_text(uint64_t n, char *buf, size_t size)
{
	static const char *const unit[] = {"", "Ki", "Mi", "Gi", "Ti"};
	size_t u = 0;

	while (n && n % 1024 == 0 && u + 1 < ARRAY_SIZE(unit)) {
		n /= 1024;
		u++;
	}
	snprintf(buf, size, "%" PRIu64 "%s", n, unit[u]);
	return buf;
}

/* Everybody who was given @cpu. false: nobody. */
static bool
print_owners(const struct plan *p, int cpu, FILE *out)
{
	const char *sep = "";

	if (cpuset_has(&p->housekeeping, (unsigned int)cpu)) {
		fprintf(out, "housekeeping");
		sep = ", ";
	}
	if (plan_is_lane(p, cpu)) {
		fprintf(out, "%sswitch", sep);
		sep = ", ";
	}
	for (size_t v = 0; v < p->n_vnfs; v++) {
		const struct plan_vnf *pv = &p->vnf[v];

		for (unsigned int i = 0; i < pv->vnf->cpu.vcpus; i++) {
			if (pv->cpu[i] != cpu)
				continue;
			fprintf(out, "%s%s vCPU %u", sep, pv->vnf->name, i);
			sep = ", ";
		}
		if (cpuset_has(&pv->emulator, (unsigned int)cpu) &&
		    !cpuset_equal(&pv->emulator, &p->housekeeping)) {
			fprintf(out, "%s%s emulator", sep, pv->vnf->name);
			sep = ", ";
		}
	}
	return *sep != '\0';
}

static bool
is_used(const struct plan *p, int cpu)
{
	bool used = cpuset_has(&p->housekeeping, (unsigned int)cpu) || plan_is_lane(p, cpu);

	for (size_t v = 0; v < p->n_vnfs && !used; v++) {
		used = cpuset_has(&p->vnf[v].emulator, (unsigned int)cpu);
		for (unsigned int i = 0; i < p->vnf[v].vnf->cpu.vcpus; i++)
			used |= p->vnf[v].cpu[i] == cpu;
	}
	return used;
}

/* Unused: because a sibling wants the core to itself, or because nobody needs it. */
static void
print_unused(const struct plan *p, const struct topo *t, const struct topo_cpu *c, FILE *out)
{
	for (size_t i = 0; i < t->n_cpus; i++) {
		if (t->cpu[i].core != c->core || !is_used(p, t->cpu[i].os))
			continue;
		fprintf(out, "(idle: sibling of CPU %d)", t->cpu[i].os);
		return;
	}
	fprintf(out, "-");
}

static void
print_pages(const struct topo *t, const struct topo_node *n, FILE *out)
{
	if (!t->live)
		return;
	fprintf(out, "; free hugepages: %" PRIu64 " x 2Mi, %" PRIu64 " x 1Gi", n->free_2m,
		n->free_1g);
}

static void
print_cpus(const struct plan *p, const struct topo *t, FILE *out)
{
	for (size_t n = 0; n < t->n_nodes; n++) {
		size_t here = 0;

		for (size_t i = 0; i < t->n_cpus; i++)
			here += t->cpu[i].node == (int)n;
		fprintf(out, "\nnode %d: %zu CPU%s", t->node[n].os, here, here == 1 ? "" : "s");
		print_pages(t, &t->node[n], out);
		fprintf(out, "\n");
		if (here)
			fprintf(out, "  CPU  core  L3  owner\n");
		for (size_t i = 0; i < t->n_cpus; i++) {
			const struct topo_cpu *c = &t->cpu[i];
			char l3[12] = "-";

			if (c->node != (int)n)
				continue;
			if (c->l3 >= 0)
				snprintf(l3, sizeof(l3), "%d", c->l3);
			fprintf(out, "  %3d  %4d  %2s  ", c->os, c->core, l3);
			if (!print_owners(p, c->os, out))
				print_unused(p, t, c, out);
			fprintf(out, "\n");
		}
	}
}

static void
print_vnf(const struct plan *p, const struct plan_vnf *pv, FILE *out)
{
	static const char *const threads[] = {"isolate", "prefer", "require"};
	const struct site_vnf *vnf = pv->vnf;
	char size[32], page[32], cpus[CPUSET_TEXT_MAX];

	fprintf(out, "\nvnf %s: %u vCPU%s, ", vnf->name, vnf->cpu.vcpus,
		vnf->cpu.vcpus == 1 ? "" : "s");
	if (vnf->cpu.policy == CPU_DEDICATED)
		fprintf(out, "dedicated, threads: %s\n", threads[vnf->cpu.threads]);
	else
		fprintf(out, "shared\n");
	fprintf(out, "  memory    %s = %" PRIu64 " x %s",
		bytes_text(vnf->memory.size, size, sizeof(size)), pv->pages,
		bytes_text(vnf->memory.page_size, page, sizeof(page)));
	for (unsigned int c = 0; vnf->cells > 1 && c < vnf->cells; c++)
		fprintf(out, "%s %d", c ? "," : ", cells on nodes", pv->cell_node[c]);
	if (vnf->cells < 2 && pv->node >= 0)
		fprintf(out, ", node %d", pv->node);
	fprintf(out, "\n  emulator  CPU %s%s\n", cpuset_format(&pv->emulator, cpus, sizeof(cpus)),
		cpuset_equal(&pv->emulator, &p->housekeeping) ? " (housekeeping)" : "");
	for (unsigned int i = 0; i < vnf->cpu.vcpus; i++) {
		if (pv->cpu[i] < 0)
			fprintf(out, "  vCPU %-4u floats on the emulator's CPUs\n", i);
		else if (pv->priority[i])
			fprintf(out, "  vCPU %-4u CPU %d, FIFO %d", i, pv->cpu[i], pv->priority[i]);
		else
			fprintf(out, "  vCPU %-4u CPU %d", i, pv->cpu[i]);
		if (pv->cpu[i] >= 0 && vnf->cells > 1)
			fprintf(out, ", cell %u", pv->vcpu_cell[i]);
		if (pv->cpu[i] >= 0)
			fprintf(out, "\n");
	}
}

static void
print_switch(const struct plan *p, FILE *out)
{
	char page[32];

	if (!p->has_switch) {
		fprintf(out, "\nswitch: none, no interface needs it\n");
		return;
	}
	fprintf(out, "\nswitch: CPU ");
	for (unsigned int i = 0; i < p->n_lanes; i++)
		fprintf(out, "%s%d", i ? ", " : "", p->lane_cpu[i]);
	fprintf(out, ", buffers %" PRIu64 " x %s on node %d\n", p->switch_pages,
		bytes_text(p->switch_page_size, page, sizeof(page)), p->switch_node);
	for (size_t i = 0; i < p->n_ports; i++)
		plan_print_port(p, &p->port[i], out);
}

static void
print_function(const struct plan *p, const struct plan_vf *f, FILE *out)
{
	static const char *const link[] = {"as the device", "enable", "disable"};
	const struct site_vnf *vnf = p->vnf[f->vnf].vnf;
	const struct vf_cfg *c = &f->cfg;

	fprintf(out, "  VF %u: %s/%s, ", f->number, vnf->name, vnf->interfaces[f->interface].name);
	if (c->vlan != VLAN_NONE)
		fprintf(out, "vlan %u, qos %u, ", c->vlan, c->qos);
	else
		fprintf(out, "untagged, ");
	fprintf(out, "mac %02x:%02x:%02x:%02x:%02x:%02x, %s, %s, link: %s", c->mac[0], c->mac[1],
		c->mac[2], c->mac[3], c->mac[4], c->mac[5], c->trust ? "trusted" : "not trusted",
		c->spoof_check ? "spoof check" : "no spoof check",
		link[c->link <= VF_LINK_DOWN ? c->link : 0]);
	if (c->max_tx_mbps)
		fprintf(out, ", at most %" PRIu32 " Mbps", c->max_tx_mbps);
	fprintf(out, "\n");
}

static void
print_device(const struct plan *p, size_t i, FILE *out)
{
	const struct plan_pf *pf = &p->pf[i];
	char addr[PCI_ADDR_LEN];

	fprintf(out, "\ndevice %s: ", pf->device->name);
	if (pf->device->kind >= DEVICE_TAP) {
		fprintf(out, "%s%s%s, an uplink%s\n", plan_device_kind(pf->device),
			pf->device->ifname[0] ? " " : "", pf->device->ifname,
			pf->device->used ? "" : " that nobody uses");
		return;
	}
	if (pf->device->driver == DRIVER_DPDK)
		fprintf(out, "the switch's, ");
	if (pf->known)
		fprintf(out, "%s, %s (%s), ", pci_addr_format(&pf->pci, addr),
			pf->netdev[0] ? pf->netdev : "no network device",
			pf->driver[0] ? pf->driver : "no driver");
	else
		fprintf(out, "not known for this topology, assumed to be there, ");
	if (pf->node >= 0)
		fprintf(out, "node %d, ", pf->node);
	fprintf(out, "%u virtual function%s\n", pf->vfs, pf->vfs == 1 ? "" : "s");
	for (size_t k = 0; k < p->n_vfs; k++)
		if (p->vf[k].pf == i)
			print_function(p, &p->vf[k], out);
}

int
plan_print(const struct plan *p, const struct topo *topo, FILE *out)
{
	char cpus[CPUSET_TEXT_MAX];
	size_t cores = 0;

	for (size_t i = 0; i < topo->n_cpus; i++) /* core numbers are dense */
		cores = MAX_OF(cores, (size_t)topo->cpu[i].core + 1);
	fprintf(out, "plan for host %s on %s: %zu CPU%s, %zu core%s, %zu NUMA node%s\n",
		p->site->host.name, topo->source, topo->n_cpus, topo->n_cpus == 1 ? "" : "s", cores,
		cores == 1 ? "" : "s", topo->n_nodes, topo->n_nodes == 1 ? "" : "s");
	fprintf(out, "housekeeping: CPU %s\n", cpuset_format(&p->housekeeping, cpus, sizeof(cpus)));
	if (!topo->live)
		fprintf(out, "hugepages: not known for this topology, assumed to suffice\n");
	print_cpus(p, topo, out);
	for (size_t v = 0; v < p->n_vnfs; v++)
		print_vnf(p, &p->vnf[v], out);
	print_switch(p, out);
	for (size_t i = 0; i < p->n_pfs; i++)
		print_device(p, i, out);
	if (p->n_reasons)
		fprintf(out, "\nnot eligible for a real-time claim:\n");
	else
		fprintf(out, "\nnothing in this plan stands against a real-time claim "
			     "(the host itself is judged separately)\n");
	for (size_t i = 0; i < p->n_reasons; i++)
		fprintf(out, "  - %s\n", p->reason[i]);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
