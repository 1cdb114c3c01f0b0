/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of the Host document. */
#include <string.h>

#include "base/cpuset.h"
#include "config/schema_rows.h"
#include "config/site.h"

#define SEC INT64_C(1000000000)

/* What the kernel accepts as a device name: net/core/dev.c, dev_valid_name(). A comma would end it in
 * DPDK's arguments. */
static const char *
refuse_device(const char *text)
{
	if (strpbrk(text, "/: \t,=[]\"\\") || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return "is not a network device's name that an uplink may have";
	return NULL;
}

static const struct config_key device_sriov_keys[] = {
	{.name = "vfs",
	 .type = KEY_NUMBER,
	 .dflt = "0",
	 FIELD(site_device, vfs),
	 .min = 0,
	 .max = SITE_VFS_MAX,
	 .help = "virtual functions to have"},
};

static const struct config_schema device_sriov_schema = {SCHEMA("sriov", device_sriov_keys)};

static const struct config_key bond_keys[] = {
	{.name = "mode",
	 .type = KEY_ENUM,
	 .dflt = "active-backup",
	 FIELD(site_device, bond_mode),
	 .words = (const struct config_word[]){{"active-backup", BOND_ACTIVE_BACKUP},
					       {"lacp", BOND_LACP},
					       {NULL, 0}},
	 .help = "how the members share the work"},
	{.name = "members",
	 .type = KEY_LABELS,
	 .flags = KEY_REQUIRED,
	 FIELD(site_device, member),
	 .aux = offsetof(struct site_device, n_members),
	 .max = PORT_MEMBERS_MAX,
	 .help = "names of the devices that it is made of"},
};

static const struct config_key vxlan_keys[] = {
	{.name = "vni",
	 .type = KEY_NUMBER,
	 .flags = KEY_REQUIRED,
	 FIELD(site_device, vxlan.vni),
	 .min = 1,
	 .max = 16777215,
	 .help = "number of the virtual network"},
	{.name = "local",
	 .type = KEY_IP,
	 .flags = KEY_REQUIRED,
	 FIELD(site_device, vxlan.local),
	 .min = IP_LOCAL,
	 .help = "its own address, with the prefix of its network"},
	{.name = "gateway",
	 .type = KEY_IP,
	 .dflt = "none",
	 FIELD(site_device, vxlan.gateway),
	 .min = IP_HOST,
	 .max = IP_HOST,
	 .words = (const struct config_word[]){{"none", 0}, {NULL, 0}},
	 .help = "router for peers outside of that network"},
	{.name = "peers",
	 .type = KEY_IPS,
	 .flags = KEY_REQUIRED,
	 FIELD(site_device, vxlan.peer),
	 .min = IP_HOST,
	 .max = IP_HOST,
	 .help = "addresses of the other ends"},
	{.name = "port",
	 .type = KEY_NUMBER,
	 .dflt = "4789",
	 FIELD(site_device, vxlan.udp_port),
	 .min = 1,
	 .max = 65535,
	 .help = "UDP port"},
	{.name = "over",
	 .type = KEY_LABEL,
	 .flags = KEY_REQUIRED,
	 FIELD(site_device, vxlan.over),
	 .help = "the device that its packets take"},
};

static const struct config_schema bond_schema = {SCHEMA("bond", bond_keys)};
static const struct config_schema vxlan_schema = {SCHEMA("vxlan", vxlan_keys)};

#define UPLINK(key, device_kind, text)                                                             \
	{                                                                                          \
		.name = key, .type = KEY_STRING, .flags = KEY_ONE_OF, FIELD(site_device, ifname),  \
		.min = 1, .tag = device_kind, .refuse = refuse_device, .help = text                \
	}

static const struct config_key device_keys[] = {
	{.name = "name",
	 .type = KEY_LABEL,
	 .flags = KEY_REQUIRED,
	 FIELD(site_device, name),
	 .help = "what interfaces call it"},
	{.name = "mac",
	 .type = KEY_MAC,
	 .flags = KEY_ONE_OF,
	 FIELD(site_device, mac),
	 .tag = DEVICE_MAC,
	 .help = "address of the physical function"},
	{.name = "pci",
	 .type = KEY_PCI,
	 .flags = KEY_ONE_OF,
	 FIELD(site_device, pci),
	 .tag = DEVICE_PCI,
	 .help = "PCI address of the physical function"},
	{.name = "sriov",
	 .type = KEY_OBJECT,
	 .sub = &device_sriov_schema,
	 .help = "its virtual functions"},
	{.name = "driver",
	 .type = KEY_ENUM,
	 .dflt = "kernel",
	 FIELD(site_device, driver),
	 .words = (const struct config_word[]){{"kernel", DRIVER_KERNEL},
					       {"dpdk", DRIVER_DPDK},
					       {NULL, 0}},
	 .help = "whose the function itself is: dpdk gives it to the switch"},
	UPLINK("tap", DEVICE_TAP, "an uplink that is a tap of the host"),
	UPLINK("afPacket", DEVICE_AF_PACKET, "an uplink that is a network device of the host"),
	UPLINK("afXdp", DEVICE_AF_XDP, "likewise, through XDP"),
	UPLINK("kernel", DEVICE_KERNEL, "an uplink into the host's own network stack"),
	{.name = "bond",
	 .type = KEY_OBJECT,
	 .flags = KEY_ONE_OF,
	 .tag = DEVICE_BOND,
	 .sub = &bond_schema,
	 .help = "an uplink of several devices"},
	{.name = "vxlan",
	 .type = KEY_OBJECT,
	 .flags = KEY_ONE_OF,
	 .tag = DEVICE_VXLAN,
	 .sub = &vxlan_schema,
	 .help = "an uplink that is a tunnel to other appliances"},
	{.name = "lldp",
	 .type = KEY_BOOL,
	 .dflt = "false",
	 FIELD(site_device, lldp),
	 .help = "whether an uplink tells its neighbour who we are"},
};

static const struct config_schema device_schema = {SCHEMA("device", device_keys),
						   TAG(site_device, kind),
						   .size = sizeof(struct site_device)};

static const struct config_key switch_keys[] = {
	{.name = "threads",
	 .type = KEY_NUMBER,
	 .dflt = "1",
	 FIELD(site_host, sw.threads),
	 .min = 1,
	 .max = SITE_LANES_MAX,
	 .help = "forwarding threads, each with a core of its own"},
	{.name = "cpus",
	 .type = KEY_CPUS,
	 .flags = KEY_AUTO,
	 .dflt = "auto",
	 FIELD(site_host, sw.cpus),
	 .aux = offsetof(struct site_host, sw.cpus_auto),
	 .max = CPUSET_MAX - 1,
	 .help = "their CPUs: auto or a CPU list"},
	{.name = "idle",
	 .type = KEY_DURATION,
	 .dflt = "off",
	 FIELD(site_host, sw.idle_ns),
	 .min = 1000,
	 .max = SEC,
	 .step = 1000,
	 .words = (const struct config_word[]){{"off", 0}, {NULL, 0}},
	 .help = "how long threads look in vain before they sleep"},
	{.name = "macTable",
	 .type = KEY_NUMBER,
	 .dflt = "16384",
	 FIELD(site_host, sw.mac_table),
	 .min = 16,
	 .max = 1 << 20,
	 .help = "addresses that can be known at once"},
	{.name = "telemetry",
	 .type = KEY_BOOL,
	 .dflt = "false",
	 FIELD(site_host, sw.telemetry),
	 .help = "whether DPDK's telemetry socket is opened"},
};

static const struct config_schema host_switch_schema = {SCHEMA("switch", switch_keys)};

static const struct config_key host_keys[] = {
	{.name = "housekeeping",
	 .type = KEY_CPUS,
	 .flags = KEY_AUTO,
	 .dflt = "auto",
	 FIELD(site_host, housekeeping),
	 .aux = offsetof(struct site_host, housekeeping_auto),
	 .max = CPUSET_MAX - 1,
	 .help = "CPUs that stay with the host: auto or a CPU list"},
	{.name = "overlap",
	 .type = KEY_ENUM,
	 .dflt = "refuse",
	 FIELD(site_host, overlap),
	 .words = (const struct config_word[]){{"refuse", OVERLAP_REFUSE},
					       {"allow", OVERLAP_ALLOW},
					       {NULL, 0}},
	 .help = "what to do when there are fewer cores than were promised"},
	LATER("hugepages", "huge pages to reserve"),
	LATER("smt", "whether sibling threads may be online"),
	LATER("mitigations", "CPU vulnerability mitigations"),
	{.name = "switch",
	 .type = KEY_OBJECT,
	 .sub = &host_switch_schema,
	 .help = "the switch as a whole"},
	{.name = "devices",
	 .type = KEY_LIST,
	 .offset = offsetof(struct site_host, devices),
	 .aux = offsetof(struct site_host, n_devices),
	 .max = SITE_DEVICES_MAX,
	 .sub = &device_schema,
	 .help = "physical network functions and uplinks"},
};

const struct config_schema config_host_spec = {SCHEMA("spec", host_keys)};
