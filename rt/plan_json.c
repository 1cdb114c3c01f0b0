/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as a program reads it: one JSON object (RFC 8259). Written by hand, because the planner
 * has no other use for a JSON library; every string goes through print_string().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rt/plan_priv.h"

/* Anything that is not printable ASCII is escaped as a byte, so that the output is always UTF-8. */
static void
print_string(const char *s, FILE *out)
{
	putc('"', out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

static void
print_key(const char *sep, const char *key, FILE *out)
{
	fprintf(out, "%s\"%s\": ", sep, key);
}

static void
print_text(const char *sep, const char *key, const char *value, FILE *out)
{
	print_key(sep, key, out);
	print_string(value, out);
}

static void
print_set(const char *sep, const char *key, const struct cpuset *set, FILE *out)
{
	const char *comma = "";

	print_key(sep, key, out);
	putc('[', out);
	cpuset_for_each (cpu, set) {
		fprintf(out, "%s%d", comma, cpu);
		comma = ", ";
	}
	putc(']', out);
}

static void
print_host(const struct plan *p, const struct topo *t, FILE *out)
{
	print_text("{\n  ", "host", p->site->host.name, out);
	print_text(",\n  ", "topology", t->source, out);
	fprintf(out, ",\n  \"live\": %s", t->live ? "true" : "false");
	print_set(",\n  ", "housekeeping", &p->housekeeping, out);
	fprintf(out, ",\n  \"overlap\": %s", p->overlap ? "true" : "false");
	print_key(",\n  ", "cpus", out);
	for (size_t i = 0; i < t->n_cpus; i++) {
		const struct topo_cpu *c = &t->cpu[i];

		fprintf(out,
			"%s{\"cpu\": %d, \"core\": %d, \"l3\": %d, \"package\": %d, \"node\": %d, "
			"\"isolated\": %s}",
			i ? ",\n    " : "[\n    ", c->os, c->core, c->l3, c->package,
			t->node[c->node].os, c->isolated ? "true" : "false");
	}
	fprintf(out, "\n  ]");
}

static void
print_vnf(const struct plan_vnf *pv, const char *sep, FILE *out)
{
	const struct site_vnf *vnf = pv->vnf;

	print_text(sep, "name", vnf->name, out);
	print_text(", ", "policy", vnf->cpu.policy == CPU_DEDICATED ? "dedicated" : "shared", out);
	fprintf(out,
		", \"memory\": %" PRIu64 ", \"pageSize\": %" PRIu64 ", \"pages\": %" PRIu64
		", \"node\": %d",
		vnf->memory.size, vnf->memory.page_size, pv->pages, pv->node);
	print_key(", ", "cells", out);
	for (unsigned int c = 0; c < MAX_OF(vnf->cells, 1u); c++)
		fprintf(out, "%s%d", c ? ", " : "[", pv->cell_node[c]);
	fprintf(out, "]");
	print_set(",\n     ", "emulator", &pv->emulator, out);
	print_key(",\n     ", "vcpus", out);
	for (unsigned int i = 0; i < vnf->cpu.vcpus; i++)
		fprintf(out, "%s{\"cpu\": %d, \"priority\": %d, \"cell\": %u}", i ? ", " : "[",
			pv->cpu[i], pv->priority[i], pv->vcpu_cell[i]);
	fprintf(out, "]}");
}

static void
print_port(const struct plan *p, const struct plan_port *port, const char *sep, FILE *out)
{
	const struct port_cfg *c = &port->cfg;

	print_text(sep, "name", c->name, out);
	if (port->vnf == PLAN_UPLINK) {
		print_text(", ", "uplink", c->name, out);
	} else {
		const struct site_vnf *vnf = p->vnf[port->vnf].vnf;

		print_text(", ", "vnf", vnf->name, out);
		print_text(", ", "interface", vnf->interfaces[port->interface].name, out);
	}
	print_text(", ", "network", c->network, out);
	fprintf(out,
		", \"vlan\": %u, \"mac\": \"%02x:%02x:%02x:%02x:%02x:%02x\", \"mtu\": %u, "
		"\"queues\": %u, \"macAge\": %" PRIu32,
		c->vlan, c->mac[0], c->mac[1], c->mac[2], c->mac[3], c->mac[4], c->mac[5], c->mtu,
		c->queues, c->mac_age_s);
	plan_print_port_json(p, port, out);
	putc('}', out);
}

static const char *
bool_text(bool v)
{
	return v ? "true" : "false";
}

static void
print_mac(const char *sep, const uint8_t mac[6], FILE *out)
{
	fprintf(out, "%s\"mac\": \"%02x:%02x:%02x:%02x:%02x:%02x\"", sep, mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
}

static void
print_function(const struct plan *p, const struct plan_vf *f, const char *sep, FILE *out)
{
	static const char *const link[] = {"auto", "enable", "disable"};
	const struct site_vnf *vnf = p->vnf[f->vnf].vnf;
	const struct vf_cfg *c = &f->cfg;

	fprintf(out, "%s\"number\": %u", sep, f->number);
	print_text(", ", "vnf", vnf->name, out);
	print_text(", ", "interface", vnf->interfaces[f->interface].name, out);
	print_mac(", ", c->mac, out);
	fprintf(out,
		", \"vlan\": %u, \"qos\": %u, \"trust\": %s, \"spoofCheck\": %s, \"linkState\": "
		"\"%s\", \"maxTxMbps\": %" PRIu32 "}",
		c->vlan, c->qos, bool_text(c->trust), bool_text(c->spoof_check),
		link[c->link <= VF_LINK_DOWN ? c->link : 0], c->max_tx_mbps);
}

static void
print_device(const struct plan *p, size_t i, const char *sep, FILE *out)
{
	const struct plan_pf *pf = &p->pf[i];
	char addr[PCI_ADDR_LEN];
	bool any = false;

	print_text(sep, "name", pf->device->name, out);
	fprintf(out, ", \"known\": %s", bool_text(pf->known));
	if (pf->known || pf->device->kind == DEVICE_PCI)
		print_text(", ", "pci", pci_addr_format(&pf->pci, addr), out);
	if (pf->known || pf->device->kind == DEVICE_MAC)
		print_mac(", ", pf->mac, out);
	print_text(", ", "netdev", pf->netdev, out);
	print_text(", ", "driver", pf->driver, out);
	fprintf(out, ", \"node\": %d, \"vfs\": %u, \"functions\": [", pf->node, pf->vfs);
	for (size_t k = 0; k < p->n_vfs; k++) {
		if (p->vf[k].pf != i)
			continue;
		print_function(p, &p->vf[k], any ? ",\n      {" : "\n      {", out);
		any = true;
	}
	fprintf(out, any ? "\n    ]}" : "]}");
}

int
plan_print_json(const struct plan *p, const struct topo *topo, FILE *out)
{
	print_host(p, topo, out);
	print_key(",\n  ", "vnfs", out);
	putc('[', out);
	for (size_t v = 0; v < p->n_vnfs; v++)
		print_vnf(&p->vnf[v], v ? ",\n    {" : "\n    {", out);
	fprintf(out, "%s],\n  \"switch\": ", p->n_vnfs ? "\n  " : "");
	if (p->has_switch) {
		fprintf(out, "{\"cpu\": %d, \"cpus\": [", p->switch_cpu);
		for (unsigned int i = 0; i < p->n_lanes; i++)
			fprintf(out, "%s%d", i ? ", " : "", p->lane_cpu[i]);
		fprintf(out,
			"], \"node\": %d, \"pageSize\": %" PRIu64 ", \"pages\": %" PRIu64
			", \"ports\": [",
			p->switch_node, p->switch_page_size, p->switch_pages);
		for (size_t i = 0; i < p->n_ports; i++)
			print_port(p, &p->port[i], i ? ",\n    {" : "\n    {", out);
		fprintf(out, "\n  ]}");
	} else {
		fprintf(out, "null");
	}
	print_key(",\n  ", "devices", out);
	putc('[', out);
	for (size_t i = 0; i < p->n_pfs; i++)
		print_device(p, i, i ? ",\n    {" : "\n    {", out);
	fprintf(out, p->n_pfs ? "\n  ]" : "]");
	print_key(",\n  ", "reasons", out);
	putc('[', out);
	for (size_t i = 0; i < p->n_reasons; i++) {
		fprintf(out, i ? ",\n    " : "\n    ");
		print_string(p->reason[i], out);
	}
	fprintf(out, "%s]\n}\n", p->n_reasons ? "\n  " : "");
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
