/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What travels between corelane-vmm and whoever started it.
 *
 * corelane-vmm is started as "corelane-vmm --start-fd N", N being a SOCK_SEQPACKET socket. The
 * starter sends one struct vmm_start with all fds; both ends keep the socket: the VMM sends
 * struct vmm_event, the starter may send struct vmm_nic_fd. When the socket closes, the VMM stops.
 * A second socket, handed in as VMM_FD_CONTROL, listens for struct vmm_req.
 * Host byte order; same machine only.
 */
#ifndef CORELANE_BASE_VMM_MSG_H
#define CORELANE_BASE_VMM_MSG_H

#include <stdint.h>

#include "base/cpuset.h"
#include "base/fdmsg.h"
#include "base/port.h"

#define VMM_START_MAGIC 0x74536c43u
#define VMM_EVENT_MAGIC 0x76456c43u
#define VMM_NICFD_MAGIC 0x664e6c43u
#define VMM_REQ_MAGIC   0x71566c43u
#define VMM_REPLY_MAGIC 0x70566c43u
#define VMM_STATS_MAGIC 0x73566c43u
#define VMM_MSG_VERSION 2

#define VMM_VCPUS_MAX       64
#define VMM_NICS_MAX        16
#define VMM_CMDLINE_MAX     2048
#define VMM_DISKS_MAX       8
#define VMM_DISK_QUEUES_MAX 8
#define VMM_PORTS_MAX       4 /* virtio-console ports beside hvc0 */
#define VMM_CELLS_MAX       8 /* NUMA nodes of the guest */

/* What each fd of the start message is. The array runs parallel to the fds. */
enum vmm_fd_role {
	VMM_FD_NONE,
	VMM_FD_KVM,     /* /dev/kvm, read-write. Required. */
	VMM_FD_KERNEL,  /* PVH ELF or bzImage, read-only, seekable. Required. */
	VMM_FD_INITRD,  /* read-only, seekable */
	VMM_FD_SERIAL,  /* COM1 output: pipe, socket or file. Input too when it can be read. */
	VMM_FD_CONSOLE, /* virtio-console, likewise; no console device without it */
	VMM_FD_CONTROL, /* listening SOCK_SEQPACKET */
	VMM_FD_STATS, /* memfd of at least sizeof(struct vmm_stats): exit counters survive the VMM */
	VMM_FD_NIC,   /* index: the NIC. What it is depends on the NIC's kind. */
	VMM_FD_IOMMU, /* VFIO container with its IOMMU type set, or /dev/iommu: see iommu_kind */
	VMM_FD_DISK,  /* index: the disk. Regular file or block device, opened as it may be used */
	VMM_FD_PORT,  /* index: a console port. Listening SOCK_STREAM: one client at a time */
	VMM_FD_VSOCK, /* /dev/vhost-vsock */
	VMM_FD_ROLES
};

enum vmm_nic_kind {
	VMM_NIC_NONE,
	VMM_NIC_VHOST_LISTEN, /* fd: listening SOCK_STREAM; any back end may connect, die, come back */
	VMM_NIC_VHOST_CONNECT, /* fd: connected SOCK_STREAM; VMM_EV_NIC_WANTS_FD when it breaks */
	VMM_NIC_TAP,           /* fd: /dev/net/tun set up with IFF_TAP|IFF_NO_PI|IFF_VNET_HDR */
	/*
	 * fd: a VFIO device, bound to the IOMMU of VMM_FD_IOMMU, just opened (upon which the kernel
	 * resets it) and by nobody else. It may be missing at the start (hot-plug later). Taken out by
	 * VMM_OP_DETACH, put in again by a struct vmm_nic_fd.
	 */
	VMM_NIC_VFIO,
};

struct vmm_nic {
	uint32_t kind;   /* enum vmm_nic_kind */
	uint16_t queues; /* pairs, 1..PORT_QUEUES_MAX */
	uint16_t mtu;
	uint8_t mac[6];
	uint8_t offload; /* VHOST: 1: checksums and segments may be left to the back end, and by it */
	uint8_t reserved;
	char name[NAME_MAX_LEN]; /* for messages only */
};

enum vmm_iommu_kind { VMM_IOMMU_NONE, VMM_IOMMU_TYPE1, VMM_IOMMU_IOMMUFD };

struct vmm_disk {
	char name[NAME_MAX_LEN]; /* for messages; its first 20 bytes are the serial number */
	uint16_t queues;         /* 1..VMM_DISK_QUEUES_MAX */
	uint8_t read_only;
	uint8_t direct; /* the fd was opened with O_DIRECT */
	uint32_t reserved;
};

/* One NUMA node as the guest sees it (SRAT, SLIT). */
struct vmm_cell {
	uint64_t mem_size; /* a multiple of page_size; all together: mem_size of the machine */
	int32_t node;      /* host node to bind to, or -1 */
	uint8_t distance[VMM_CELLS_MAX]; /* to each cell; 10 to itself (ACPI 6.5, 5.2.17) */
	uint32_t reserved;
};

/* What CPUID says (Intel 64 psABI micro-architecture levels). */
enum vmm_cpu_model { VMM_CPU_HOST, VMM_CPU_V2, VMM_CPU_V3, VMM_CPU_V4 };

struct vmm_vcpu {
	int32_t cpu;      /* host CPU to pin to, or -1 */
	int32_t priority; /* SCHED_FIFO priority, or 0 for SCHED_OTHER */
	uint32_t cell;    /* the guest NUMA node that it belongs to; 0 when n_cells is 0 */
	uint32_t reserved;
};

struct vmm_start {
	struct msg_head head;
	char name[NAME_MAX_LEN];
	uint32_t n_vcpus;
	uint32_t n_nics;
	uint64_t mem_size;      /* bytes, a multiple of page_size */
	uint64_t page_size;     /* 4096, 2 MiB or 1 GiB */
	int32_t mem_node;       /* NUMA node to bind to, or -1 */
	uint32_t n_fds;         /* roles in use; equals the number of fds received */
	uint64_t exec_tsc;      /* rdtsc just before exec, or 0: for start-up figures */
	struct cpuset emulator; /* CPUs of every thread that is not a vCPU; empty: leave as is */
	struct vmm_vcpu vcpu[VMM_VCPUS_MAX];
	struct vmm_nic nic[VMM_NICS_MAX];
	uint32_t n_disks, n_ports;
	struct vmm_disk disk[VMM_DISKS_MAX];
	char port[VMM_PORTS_MAX][NAME_MAX_LEN]; /* names that the guest sees */
	uint32_t n_cells;                       /* 0: one, not told to the guest; see mem_node */
	uint32_t cpu_model;                     /* enum vmm_cpu_model */
	struct vmm_cell cell[VMM_CELLS_MAX];
	uint32_t iommu_kind; /* enum vmm_iommu_kind */
	uint32_t
		ioas_id; /* VMM_IOMMU_IOMMUFD: the address space that the devices are attached to */
	uint32_t vsock_cid;        /* 0: no vsock */
	uint8_t balloon, watchdog; /* whether there is one */
	uint16_t reserved;
	struct {
		uint16_t role; /* enum vmm_fd_role */
		uint16_t index;
	} fd[FDMSG_FDS_MAX];
	char cmdline[VMM_CMDLINE_MAX]; /* NUL-terminated */
};

enum vmm_event_kind {
	VMM_EV_STARTED = 1,  /* every vCPU thread is pinned and about to run */
	VMM_EV_NIC_UP,       /* index: a back end finished its handshake */
	VMM_EV_NIC_DOWN,     /* index: it went away; text says why */
	VMM_EV_NIC_WANTS_FD, /* index: send a struct vmm_nic_fd */
	VMM_EV_POWEROFF,     /* the guest powered off; exit status 0 follows */
	VMM_EV_RESET,        /* the guest asked for a reset; EXIT_GUEST_RESET follows */
	VMM_EV_FAULT,        /* triple fault, internal error, or why nothing could start; text */
	VMM_EV_WARNING,      /* text: something the operator should know; counted, not fatal */
	VMM_EV_PANIC,        /* pvpanic: the guest's kernel panicked; text */
	VMM_EV_WATCHDOG,     /* the guest's watchdog expired: the starter decides what happens */
	VMM_EV_DEVICE_ERROR, /* index: the NIC whose device reported an error (VFIO); text */
	VMM_EV_NIC_DETACHED, /* index: the guest let go of it, its fds are closed here */
	VMM_EV_NIC_ATTACHED, /* index: it is on the guest's bus */
	VMM_EV_DISK_ERROR,   /* index: the disk; text; the first of a row, the rest is counted */
};

struct vmm_event {
	struct msg_head head;
	uint32_t kind;
	uint32_t index;
	char text[256];
};

struct vmm_nic_fd { /* with exactly one fd: a connected socket, or a VFIO device */
	struct msg_head head;
	uint32_t index;
	uint32_t reserved;
};

/* Why a vCPU left the guest for user space. One counter each, written by that vCPU's thread only. */
enum vmm_exit {
	VMM_EXIT_PIO,
	VMM_EXIT_MMIO,
	VMM_EXIT_HLT,
	VMM_EXIT_INTR,     /* signal: pause, stop, statistics */
	VMM_EXIT_SHUTDOWN, /* triple fault */
	VMM_EXIT_FAIL,     /* entry failure, internal error */
	VMM_EXIT_OTHER,
	VMM_EXIT_REASONS
};

struct vmm_vcpu_stats {
	uint64_t exits[VMM_EXIT_REASONS];
	uint64_t unhandled; /* accesses to nothing: read as ones, writes dropped */
	uint64_t reserved[8];
} __attribute__((aligned(64)));

/* Lives in VMM_FD_STATS. Readers map it read-only; each field has one writer, no locks. */
struct vmm_stats {
	uint32_t magic, version, size, n_vcpus;
	uint64_t exec_tsc;       /* copied from the start message */
	uint64_t main_tsc;       /* first line of main() */
	uint64_t run_tsc;        /* just before the first KVM_RUN */
	uint64_t guest_errors;   /* malformed rings and registers that were refused */
	uint64_t backend_errors; /* malformed vhost-user messages that were refused */
	uint64_t accept_errors;  /* times that no descriptor was left for a connection */
	uint64_t rx_no_buffer;   /* frames from taps that were dropped for want of guest buffers */
	uint64_t watchdogs;      /* times the guest's watchdog expired */
	uint64_t panics;         /* times the guest said that its kernel panicked */
	uint64_t disk_errors;    /* operations on disks that the host could not do */
	uint64_t balloon_reported; /* bytes given back by free page reporting */
	uint64_t reserved[2];
	struct vmm_vcpu_stats vcpu[VMM_VCPUS_MAX];
};

enum vmm_op {
	VMM_OP_STATUS = 1,
	VMM_OP_PAUSE,
	VMM_OP_RESUME,
	VMM_OP_STOP,
	VMM_OP_POWER_BUTTON, /* the guest is asked to power off, and may take its time */
	VMM_OP_RESET,        /* as if the guest had asked for a reset */
	VMM_OP_DETACH,  /* index: a VFIO NIC; the guest is asked; VMM_EV_NIC_DETACHED follows */
	VMM_OP_BALLOON, /* value: bytes that the guest shall have at most */
	VMM_OP_DISK_RESIZED, /* index: look at the disk's size again */
	VMM_OP_HANDOVER, /* index: a vhost-user NIC; value: for so many seconds another back end may
			    connect and take over from the present one; 0: no more */
};
enum vmm_state { VMM_STATE_STARTING = 1, VMM_STATE_RUNNING, VMM_STATE_PAUSED, VMM_STATE_STOPPING };

struct vmm_req {
	struct msg_head head;
	uint32_t op; /* enum vmm_op */
	uint32_t index;
	uint64_t value;
};

struct vmm_reply { /* to every op: the state after it, and all counters */
	struct msg_head head;
	int32_t error; /* 0 or a positive errno */
	uint32_t state;
	uint32_t n_nics;
	uint32_t nic_up[VMM_NICS_MAX]; /* 1: a back end is connected */
	uint64_t nic_connects[VMM_NICS_MAX];
	struct {                    /* zero without a balloon */
		uint64_t target;    /* bytes that the guest shall have */
		uint64_t actual;    /* bytes that it has now */
		uint64_t free;      /* as the guest says: unused */
		uint64_t available; /* as the guest says: could be had without swapping */
		uint64_t reported;  /* bytes given back by free page reporting so far */
	} balloon;
	char name[NAME_MAX_LEN];
	char text[256];
	struct vmm_stats stats;
};

/* "pio", "mmio", ...: stable names, used in output and documents. */
const char *vmm_exit_name(enum vmm_exit reason);

#endif
