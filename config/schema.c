/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of declarations. docs/man/corelane.yaml.5 describes every row in words. */
#include "config/schema.h"

#include <assert.h>
#include <string.h>

#include "base/port.h"
#include "base/util.h"
#include "config/site.h"

#define KIB (INT64_C(1) << 10)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define SEC INT64_C(1000000000)

#define FIELD(type, member)                                                                        \
	.offset = offsetof(struct type, member), .width = sizeof(((struct type *)0)->member)
#define LATER(key, text)                                                                           \
	{                                                                                          \
		.name = key, .type = KEY_LATER, .help = text                                       \
	}
#define SCHEMA(called, table) .what = called, .key = table, .n = ARRAY_SIZE(table)

/* The binder writes struct where first, and metadata.name of every kind at one offset. */
static_assert(offsetof(struct site_host, where) == 0, "where comes first");
static_assert(offsetof(struct site_network, where) == 0, "where comes first");
static_assert(offsetof(struct site_vnf, where) == 0, "where comes first");
static_assert(offsetof(struct site_interface, where) == 0, "where comes first");
static_assert(offsetof(struct site_host, name) == offsetof(struct site_vnf, name), "one offset");
static_assert(offsetof(struct site_network, name) == offsetof(struct site_vnf, name), "one offset");
static_assert(sizeof(enum boot_kind) == sizeof(int), "a tag is an int");
static_assert(sizeof(enum interface_kind) == sizeof(int), "a tag is an int");

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
	LATER("devices", "physical network functions"),
};

static const struct config_key network_keys[] = {
	{.name = "type",
	 .type = KEY_ENUM,
	 .dflt = "switch",
	 FIELD(site_network, type),
	 .words = (const struct config_word[]){{"switch", NETWORK_SWITCH}, {NULL, 0}},
	 .help = "what carries its frames"},
	{.name = "vlan",
	 .type = KEY_NUMBER,
	 .dflt = "none",
	 FIELD(site_network, vlan),
	 .min = 1,
	 .max = VLAN_MAX,
	 .words = (const struct config_word[]){{"none", VLAN_NONE}, {NULL, 0}},
	 .help = "access VLAN of its ports"},
	{.name = "mtu",
	 .type = KEY_NUMBER,
	 .dflt = "1500",
	 FIELD(site_network, mtu),
	 .min = MTU_MIN,
	 .max = MTU_MAX,
	 .help = "largest packet in bytes"},
	{.name = "macAge",
	 .type = KEY_DURATION,
	 .dflt = "300s",
	 FIELD(site_network, mac_age_ns),
	 .min = SEC,
	 .max = 3600 * SEC,
	 .step = SEC,
	 .help = "how long a learnt address is believed"},
	LATER("uplink", "physical function that joins the network"),
	LATER("isolate", "ports that see only the uplink"),
};

static const struct config_key kernel_keys[] = {
	{.name = "image",
	 .type = KEY_STRING,
	 .flags = KEY_REQUIRED | KEY_WHERE,
	 FIELD(site_vnf, boot.image),
	 .where = offsetof(struct site_vnf, boot.image_where),
	 .min = 1,
	 .help = "PVH ELF or bzImage, relative to the folder of this file"},
	{.name = "initrd",
	 .type = KEY_STRING,
	 .flags = KEY_WHERE,
	 .dflt = "",
	 FIELD(site_vnf, boot.initrd),
	 .where = offsetof(struct site_vnf, boot.initrd_where),
	 .help = "initial RAM disk, likewise"},
	{.name = "args",
	 .type = KEY_STRING,
	 .dflt = "",
	 FIELD(site_vnf, boot.args),
	 .help = "kernel command line"},
};

static const struct config_key probe_keys[] = {
	{.name = "args",
	 .type = KEY_STRING,
	 .dflt = "",
	 FIELD(site_vnf, boot.args),
	 .help = "command line of the probe"},
};

static const struct config_schema kernel_schema = {SCHEMA("kernel", kernel_keys)};
static const struct config_schema probe_schema = {SCHEMA("probe", probe_keys)};

static const struct config_key boot_keys[] = {
	{.name = "kernel",
	 .type = KEY_CHOICE,
	 .min = BOOT_KERNEL,
	 .sub = &kernel_schema,
	 .help = "boot a kernel file directly"},
	{.name = "probe",
	 .type = KEY_CHOICE,
	 .min = BOOT_PROBE,
	 .sub = &probe_schema,
	 .help = "boot the built-in measuring guest"},
	LATER("firmware", "boot through UEFI"),
};

static const struct config_key realtime_keys[] = {
	{.name = "vcpus",
	 .type = KEY_CPUS,
	 .flags = KEY_NONE,
	 FIELD(site_vnf, cpu.realtime_vcpus),
	 .max = SITE_VCPUS_MAX - 1,
	 .help = "vCPUs that run as SCHED_FIFO"},
	{.name = "priority",
	 .type = KEY_NUMBER,
	 .dflt = "1",
	 FIELD(site_vnf, cpu.realtime_priority),
	 .min = 1,
	 .max = 98,
	 .help = "their SCHED_FIFO priority"},
};

static const struct config_schema realtime_schema = {SCHEMA("realtime", realtime_keys)};

static const struct config_key cpu_keys[] = {
	{.name = "vcpus",
	 .type = KEY_NUMBER,
	 .dflt = "1",
	 FIELD(site_vnf, cpu.vcpus),
	 .min = 1,
	 .max = SITE_VCPUS_MAX,
	 .help = "number of virtual CPUs"},
	{.name = "policy",
	 .type = KEY_ENUM,
	 .dflt = "dedicated",
	 FIELD(site_vnf, cpu.policy),
	 .words = (const struct config_word[]){{"dedicated", CPU_DEDICATED},
					       {"shared", CPU_SHARED},
					       {NULL, 0}},
	 .help = "a core for each vCPU, or any housekeeping core"},
	{.name = "threads",
	 .type = KEY_ENUM,
	 .dflt = "isolate",
	 FIELD(site_vnf, cpu.threads),
	 .words = (const struct config_word[]){{"isolate", THREADS_ISOLATE},
					       {"prefer", THREADS_PREFER},
					       {"require", THREADS_REQUIRE},
					       {NULL, 0}},
	 .help = "what to do with SMT siblings"},
	{.name = "pin",
	 .type = KEY_INDEX_MAP,
	 .flags = KEY_AUTO,
	 .dflt = "auto",
	 FIELD(site_vnf, cpu.pin),
	 .max = CPUSET_MAX - 1,
	 .help = "host CPU of each vCPU: auto or a mapping"},
	{.name = "emulator",
	 .type = KEY_ENUM,
	 .dflt = "share",
	 FIELD(site_vnf, cpu.emulator),
	 .words = (const struct config_word[]){{"share", EMULATOR_SHARE},
					       {"isolate", EMULATOR_ISOLATE},
					       {NULL, 0}},
	 .help = "where the VMM's other threads run"},
	{.name = "realtime",
	 .type = KEY_OBJECT,
	 .sub = &realtime_schema,
	 .help = "real-time scheduling of vCPUs"},
	LATER("exits", "which instructions leave the guest"),
	LATER("cache", "exclusive cache ways"),
	LATER("max", "room for CPU hotplug"),
};

static const struct config_key numa_keys[] = {
	{.name = "node",
	 .type = KEY_NUMBER,
	 .dflt = "auto",
	 FIELD(site_vnf, numa_node),
	 .min = 0,
	 .max = 1023,
	 .words = (const struct config_word[]){{"auto", NODE_AUTO}, {NULL, 0}},
	 .help = "host NUMA node of CPUs and memory"},
	LATER("nics", "whether the node of the NICs is required"),
};

static const struct config_key memory_keys[] = {
	{.name = "size",
	 .type = KEY_SIZE,
	 .flags = KEY_REQUIRED,
	 FIELD(site_vnf, memory.size),
	 .min = MIB,
	 .max = 16384 * GIB,
	 .help = "guest memory"},
	{.name = "pageSize",
	 .type = KEY_ENUM,
	 .dflt = "2Mi",
	 FIELD(site_vnf, memory.page_size),
	 .words = (const struct config_word[]){{"4Ki", 4 * KIB},
					       {"2Mi", 2 * MIB},
					       {"1Gi", GIB},
					       {NULL, 0}},
	 .help = "size of the host pages behind it"},
	LATER("max", "room for memory hotplug"),
	LATER("shareSame", "merging of equal pages"),
	LATER("balloon", "giving memory back"),
};

#define INTERFACE_QUEUES(limit)                                                                    \
	{                                                                                          \
		.name = "queues", .type = KEY_NUMBER, .dflt = "1", FIELD(site_interface, queues),  \
		.min = 1, .max = limit, .help = "queue pairs"                                      \
	}
#define INTERFACE_MAC                                                                              \
	{                                                                                          \
		.name = "mac", .type = KEY_MAC, .flags = KEY_AUTO, .dflt = "auto",                 \
		FIELD(site_interface, mac), .aux = offsetof(struct site_interface, mac_auto),      \
		.help = "the guest's address: auto or six bytes"                                   \
	}

static const struct config_key switch_keys[] = {
	{.name = "network",
	 .type = KEY_REF,
	 .flags = KEY_REQUIRED,
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
	LATER("trunk", "VLANs that arrive tagged"),
	LATER("mirrorTo", "port that gets a copy"),
	LATER("limit", "rate limits"),
	LATER("filter", "frames that are refused"),
};

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

static const struct config_schema switch_schema = {SCHEMA("switch", switch_keys)};
static const struct config_schema tap_schema = {SCHEMA("tap", tap_keys)};
static const struct config_schema vhost_user_schema = {SCHEMA("vhostUser", vhost_user_keys)};

static const struct config_key interface_keys[] = {
	{.name = "name",
	 .type = KEY_LABEL,
	 .flags = KEY_REQUIRED,
	 FIELD(site_interface, name),
	 .help = "unique in its VNF"},
	{.name = "switch",
	 .type = KEY_CHOICE,
	 .min = IF_SWITCH,
	 .sub = &switch_schema,
	 .help = "a port of corelane-switch"},
	{.name = "tap",
	 .type = KEY_CHOICE,
	 .min = IF_TAP,
	 .sub = &tap_schema,
	 .help = "a tap device of the host"},
	{.name = "vhostUser",
	 .type = KEY_CHOICE,
	 .min = IF_VHOST_USER,
	 .sub = &vhost_user_schema,
	 .help = "somebody else's vhost-user back end"},
	LATER("sriov", "a virtual function of a physical device"),
};

static const struct config_schema boot_schema = {SCHEMA("boot", boot_keys), .has_tag = true,
						 .tag = offsetof(struct site_vnf, boot.kind)};
static const struct config_schema cpu_schema = {SCHEMA("cpu", cpu_keys)};
static const struct config_schema numa_schema = {SCHEMA("numa", numa_keys)};
static const struct config_schema memory_schema = {SCHEMA("memory", memory_keys)};
static const struct config_schema interface_schema = {SCHEMA("interface", interface_keys),
						      .has_tag = true,
						      .tag = offsetof(struct site_interface, kind),
						      .size = sizeof(struct site_interface)};

static const struct config_key vnf_keys[] = {
	{.name = "boot",
	 .type = KEY_OBJECT,
	 .flags = KEY_REQUIRED,
	 .sub = &boot_schema,
	 .help = "what the machine starts: exactly one of kernel and probe"},
	{.name = "cpu",
	 .type = KEY_OBJECT,
	 .flags = KEY_WHERE,
	 .sub = &cpu_schema,
	 .where = offsetof(struct site_vnf, cpu.where),
	 .help = "virtual CPUs"},
	{.name = "numa", .type = KEY_OBJECT, .sub = &numa_schema, .help = "placement"},
	{.name = "memory",
	 .type = KEY_OBJECT,
	 .flags = KEY_REQUIRED | KEY_WHERE,
	 .sub = &memory_schema,
	 .where = offsetof(struct site_vnf, memory.where),
	 .help = "guest memory"},
	{.name = "interfaces",
	 .type = KEY_LIST,
	 .offset = offsetof(struct site_vnf, interfaces),
	 .aux = offsetof(struct site_vnf, n_interfaces),
	 .max = SITE_INTERFACES_MAX,
	 .sub = &interface_schema,
	 .help = "network interfaces, in the guest's order"},
	LATER("runStrategy", "when to start it again"),
	LATER("startup", "order of starting"),
	LATER("disks", "block devices"),
	LATER("console", "console log"),
	LATER("watchdog", "watchdog device"),
	LATER("health", "health checks"),
	LATER("recovery", "what to do after a failure"),
	LATER("slo", "latency promises"),
};

static const struct config_key metadata_keys[] = {
	{.name = "name",
	 .type = KEY_LABEL,
	 .flags = KEY_REQUIRED,
	 FIELD(site_vnf, name),
	 .help = "unique among documents of its kind"},
	LATER("labels", "free-form labels"),
};

static const struct config_schema metadata_schema = {SCHEMA("metadata", metadata_keys)};
static const struct config_schema host_schema = {SCHEMA("spec", host_keys)};
static const struct config_schema network_schema = {SCHEMA("spec", network_keys)};
static const struct config_schema vnf_schema = {SCHEMA("spec", vnf_keys)};

/* The four keys of every document; only what spec holds differs. */
#define DOCUMENT_KEYS(kind_name, spec_schema, spec_flags)                                          \
	{                                                                                          \
		{.name = "apiVersion",                                                             \
		 .type = KEY_ENUM,                                                                 \
		 .flags = KEY_REQUIRED,                                                            \
		 .words = (const struct config_word[]){{"corelane/v1", 0}, {NULL, 0}},             \
		 .help = "version of this vocabulary"},                                            \
			{.name = "kind",                                                           \
			 .type = KEY_ENUM,                                                         \
			 .flags = KEY_REQUIRED,                                                    \
			 .words = (const struct config_word[]){{kind_name, 0}, {NULL, 0}},         \
			 .help = "what the document declares"},                                    \
			{.name = "metadata",                                                       \
			 .type = KEY_OBJECT,                                                       \
			 .flags = KEY_REQUIRED,                                                    \
			 .sub = &metadata_schema,                                                  \
			 .help = "who it is"},                                                     \
			{.name = "spec",                                                           \
			 .type = KEY_OBJECT,                                                       \
			 .flags = spec_flags,                                                      \
			 .sub = &spec_schema,                                                      \
			 .help = "what it should be"},                                             \
	}

static const struct config_key host_document[] = DOCUMENT_KEYS("Host", host_schema, 0);
static const struct config_key network_document[] = DOCUMENT_KEYS("Network", network_schema, 0);
static const struct config_key vnf_document[] = DOCUMENT_KEYS("VNF", vnf_schema, KEY_REQUIRED);

const struct config_kind config_kind[KIND_COUNT] = {
	[KIND_HOST] = {"Host",
		       "host",
		       {SCHEMA("the document", host_document), .size = sizeof(struct site_host)}},
	[KIND_NETWORK] = {"Network",
			  "network",
			  {SCHEMA("the document", network_document),
			   .size = sizeof(struct site_network)}},
	[KIND_VNF] = {"VNF",
		      "vnf",
		      {SCHEMA("the document", vnf_document), .size = sizeof(struct site_vnf)}},
};
