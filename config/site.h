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
#include "base/port.h"

#define SITE_VCPUS_MAX      64
#define SITE_INTERFACES_MAX 16
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

struct site_host {
	struct where where;
	char name[NAME_MAX_LEN]; /* "default" when no Host document was given */
	bool housekeeping_auto;
	struct cpuset housekeeping; /* when not auto */
	enum host_overlap overlap;
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
enum cpu_emulator { EMULATOR_SHARE, EMULATOR_ISOLATE };

#define PIN_AUTO -1

struct site_cpu {
	struct where where;
	unsigned int vcpus; /* 1..SITE_VCPUS_MAX */
	enum cpu_policy policy;
	enum cpu_threads threads;
	enum cpu_emulator emulator;
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
};

enum interface_kind { IF_SWITCH, IF_TAP, IF_VHOST_USER };
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
};

struct site_vnf {
	struct where where;
	char name[NAME_MAX_LEN];
	char base_dir[SITE_PATH_MAX]; /* folder of its file */
	struct site_boot boot;
	struct site_cpu cpu;
	int numa_node; /* NODE_AUTO or a host node */
	struct site_memory memory;
	struct site_interface *interfaces; /* owned */
	size_t n_interfaces;
};

struct site {
	struct site_host host;
	struct site_network *networks;
	size_t n_networks;
	struct site_vnf *vnfs; /* in file order */
	size_t n_vnfs;
	void *store; /* strings that where.file points to; private to config/ */
};

#endif
