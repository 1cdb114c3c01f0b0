/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one appliance is told to run, as checked structs: every default filled in, every unit turned
 * into a number, every cross-reference resolved to an index. Made by config/load.h, read by rt/ and
 * appliance/, changed by nobody.
 */
#ifndef CORELANE_CONFIG_SITE_H
#define CORELANE_CONFIG_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpuset.h"
#include "base/filter.h"
#include "base/pci.h"
#include "base/port.h"

#define SITE_VCPUS_MAX      64
#define SITE_INTERFACES_MAX 16
#define SITE_DISKS_MAX      8
#define SITE_DEVICES_MAX    64
#define SITE_PORTS_MAX      4 /* of a console, beside hvc0 */
#define SITE_CELLS_MAX      8 /* NUMA nodes that a guest sees */
#define SITE_VFS_MAX        256
#define SITE_LANES_MAX      16
#define SITE_ARGS_MAX       2048
#define SITE_PATH_MAX       1024

/* Where a value came from, for errors that are found later ("site.yaml:12:11"). */
struct where {
	const char *file;          /* owned by the site; NULL for a default */
	unsigned int line, column; /* from 1 */
};

enum host_overlap {
	OVERLAP_REFUSE, /* a plan needs a core for everything that was promised one */
	OVERLAP_ALLOW,  /* cores may be shared; reports say that no real-time claim can be made */
};

enum device_kind {
	DEVICE_PCI,       /* a physical function, named by its place... */
	DEVICE_MAC,       /* ...or its address */
	DEVICE_TAP,       /* uplinks of the switch that are no PCI devices: a tap of the host, */
	DEVICE_AF_PACKET, /* a network device of the host, shared with its kernel, */
	DEVICE_AF_XDP,    /* likewise, through XDP, */
	DEVICE_KERNEL,    /* the way into the host's own network stack (virtio-user), */
	DEVICE_BOND,      /* several of them as one, */
	DEVICE_VXLAN,     /* a tunnel to other appliances over one of them */
};

enum device_driver { DRIVER_KERNEL, DRIVER_DPDK };

/* Something that frames leave the host by: handed out in pieces (SR-IOV), or the switch's uplink. */
struct site_device {
	struct where where;
	char name[NAME_MAX_LEN];
	enum device_kind kind;
	enum device_driver driver; /* DEVICE_PCI, DEVICE_MAC: whose the function itself is */
	uint8_t mac[6];
	struct pci_addr pci;
	unsigned int vfs; /* virtual functions to have, 0..SITE_VFS_MAX */
	char ifname[16];  /* DEVICE_TAP..DEVICE_KERNEL: IFNAMSIZ */
	bool lldp;        /* tells its neighbour who we are */
	enum port_bond_mode bond_mode;
	char member[PORT_MEMBERS_MAX][NAME_MAX_LEN]; /* DEVICE_BOND: other devices */
	size_t n_members;
	struct port_vxlan vxlan; /* over is a device's name, which is its port's */
	size_t over;             /* DEVICE_VXLAN: index into site.host.devices */
	bool used;               /* by a network, a bond or a tunnel: filled in by the checks */
};

/* The switch as a whole. */
struct site_switch {
	unsigned int threads; /* 1..SITE_LANES_MAX */
	bool cpus_auto;
	struct cpuset cpus; /* when not auto: as many as threads */
	uint64_t idle_ns;   /* what a frame may wait longer when nothing moved: 0: never sleep */
	uint32_t mac_table; /* addresses */
	bool telemetry;
};

struct site_host {
	struct where where;
	char name[NAME_MAX_LEN]; /* "default" when no Host document was given */
	bool housekeeping_auto;
	struct cpuset housekeeping; /* when not auto */
	enum host_overlap overlap;
	struct site_device *devices; /* owned */
	size_t n_devices;
	struct site_switch sw;
};

enum network_type { NETWORK_SWITCH };

struct site_network {
	struct where where;
	char name[NAME_MAX_LEN];
	enum network_type type;
	uint16_t vlan; /* default access VLAN of its ports; VLAN_NONE: none */
	uint16_t mtu;
	uint64_t mac_age_ns; /* 1 s .. 1 h, whole seconds */
	bool has_uplink;
	size_t uplink; /* index into site.host.devices */
	bool native;   /* its frames have no tag on the uplink */
	bool isolate;  /* what its ports do that do not say it themselves */
	bool snooping;
};

/* A rule of an interface's filter; direction as seen from the switch. */
struct site_rule {
	struct where where;
	enum filter_direction direction;
	uint16_t protocol; /* RULE_ANY_PROTOCOL or 0..255 */
	struct port_ip source, target;
	struct filter_rule rule; /* whole after the checks */
};

#define RULE_ANY_PROTOCOL 256

enum site_spoof { SPOOF_CHECK, SPOOF_CHECK_MAC, SPOOF_ALLOW };
enum site_mirror { MIRROR_IN = 1, MIRROR_OUT, MIRROR_BOTH };
enum site_isolate { ISOLATE_NO, ISOLATE_YES, ISOLATE_NETWORK };

/* What an interface.switch says beside what every interface does. */
struct site_port {
	/* Fields that are declared as they are used; names, network and MTU are filled in by the plan. */
	struct port_cfg cfg;
	bool qinq, has_trunk, mirror_only;
	enum site_spoof spoof;
	enum site_isolate isolate;
	enum site_mirror mirror;
	uint64_t ingress, egress;     /* bytes a second; 0: no limit */
	uint64_t peak, burst, excess; /* of both; burst 0: by the rate */
	uint64_t shape, shape_burst;
	struct site_rule *rule; /* owned */
	size_t n_rules;
};

enum boot_kind { BOOT_KERNEL, BOOT_PROBE };

struct site_boot {
	enum boot_kind kind;
	char image[SITE_PATH_MAX];  /* BOOT_KERNEL: as written; relative to base_dir */
	char initrd[SITE_PATH_MAX]; /* "" for none */
	char args[SITE_ARGS_MAX];   /* kernel or probe command line */
	struct where image_where, initrd_where;
};

enum cpu_policy { CPU_DEDICATED, CPU_SHARED };
enum cpu_threads { THREADS_ISOLATE, THREADS_PREFER, THREADS_REQUIRE };
/* What CPUID says: the host's, or a level of the x86-64 psABI that moves between hosts. */
enum cpu_model { CPU_MODEL_HOST, CPU_MODEL_V2, CPU_MODEL_V3, CPU_MODEL_V4 };
enum cpu_emulator { EMULATOR_SHARE, EMULATOR_ISOLATE };

#define PIN_AUTO -1

struct site_cpu {
	struct where where;
	unsigned int vcpus; /* 1..SITE_VCPUS_MAX */
	enum cpu_policy policy;
	enum cpu_threads threads;
	enum cpu_emulator emulator;
	enum cpu_model model;
	int pin[SITE_VCPUS_MAX]; /* host CPU, or PIN_AUTO */
	struct cpuset
		realtime_vcpus; /* vCPU numbers that get SCHED_FIFO; default all when dedicated */
	int realtime_priority;  /* 1..98, default 1 */
};

#define NODE_AUTO -1

struct site_memory {
	struct where where;
	uint64_t size;      /* bytes, a multiple of page_size */
	uint64_t page_size; /* 4 KiB (shared policy only), 2 MiB or 1 GiB */
	bool balloon;       /* a virtio-balloon: statistics, free page reporting, giving back */
};

enum disk_kind { DISK_IMAGE, DISK_CLOUD_INIT };

struct site_disk {
	struct where where;
	char name[NAME_MAX_LEN]; /* the guest sees its first 20 bytes as the serial number */
	enum disk_kind kind;
	char image[SITE_PATH_MAX]; /* DISK_IMAGE: raw file or block device; relative to base_dir */
	struct where image_where;
	bool read_only;  /* always true for a seed */
	bool direct;     /* O_DIRECT: the host's page cache is not used; default true */
	uint16_t queues; /* 1..VMM_DISK_QUEUES_MAX; default 1 */
	char *user_data; /* DISK_CLOUD_INIT: the files of a NoCloud seed; the site's, NULL: none */
	char *network_data; /* network-config, as YAML (JSON is YAML); likewise */
};

enum watchdog_action { WATCHDOG_NONE, WATCHDOG_RESTART, WATCHDOG_POWEROFF, WATCHDOG_PAUSE };

struct site_console {
	uint64_t log_size; /* bytes kept of what the guest prints, 0: no log file */
	char port[SITE_PORTS_MAX][NAME_MAX_LEN]; /* named ports beside hvc0 */
	size_t n_ports;
};

enum interface_kind { IF_SWITCH, IF_TAP, IF_VHOST_USER, IF_SRIOV };
enum socket_role { SOCKET_LISTEN, SOCKET_CONNECT };

struct site_interface {
	struct where where;
	char name[NAME_MAX_LEN];
	enum interface_kind kind;
	uint8_t mac
		[6]; /* given, or derived from host, VNF and interface names (locally administered) */
	bool mac_auto;
	uint16_t queues;
	uint16_t mtu;               /* the network's; 1500 elsewhere */
	size_t network;             /* IF_SWITCH: index into site.networks */
	uint16_t vlan;              /* IF_SWITCH: its own, else its network's */
	struct site_port port;      /* IF_SWITCH */
	char bridge[16];            /* IF_TAP: IFNAMSIZ; "" for none */
	char socket[SOCK_PATH_LEN]; /* IF_VHOST_USER: somebody else's back end */
	enum socket_role role;      /* IF_VHOST_USER: what the VMM's end does; default listen */
	size_t device;              /* IF_SRIOV: index into site.host.devices */
	struct vf_cfg vf;           /* IF_SRIOV: vf.mac and vf.vlan equal mac and vlan above */
};

struct site_vnf {
	struct where where;
	char name[NAME_MAX_LEN];
	char base_dir[SITE_PATH_MAX]; /* folder of its file */
	struct site_boot boot;
	struct site_cpu cpu;
	int numa_node;      /* NODE_AUTO or a host node; of a guest with one cell */
	bool numa_nics;     /* memory and CPUs must be on the node of its NICs; default true */
	unsigned int cells; /* NUMA nodes that the guest sees, 1..SITE_CELLS_MAX: vCPUs and memory
			       in equal parts, each part on a host node of its own */
	struct site_memory memory;
	struct site_interface *interfaces; /* owned */
	size_t n_interfaces;
	struct site_disk *disks; /* owned */
	size_t n_disks;
	struct site_console console;
	bool has_watchdog;
	enum watchdog_action watchdog;
	uint32_t vsock_cid; /* 3..2^32-2, or 0: no vsock */
};

struct site {
	struct site_host host;
	struct site_network *networks;
	size_t n_networks;
	struct site_vnf *vnfs; /* in file order */
	size_t n_vnfs;
	void *store; /* strings that the site points to; private to config/ */
};

#endif
