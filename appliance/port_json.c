/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/port_json.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

static const uint8_t no_mac[6];

const char *
port_json_kind(const struct port_cfg *c)
{
	static const char *const kind[PORT_KINDS] = {"vhost", "device", "bond", "vxlan"};

	return c->kind < PORT_KINDS ? kind[c->kind] : "unknown";
}

/* Names and words come in fixed arrays from another program. */
static json_t *
text_json(const char *text, size_t size)
{
	json_t *j = json_stringn(text, strnlen(text, size));

	return j ? j : json_string("?");
}
#define TEXT(array) text_json(array, sizeof(array))

static json_t *
mac_json(const uint8_t mac[6])
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			    mac[5]);
}

static json_t *
ip_json(const struct port_ip *ip)
{
	char addr[INET6_ADDRSTRLEN] = "?";

	inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->addr, addr, sizeof(addr));
	return json_sprintf("%s/%u", addr, ip->prefix);
}

static json_t *
trunk_json(const struct port_cfg *c)
{
	json_t *list = json_array();

	for (unsigned int v = 1; v <= VLAN_MAX; v++) {
		unsigned int last = v;

		if (!(c->trunk[v / 64] >> (v % 64) & 1))
			continue;
		while (last < VLAN_MAX && (c->trunk[(last + 1) / 64] >> ((last + 1) % 64) & 1))
			last++;
		json_array_append_new(list,
				      v == last ? json_integer(v) : json_sprintf("%u-%u", v, last));
		v = last;
	}
	return list;
}

static void
add_rate(json_t *j, const char *key, const struct port_policer *r)
{
	if (r->rate)
		json_object_set_new(j, key,
				    json_pack("{s:I, s:I, s:I, s:I}", "rate",
					      (json_int_t)r->rate * 8, "peak",
					      (json_int_t)r->peak * 8, "burst",
					      (json_int_t)r->burst, "excess",
					      (json_int_t)r->excess));
}

static void
add_flag(json_t *j, const char *key, bool set)
{
	if (set)
		json_object_set_new(j, key, json_true());
}

static void
add_vlans(json_t *j, const struct port_cfg *c)
{
	static const char *const mode[PORT_VLAN_MODES] = {"access", "trunk", "qinq"};

	json_object_set_new(j, "mode",
			    json_string(c->vlan_mode < PORT_VLAN_MODES ? mode[c->vlan_mode]
								       : "unknown"));
	if (c->vlan)
		json_object_set_new(j, "vlan", json_integer(c->vlan));
	if (c->vlan_mode == PORT_TRUNK)
		json_object_set_new(j, "trunk", trunk_json(c));
	if (c->native_vlan)
		json_object_set_new(j, "native", json_integer(c->native_vlan));
}

static void
add_addresses(json_t *j, const struct port_cfg *c)
{
	json_t *macs = json_array(), *ips = json_array();

	for (size_t i = 0; i < PORT_MACS_MAX && memcmp(c->static_mac[i], no_mac, 6) != 0; i++)
		json_array_append_new(macs, mac_json(c->static_mac[i]));
	for (size_t i = 0; i < PORT_IPS_MAX && c->ip[i].family; i++)
		json_array_append_new(ips, ip_json(&c->ip[i]));
	if (json_array_size(macs))
		json_object_set(j, "staticMacs", macs);
	if (json_array_size(ips))
		json_object_set(j, "ips", ips);
	json_decref(macs);
	json_decref(ips);
	json_object_set_new(j, "spoofCheck",
			    json_string(c->any_mac  ? "false"
					: c->any_ip ? "mac"
						    : "true"));
	if (c->mac_limit)
		json_object_set_new(j, "macLimit", json_integer(c->mac_limit));
}

static void
add_limits(json_t *j, const struct port_cfg *c)
{
	static const char *const storm[] = {"stormBroadcast", "stormMulticast", "stormUnknown"};

	for (size_t i = 0; i < ARRAY_SIZE(storm); i++)
		if (c->storm[i])
			json_object_set_new(j, storm[i], json_integer(c->storm[i]));
	add_rate(j, "ingress", &c->police_in);
	add_rate(j, "egress", &c->police_out);
	add_rate(j, "shape", &c->shape_out);
	add_flag(j, "strict", c->strict);
	if (c->mirror_to[0]) {
		json_object_set_new(j, "mirrorTo", TEXT(c->mirror_to));
		json_object_set_new(j, "mirror",
				    json_string(!c->mirror_out  ? "in"
						: !c->mirror_in ? "out"
								: "both"));
	}
}

static void
add_device(json_t *j, const struct port_cfg *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < PORT_MEMBERS_MAX && c->device[i][0]; i++)
		json_array_append_new(list, TEXT(c->device[i]));
	if (json_array_size(list))
		json_object_set(j, "devices", list);
	json_decref(list);
	if (c->kind == PORT_VXLAN)
		json_object_set_new(j, "vxlan",
				    json_pack("{s:I, s:o, s:o}", "vni", (json_int_t)c->vxlan.vni,
					      "over", TEXT(c->vxlan.over), "local",
					      ip_json(&c->vxlan.local)));
	add_flag(j, "lldp", c->lldp);
}

json_t *
port_json_stats(const struct port_stats *s)
{
	json_t *drops = json_object();

	for (int i = 0; i < DROP_CAUSES; i++)
		if (s->drops[i])
			json_object_set_new(drops, switch_drop_name((enum switch_drop)i),
					    json_integer((json_int_t)s->drops[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
			 "rxPackets", (json_int_t)s->rx_packets, "rxBytes", (json_int_t)s->rx_bytes,
			 "txPackets", (json_int_t)s->tx_packets, "txBytes", (json_int_t)s->tx_bytes,
			 "flooded", (json_int_t)s->flooded, "learned", (json_int_t)s->learned,
			 "moved", (json_int_t)s->moved, "aged", (json_int_t)s->aged, "notLearned",
			 (json_int_t)s->not_learned, "macs", (json_int_t)s->macs, "connects",
			 (json_int_t)s->connects, "badGuest", (json_int_t)s->bad_guest, "drops",
			 drops);
}

json_t *
port_json_full(const struct port_cfg *c, const struct port_stats *s)
{
	json_t *j = json_pack("{s:o, s:o, s:s, s:o, s:i, s:i, s:i, s:b}", "name", TEXT(c->name),
			      "network", TEXT(c->network), "kind", port_json_kind(c), "segment",
			      c->segment[0] ? TEXT(c->segment) : TEXT(c->network), "mtu", c->mtu,
			      "queues", c->queues, "macAge", (int)c->mac_age_s, "connected",
			      s->connected != 0);

	if (!j)
		return NULL;
	if (memcmp(c->mac, no_mac, 6) != 0)
		json_object_set_new(j, "mac", mac_json(c->mac));
	add_vlans(j, c);
	add_flag(j, "isolated", c->isolated);
	add_flag(j, "snooping", c->snoop);
	add_addresses(j, c);
	add_limits(j, c);
	add_device(j, c);
	json_object_set_new(j, "stats", port_json_stats(s));
	return j;
}

json_t *
port_json_mac(const struct switch_mac *m)
{
	return json_pack("{s:o, s:o, s:i, s:I, s:b}", "mac", mac_json(m->mac), "port",
			 TEXT(m->port), "vlan", m->vlan, "age", (json_int_t)m->age_s, "static",
			 m->kind == MAC_STATIC);
}

json_t *
port_json_lane(const struct switch_lane *l)
{
	return json_pack("{s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "lane",
			 (json_int_t)l->number, "cpu", (json_int_t)l->cpu, "ports",
			 (json_int_t)l->ports, "node", (int)l->node, "frames",
			 (json_int_t)l->frames, "rounds", (json_int_t)l->rounds, "busy",
			 (json_int_t)l->busy, "busyNs", (json_int_t)l->busy_ns, "idleNs",
			 (json_int_t)l->idle_ns, "sleeps", (json_int_t)l->sleeps, "sleptNs",
			 (json_int_t)l->slept_ns, "handedOver", (json_int_t)l->handed_over);
}

json_t *
port_json_trace(const struct switch_trace *t)
{
	json_t *j = json_pack("{s:I, s:I, s:o, s:o, s:I}", "frame", (json_int_t)t->frame, "ns",
			      (json_int_t)t->ns, "port", TEXT(t->port), "what", TEXT(t->what),
			      "len", (json_int_t)t->len);
	char hex[2 * sizeof(t->head) + 1];

	if (!j)
		return NULL;
	if (t->dropped && t->dropped <= DROP_CAUSES)
		json_object_set_new(j, "dropped",
				    json_string(
					    switch_drop_name((enum switch_drop)(t->dropped - 1))));
	if (strcmp(t->what, "in") != 0)
		return j;
	for (size_t i = 0; i < sizeof(t->head); i++)
		snprintf(hex + 2 * i, 3, "%02x", t->head[i]);
	json_object_set_new(j, "head",
			    json_stringn(hex, 2 * MIN_OF(sizeof(t->head), (size_t)t->len)));
	return j;
}
