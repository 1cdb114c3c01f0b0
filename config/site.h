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
#include "base/pci.h"
#include "base/port.h"

#define SITE_VCPUS_MAX      64
#define SITE_INTERFACES_MAX 16
#define SITE_DISKS_MAX      8
#define SITE_DEVICES_MAX    64
#define SITE_PORTS_MAX      4 /* of a console, beside hvc0 */
#define SITE_CELLS_MAX      8 /* NUMA nodes that a guest sees */
#define SITE_VFS_MAX        256
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

/* A physical function that an operator hands out in pieces. */
struct site_device {
	struct where where;
	char name[NAME_MAX_LEN];
	bool by_mac; /* else by PCI address */
	uint8_t mac[6];
	struct pci_addr pci;
	unsigned int vfs; /* virtual functions to have, 0..SITE_VFS_MAX */
};

struct site_host {
	struct where where;
	char name[NAME_MAX_LEN]; /* "default" when no Host document was given */
	bool housekeeping_auto;
	struct cpuset housekeeping; /* when not auto */
	enum host_overlap overlap;
	struct site_device *devices; /* owned */
	size_t n_devices;
};

enum network_type { NETWORK_SWITCH };

struct site_network {
	struct where where;
	char name[NAME_MAX_LEN];
	enum network_type type;
	uint16_t vlan; /* default access VLAN of its ports; VLAN_NONE: none */
	uint16_t mtu;
	uint64_t mac_age_ns; /* 1 s .. 1 h, whole seconds */
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
