/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port of the switch in a plan, for a person and for a program. What a port does not have is not
 * mentioned.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rt/plan_priv.h"

static const uint8_t no_mac[6];

static void
print_vlans(const struct port_cfg *c, const char *quote, FILE *out)
{
	const char *sep = "";

	for (unsigned int v = 1; v <= VLAN_MAX; v++) {
		unsigned int last = v;

		if (!(c->trunk[v / 64] >> (v % 64) & 1))
			continue;
		while (last < VLAN_MAX && (c->trunk[(last + 1) / 64] >> ((last + 1) % 64) & 1))
			last++;
		if (v == last)
			fprintf(out, "%s%u", sep, v);
		else
			fprintf(out, "%s%s%u-%u%s", sep, quote, v, last, quote);
		sep = ", ";
		v = last;
	}
}

static const char *
ip_text(const struct port_ip *ip, char buf[64])
{
	char addr[INET6_ADDRSTRLEN] = "?";

	inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->addr, addr, sizeof(addr));
	snprintf(buf, 64, "%s/%u", addr, ip->prefix);
	return buf;
}

static const char *
mac_text(const uint8_t mac[6], char buf[64])
{
	snprintf(buf, 64, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return buf;
}

static const char *
kind_text(const struct port_cfg *c)
{
	static const char *const kind[PORT_KINDS] = {"vhost", "device", "bond", "vxlan"};

	return kind[c->kind < PORT_KINDS ? c->kind : 0];
}

static const char *
spoof_text(const struct port_cfg *c)
{
	return c->any_mac ? "false" : c->any_ip ? "mac" : "true";
}

/* One policer or shaper: "2000000000 bps, burst 131072". */
static void
print_rate(const char *what, const struct port_policer *r, FILE *out)
{
	if (!r->rate)
		return;
	fprintf(out, "    %s %" PRIu64 " bps, burst %" PRIu64 " bytes", what, r->rate * 8,
		r->burst);
	if (r->peak)
		fprintf(out, ", peak %" PRIu64 " bps", r->peak * 8);
	if (r->excess)
		fprintf(out, ", excess %" PRIu64 " bytes", r->excess);
	fprintf(out, "\n");
}

static void
print_addresses(const struct port_cfg *c, FILE *out)
{
	char buf[64];

	for (size_t i = 0; i < PORT_MACS_MAX && memcmp(c->static_mac[i], no_mac, 6) != 0; i++)
		fprintf(out, "%s%s", i ? ", " : "    also has ", mac_text(c->static_mac[i], buf));
	if (memcmp(c->static_mac[0], no_mac, 6) != 0)
		fprintf(out, "\n");
	for (size_t i = 0; i < PORT_IPS_MAX && c->ip[i].family; i++)
		fprintf(out, "%s%s", i ? ", " : "    sends from ", ip_text(&c->ip[i], buf));
	if (c->ip[0].family)
		fprintf(out, "\n");
}

static void
print_features(const struct plan_port *port, FILE *out)
{
	static const char *const storm[] = {"broadcast", "multicast", "unknown"};
	const struct port_cfg *c = &port->cfg;

	if (c->vlan_mode == PORT_TRUNK) {
		fprintf(out, "    trunk of VLANs ");
		print_vlans(c, "", out);
		if (c->native_vlan)
			fprintf(out, ", untagged is %u", c->native_vlan);
		fprintf(out, "\n");
	} else if (c->vlan_mode == PORT_QINQ) {
		fprintf(out, "    all of it inside the service tag\n");
	}
	if (c->isolated)
		fprintf(out, "    isolated\n");
	if (c->offload)
		fprintf(out, "    checksums and segments are left to others\n");
	if (c->any_mac && c->kind == PORT_VHOST)
		fprintf(out, "    may send from any address\n");
	if (c->mac_limit)
		fprintf(out, "    at most %" PRIu32 " learnt addresses\n", c->mac_limit);
	print_addresses(c, out);
	for (size_t i = 0; i < ARRAY_SIZE(storm); i++)
		if (c->storm[i])
			fprintf(out, "    at most %" PRIu32 " %s frames a second\n", c->storm[i],
				storm[i]);
	print_rate("may send", &c->police_in, out);
	print_rate("gets at most", &c->police_out, out);
	print_rate(c->strict ? "shaped, by priority, to" : "shaped to", &c->shape_out, out);
	if (port->n_rules)
		fprintf(out, "    %zu filter rule%s\n", port->n_rules,
			port->n_rules == 1 ? "" : "s");
	if (c->mirror_to[0])
		fprintf(out, "    copied to %s (%s)\n", c->mirror_to,
			!c->mirror_out  ? "in"
			: !c->mirror_in ? "out"
					: "both");
}

static void
print_uplink(const struct port_cfg *c, FILE *out)
{
	char buf[64];

	for (size_t i = 0; i < PORT_MEMBERS_MAX && c->device[i][0]; i++)
		fprintf(out, "    %s%s\n", c->kind == PORT_BOND ? "member " : "", c->device[i]);
	if (c->kind == PORT_ETHDEV && !c->device[0][0])
		fprintf(out, "    its place is not known for this topology\n");
	if (c->kind == PORT_BOND)
		fprintf(out, "    %s\n", c->bond_mode == BOND_LACP ? "LACP" : "active-backup");
	if (c->kind == PORT_VXLAN) {
		fprintf(out, "    VNI %" PRIu32 " over %s, from %s port %u to", c->vxlan.vni,
			c->vxlan.over, ip_text(&c->vxlan.local, buf), c->vxlan.udp_port);
		for (size_t i = 0; i < PORT_PEERS_MAX && c->vxlan.peer[i].family; i++)
			fprintf(out, " %s", ip_text(&c->vxlan.peer[i], buf));
		fprintf(out, "\n");
	}
	if (c->lldp)
		fprintf(out, "    says who we are (LLDP)\n");
}

void
plan_print_port(const struct plan *p, const struct plan_port *port, FILE *out)
{
	const struct port_cfg *c = &port->cfg;
	char buf[64];

	fprintf(out, "  %s: ", c->name);
	if (port->vnf == PLAN_UPLINK)
		fprintf(out, "uplink (%s), mtu %u", kind_text(c), c->mtu);
	else
		fprintf(out, "network %s, ", c->network);
	if (port->vnf != PLAN_UPLINK && c->vlan_mode != PORT_TRUNK && c->vlan != VLAN_NONE)
		fprintf(out, "vlan %u, ", c->vlan);
	else if (port->vnf != PLAN_UPLINK)
		fprintf(out, c->vlan_mode == PORT_TRUNK ? "tagged, " : "untagged, ");
	if (port->vnf != PLAN_UPLINK)
		fprintf(out, "mac %s, mtu %u, %u queue%s, addresses age in %" PRIu32 " s",
			mac_text(c->mac, buf), c->mtu, c->queues, c->queues == 1 ? "" : "s",
			c->mac_age_s);
	if (p->n_lanes > 1)
		fprintf(out, ", CPU %d", p->lane_cpu[port->lane]);
	fprintf(out, "\n");
	print_features(port, out);
	if (port->vnf == PLAN_UPLINK)
		print_uplink(c, out);
}

static void
json_policer(const char *key, const struct port_policer *r, FILE *out)
{
	if (r->rate)
		fprintf(out,
			", \"%s\": {\"rate\": %" PRIu64 ", \"peak\": %" PRIu64
			", \"burst\": %" PRIu64 ", \"excess\": %" PRIu64 "}",
			key, r->rate * 8, r->peak * 8, r->burst, r->excess);
}

static void
json_addresses(const struct port_cfg *c, FILE *out)
{
	char buf[64];

	if (memcmp(c->static_mac[0], no_mac, 6) != 0) {
		fprintf(out, ", \"staticMacs\": [");
		for (size_t i = 0; i < PORT_MACS_MAX && memcmp(c->static_mac[i], no_mac, 6) != 0;
		     i++)
			fprintf(out, "%s\"%s\"", i ? ", " : "", mac_text(c->static_mac[i], buf));
		fprintf(out, "]");
	}
	if (c->ip[0].family) {
		fprintf(out, ", \"ips\": [");
		for (size_t i = 0; i < PORT_IPS_MAX && c->ip[i].family; i++)
			fprintf(out, "%s\"%s\"", i ? ", " : "", ip_text(&c->ip[i], buf));
		fprintf(out, "]");
	}
}

static void
json_uplink(const struct port_cfg *c, FILE *out)
{
	char buf[64];

	fprintf(out, ", \"devices\": [");
	/* Declared names and addresses only: nothing that JSON would have to escape. */
	for (size_t i = 0; i < PORT_MEMBERS_MAX && c->device[i][0]; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "", c->device[i]);
	fprintf(out, "]");
	if (c->kind == PORT_BOND)
		fprintf(out, ", \"bond\": \"%s\"",
			c->bond_mode == BOND_LACP ? "lacp" : "active-backup");
	if (c->kind == PORT_VXLAN) {
		fprintf(out,
			", \"vni\": %" PRIu32 ", \"over\": \"%s\", \"local\": \"%s\", \"peers\": [",
			c->vxlan.vni, c->vxlan.over, ip_text(&c->vxlan.local, buf));
		for (size_t i = 0; i < PORT_PEERS_MAX && c->vxlan.peer[i].family; i++)
			fprintf(out, "%s\"%s\"", i ? ", " : "", ip_text(&c->vxlan.peer[i], buf));
		fprintf(out, "]");
	}
	if (c->lldp)
		fprintf(out, ", \"lldp\": true");
}

void
plan_print_port_json(const struct plan *p, const struct plan_port *port, FILE *out)
{
	static const char *const mode[PORT_VLAN_MODES] = {"access", "trunk", "qinq"};
	const struct port_cfg *c = &port->cfg;

	fprintf(out, ", \"kind\": \"%s\", \"segment\": \"%s\", \"cpu\": %d, \"mode\": \"%s\"",
		kind_text(c), c->segment[0] ? c->segment : c->network,
		port->lane < p->n_lanes ? p->lane_cpu[port->lane] : -1, mode[c->vlan_mode]);
	if (c->vlan_mode == PORT_TRUNK) {
		fprintf(out, ", \"trunk\": [");
		print_vlans(c, "\"", out);
		fprintf(out, "], \"native\": %u", c->native_vlan);
	}
	fprintf(out, ", \"isolated\": %s, \"spoofCheck\": \"%s\", \"macLimit\": %" PRIu32,
		c->isolated ? "true" : "false", spoof_text(c), c->mac_limit);
	json_addresses(c, out);
	if (c->storm[0] | c->storm[1] | c->storm[2])
		fprintf(out,
			", \"storm\": {\"broadcast\": %" PRIu32 ", \"multicast\": %" PRIu32
			", \"unknown\": %" PRIu32 "}",
			c->storm[0], c->storm[1], c->storm[2]);
	json_policer("ingress", &c->police_in, out);
	json_policer("egress", &c->police_out, out);
	json_policer("shape", &c->shape_out, out);
	if (c->strict)
		fprintf(out, ", \"strict\": true");
	if (c->offload)
		fprintf(out, ", \"offload\": true");
	fprintf(out, ", \"rules\": %zu", port->n_rules);
	if (c->mirror_to[0])
		fprintf(out, ", \"mirrorTo\": \"%s\", \"mirror\": \"%s\"", c->mirror_to,
			!c->mirror_out  ? "in"
			: !c->mirror_in ? "out"
					: "both");
	if (port->vnf == PLAN_UPLINK)
		json_uplink(c, out);
}
