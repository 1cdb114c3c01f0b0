/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of a port of the switch: interface.switch. */
#include "base/port.h"
#include "config/schema_if.h"
#include "config/schema_rows.h"
#include "config/site.h"

#define KBPS INT64_C(1000)
#define TBPS INT64_C(1000000000000)

/* Declared in bits a second, kept in bytes. */
#define RATE(key, member, text)                                                                    \
	{                                                                                          \
		.name = key, .type = KEY_RATE, .dflt = "none", FIELD(site_interface, member),      \
		.min = KBPS, .max = TBPS, .scale = 8, .words = none_word, .help = text             \
	}
#define BYTES(key, member, word, text)                                                             \
	{                                                                                          \
		.name = key, .type = KEY_BYTES, .dflt = #word, FIELD(site_interface, member),      \
		.min = 1, .max = GIB, .words = word##_word, .help = text                           \
	}
#define FRAMES(key, member, text)                                                                  \
	{                                                                                          \
		.name = key, .type = KEY_NUMBER, .dflt = "none", FIELD(site_interface, member),    \
		.min = 1, .max = 100000000, .words = none_word, .help = text                       \
	}

static const struct config_word none_word[] = {{"none", 0}, {NULL, 0}};
static const struct config_word auto_word[] = {{"auto", 0}, {NULL, 0}};
static const struct config_word any_word[] = {{"any", 0}, {NULL, 0}};

static const struct config_key limit_keys[] = {
	RATE("ingress", port.ingress, "what the guest may send"),
	RATE("egress", port.egress, "what the guest gets at most"),
	BYTES("burst", port.burst, auto, "bytes at once above the rate"),
	BYTES("excess", port.excess, none, "bytes at once above burst, or of peak"),
	RATE("peak", port.peak, "a second rate, for bursts"),
};

static const struct config_key shape_keys[] = {
	RATE("egress", port.shape, "what the guest gets; the rest waits"),
	BYTES("burst", port.shape_burst, auto, "bytes at once"),
	{.name = "strict",
	 .type = KEY_BOOL,
	 .dflt = "false",
	 FIELD(site_interface, port.cfg.strict),
	 .help = "whether frames of a higher priority (PCP) always go first"},
};

static const struct config_key storm_keys[] = {
	FRAMES("broadcast", port.cfg.storm[0], "broadcast frames a second"),
	FRAMES("multicast", port.cfg.storm[1], "multicast frames a second"),
	FRAMES("unknown", port.cfg.storm[2], "frames a second to addresses that nobody knows"),
};

static const struct config_word ether_types[] = {
	{"any", 0},       {"ipv4", 0x0800}, {"ipv6", 0x86dd}, {"arp", 0x0806},
	{"lldp", 0x88cc}, {"mpls", 0x8847}, {NULL, 0},
};

/* IANA's protocol numbers. */
static const struct config_word protocols[] = {
	{"any", RULE_ANY_PROTOCOL},
	{"icmp", 1},
	{"igmp", 2},
	{"tcp", 6},
	{"udp", 17},
	{"gre", 47},
	{"esp", 50},
	{"icmpv6", 58},
	{"ospf", 89},
	{"vrrp", 112},
	{"sctp", 132},
	{NULL, 0},
};

static const struct config_key rule_keys[] = {
	{.name = "etherType",
	 .type = KEY_HEX,
	 .dflt = "any",
	 FIELD(site_rule, rule.ether_type),
	 .min = 0x600,
	 .max = 0xffff,
	 .words = ether_types,
	 .help = "type of the frame, behind its VLAN tags"},
	{.name = "sourceMac",
	 .type = KEY_MAC_MASK,
	 .dflt = "any",
	 FIELD(site_rule, rule.source_mac),
	 .aux = offsetof(struct site_rule, rule.source_mac_mask),
	 .words = any_word,
	 .help = "address that it comes from"},
	{.name = "targetMac",
	 .type = KEY_MAC_MASK,
	 .dflt = "any",
	 FIELD(site_rule, rule.target_mac),
	 .aux = offsetof(struct site_rule, rule.target_mac_mask),
	 .words = any_word,
	 .help = "address that it goes to"},
	{.name = "vlan",
	 .type = KEY_NUMBER,
	 .dflt = "any",
	 FIELD(site_rule, rule.vlan),
	 .min = 1,
	 .max = VLAN_MAX,
	 .words = any_word,
	 .help = "VLAN that it belongs to"},
	{.name = "protocol",
	 .type = KEY_NUMBER,
	 .dflt = "any",
	 FIELD(site_rule, protocol),
	 .min = 0,
	 .max = 255,
	 .words = protocols,
	 .help = "protocol of IP"},
	{.name = "source",
	 .type = KEY_IP,
	 .dflt = "any",
	 FIELD(site_rule, source),
	 .min = IP_NETWORK,
	 .words = any_word,
	 .help = "IP address or network that it comes from"},
	{.name = "target",
	 .type = KEY_IP,
	 .dflt = "any",
	 FIELD(site_rule, target),
	 .min = IP_NETWORK,
	 .words = any_word,
	 .help = "IP address or network that it goes to"},
	{.name = "sourcePort",
	 .type = KEY_PORTS,
	 .dflt = "any",
	 FIELD(site_rule, rule.source_port),
	 .words = any_word,
	 .help = "TCP, UDP or SCTP port, or a range"},
	{.name = "targetPort",
	 .type = KEY_PORTS,
	 .dflt = "any",
	 FIELD(site_rule, rule.target_port),
	 .words = any_word,
	 .help = "likewise"},
};

const struct config_schema config_rule = {SCHEMA("rule", rule_keys)};

static const struct config_key filter_keys[] = {
	{.name = "allow",
	 .type = KEY_OBJECT,
	 .flags = KEY_ONE_OF,
	 .tag = FILTER_ALLOW,
	 .sub = &config_rule,
	 .help = "frames that pass"},
	{.name = "deny",
	 .type = KEY_OBJECT,
	 .flags = KEY_ONE_OF,
	 .tag = FILTER_DENY,
	 .sub = &config_rule,
	 .help = "frames that are dropped"},
	{.name = "direction",
	 .type = KEY_ENUM,
	 .dflt = "in",
	 FIELD(site_rule, direction),
	 .words = (const struct config_word[]){{"in", FILTER_FROM}, {"out", FILTER_TO}, {NULL, 0}},
	 .help = "frames from the guest, or to it"},
	{.name = "name",
	 .type = KEY_STRING,
	 .dflt = "",
	 FIELD(site_rule, rule.name),
	 .help = "what counters and traces call it"},
};

static const struct config_schema limit_schema = {SCHEMA("limit", limit_keys)};
static const struct config_schema shape_schema = {SCHEMA("shape", shape_keys)};
static const struct config_schema storm_schema = {SCHEMA("storm", storm_keys)};
static const struct config_schema filter_schema = {SCHEMA("filter", filter_keys),
						   TAG(site_rule, rule.action),
						   .size = sizeof(struct site_rule)};

static const struct config_key switch_keys[] = {
	{.name = "network",
	 .type = KEY_REF,
	 .flags = KEY_REQUIRED,
	 .ref = REF_NETWORK,
	 FIELD(site_interface, network),
	 .help = "the Network that it joins"},
	INTERFACE_QUEUES(PORT_QUEUES_MAX),
	INTERFACE_MAC,
	{.name = "vlan",
	 .type = KEY_NUMBER,
	 .dflt = "network",
	 FIELD(site_interface, vlan),
	 .min = 1,
	 .max = VLAN_MAX,
	 .words = (const struct config_word[]){{"network", VLAN_INHERIT},
					       {"none", VLAN_NONE},
					       {NULL, 0}},
	 .help = "access VLAN of this port"},
	{.name = "trunk",
	 .type = KEY_VLANS,
	 .flags = KEY_GIVEN,
	 FIELD(site_interface, port.cfg.trunk),
	 .aux = offsetof(struct site_interface, port.has_trunk),
	 .help = "VLANs that arrive tagged"},
	{.name = "native",
	 .type = KEY_NUMBER,
	 .dflt = "none",
	 FIELD(site_interface, port.cfg.native_vlan),
	 .min = 1,
	 .max = VLAN_MAX,
	 .words = none_word,
	 .help = "VLAN of a trunk's untagged frames"},
	{.name = "qinq",
	 .type = KEY_BOOL,
	 .dflt = "false",
	 FIELD(site_interface, port.qinq),
	 .help = "whether all that comes is carried inside a service tag of vlan"},
	{.name = "isolate",
	 .type = KEY_ENUM,
	 .dflt = "network",
	 FIELD(site_interface, port.isolate),
	 .words = (const struct config_word[]){{"network", ISOLATE_NETWORK},
					       {"true", ISOLATE_YES},
					       {"false", ISOLATE_NO},
					       {NULL, 0}},
	 .help = "whether other isolated ports are out of reach"},
	{.name = "macLimit",
	 .type = KEY_NUMBER,
	 .dflt = "none",
	 FIELD(site_interface, port.cfg.mac_limit),
	 .min = 1,
	 .max = 1 << 20,
	 .words = none_word,
	 .help = "addresses that may be learnt from it"},
	{.name = "staticMacs",
	 .type = KEY_MACS,
	 FIELD(site_interface, port.cfg.static_mac),
	 .help = "addresses behind it, beside its own, that need no learning"},
	{.name = "ips",
	 .type = KEY_IPS,
	 FIELD(site_interface, port.cfg.ip),
	 .min = IP_NETWORK,
	 .help = "what the guest may send from"},
	{.name = "spoofCheck",
	 .type = KEY_ENUM,
	 .dflt = "true",
	 FIELD(site_interface, port.spoof),
	 .words = (const struct config_word[]){{"true", SPOOF_CHECK},
					       {"mac", SPOOF_CHECK_MAC},
					       {"false", SPOOF_ALLOW},
					       {NULL, 0}},
	 .help = "whether frames from other addresses than the declared ones are dropped"},
	{.name = "storm",
	 .type = KEY_OBJECT,
	 .sub = &storm_schema,
	 .help = "frames that reach everybody"},
	{.name = "limit",
	 .type = KEY_OBJECT,
	 .sub = &limit_schema,
	 .help = "rates above which frames are dropped"},
	{.name = "shape",
	 .type = KEY_OBJECT,
	 .sub = &shape_schema,
	 .help = "rate above which frames wait"},
	{.name = "filter",
	 .type = KEY_LIST,
	 .offset = offsetof(struct site_interface, port.rule),
	 .aux = offsetof(struct site_interface, port.n_rules),
	 .max = FILTER_RULES_MAX,
	 .sub = &filter_schema,
	 .help = "rules, of which the first that fits decides"},
	{.name = "mirrorTo",
	 .type = KEY_STRING,
	 .dflt = "",
	 FIELD(site_interface, port.cfg.mirror_to),
	 .help = "VNF/INTERFACE or device that gets a copy"},
	{.name = "mirror",
	 .type = KEY_ENUM,
	 .dflt = "both",
	 FIELD(site_interface, port.mirror),
	 .words = (const struct config_word[]){{"both", MIRROR_BOTH},
					       {"in", MIRROR_IN},
					       {"out", MIRROR_OUT},
					       {NULL, 0}},
	 .help = "copies of which frames: from the guest, to it"},
	{.name = "mirrorOnly",
	 .type = KEY_BOOL,
	 .dflt = "true",
	 FIELD(site_interface, port.mirror_only),
	 .help = "whether a port that others are mirrored to gets nothing else"},
	{.name = "offload",
	 .type = KEY_BOOL,
	 .dflt = "false",
	 FIELD(site_interface, port.cfg.offload),
	 .help = "whether the guest may leave checksums and segments to others"},
};

const struct config_schema config_switch = {SCHEMA("switch", switch_keys)};
