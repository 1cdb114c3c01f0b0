/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of a VNF's network interfaces. */
#include <string.h>

#include "base/port.h"
#include "config/schema_if.h"
#include "config/schema_rows.h"
#include "config/site.h"

#define MBPS INT64_C(1000000)

static const char *
refuse_relative(const char *text)
{
	return text[0] == '/' ? NULL : "is not an absolute path";
}

/* What the kernel accepts as a device name: net/core/dev.c, dev_valid_name(). */
static const char *
refuse_device(const char *text)
{
	if (strpbrk(text, "/: \t") || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return "is not a network device's name";
	return NULL;
}

static const struct config_key tap_keys[] = {
	{.name = "bridge",
	 .type = KEY_STRING,
	 .dflt = "",
	 FIELD(site_interface, bridge),
	 .refuse = refuse_device,
	 .help = "Linux bridge that the tap joins"},
	INTERFACE_QUEUES(1),
	INTERFACE_MAC,
};

static const struct config_key vhost_user_keys[] = {
	{.name = "socket",
	 .type = KEY_STRING,
	 .flags = KEY_REQUIRED,
	 FIELD(site_interface, socket),
	 .min = 1,
	 .refuse = refuse_relative,
	 .help = "path of the vhost-user socket"},
	{.name = "role",
	 .type = KEY_ENUM,
	 .dflt = "listen",
	 FIELD(site_interface, role),
	 .words = (const struct config_word[]){{"listen", SOCKET_LISTEN},
					       {"connect", SOCKET_CONNECT},
					       {NULL, 0}},
	 .help = "what the VMM's end of the socket does"},
	INTERFACE_QUEUES(PORT_QUEUES_MAX),
	INTERFACE_MAC,
};

static const struct config_key sriov_keys[] = {
	{.name = "device",
	 .type = KEY_REF,
	 .flags = KEY_REQUIRED,
	 .ref = REF_DEVICE,
	 FIELD(site_interface, device),
	 .help = "the device of the Host document that it is a function of"},
	{.name = "vlan",
	 .type = KEY_NUMBER,
	 .dflt = "none",
	 FIELD(site_interface, vlan),
	 .min = 1,
	 .max = VLAN_MAX,
	 .words = (const struct config_word[]){{"none", VLAN_NONE}, {NULL, 0}},
	 .help = "VLAN that the device tags and strips"},
	{.name = "qos",
	 .type = KEY_NUMBER,
	 .dflt = "0",
	 FIELD(site_interface, vf.qos),
	 .min = 0,
	 .max = VF_QOS_MAX,
	 .help = "802.1p priority of the tag"},
	INTERFACE_MAC,
	{.name = "trust",
	 .type = KEY_BOOL,
	 .dflt = "false",
	 FIELD(site_interface, vf.trust),
	 .help = "whether the guest may change its address and see all frames"},
	{.name = "spoofCheck",
	 .type = KEY_BOOL,
	 .dflt = "true",
	 FIELD(site_interface, vf.spoof_check),
	 .help = "whether frames with another source address are dropped"},
	{.name = "linkState",
	 .type = KEY_ENUM,
	 .dflt = "auto",
	 FIELD(site_interface, vf.link),
	 .words = (const struct config_word[]){{"auto", VF_LINK_AUTO},
					       {"enable", VF_LINK_UP},
					       {"disable", VF_LINK_DOWN},
					       {NULL, 0}},
	 .help = "the link that the guest sees"},
	{.name = "maxTxRate",
	 .type = KEY_RATE,
	 .dflt = "none",
	 FIELD(site_interface, vf.max_tx_mbps),
	 .min = MBPS,
	 .max = 1000000 * MBPS,
	 .step = MBPS,
	 .scale = MBPS,
	 .words = (const struct config_word[]){{"none", 0}, {NULL, 0}},
	 .help = "what it may send at most"},
};

static const struct config_schema tap_schema = {SCHEMA("tap", tap_keys)};
static const struct config_schema sriov_schema = {SCHEMA("sriov", sriov_keys)};
static const struct config_schema vhost_user_schema = {SCHEMA("vhostUser", vhost_user_keys)};

static const struct config_key interface_keys[] = {
	{.name = "name",
	 .type = KEY_LABEL,
	 .flags = KEY_REQUIRED,
	 FIELD(site_interface, name),
	 .help = "unique in its VNF"},
	{.name = "switch",
	 .type = KEY_OBJECT,
	 .flags = KEY_ONE_OF,
	 .tag = IF_SWITCH,
	 .sub = &config_switch,
	 .help = "a port of corelane-switch"},
	{.name = "tap",
	 .type = KEY_OBJECT,
	 .flags = KEY_ONE_OF,
	 .tag = IF_TAP,
	 .sub = &tap_schema,
	 .help = "a tap device of the host"},
	{.name = "vhostUser",
	 .type = KEY_OBJECT,
	 .flags = KEY_ONE_OF,
	 .tag = IF_VHOST_USER,
	 .sub = &vhost_user_schema,
	 .help = "somebody else's vhost-user back end"},
	{.name = "sriov",
	 .type = KEY_OBJECT,
	 .flags = KEY_ONE_OF,
	 .tag = IF_SRIOV,
	 .sub = &sriov_schema,
	 .help = "a virtual function of a physical device"},
};

const struct config_schema config_interface = {SCHEMA("interface", interface_keys),
					       TAG(site_interface, kind),
					       .size = sizeof(struct site_interface)};
