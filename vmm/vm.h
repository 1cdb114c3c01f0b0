/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One virtual machine: what every part of the VMM may hold a pointer to. Plain state; who may change a
 * field is said beside it.
 */
#ifndef CORELANE_VMM_VM_H
#define CORELANE_VMM_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/vmm_msg.h"
#include "vmm/bus.h"
#include "vmm/irq.h"
#include "vmm/loop.h"
#include "vmm/mem.h"
#include "vmm/topology.h"

struct vcpu;
struct pci;
struct ged;
struct device;
struct vfio_iommu;
struct vfio_io;

#define VM_DEVICES_MAX 64

/* What the machine knows of a NIC beside its device. */
struct vm_nic {
	/*
	 * Set by the device of a VMM_NIC_VHOST_CONNECT or VMM_NIC_VFIO NIC in init(): takes the fd of a
	 * struct vmm_nic_fd (and owns it from then on). Main thread, lock not held.
	 */
	void (*take_fd)(void *arg, int fd);
	void *arg;
	/* Kept by vm_event() from VMM_EV_NIC_UP, _DOWN, _ATTACHED and _DETACHED; read by status. */
	atomic_uint up;
	atomic_ullong connects;
};

struct vm {
	const struct vmm_start *start; /* the validated start message; constant */
	struct topology topology;      /* made of it; constant */
	int fds[FDMSG_FDS_MAX];        /* parallel to start->fd; taken with vm_take_fd() */
	int start_fd;                  /* events go there */

	int kvm_fd, vm_fd;
	struct mem mem;
	struct irq irq;
	struct loop loop;
	struct vmm_stats *stats; /* shared memory; see base/vmm_msg.h for writers */

	pthread_mutex_t lock; /* guards everything below: device state, buses, state changes */
	struct bus pio, mmio;
	struct pci *pci;
	struct ged *ged;
	struct vfio_iommu *iommu;      /* NULL without VFIO NICs */
	const struct vfio_io *vfio_io; /* NULL: the kernel; tests have their own */
	uint64_t kvm_slots;            /* taken ones of kvm_slot_add() */
	struct device *device[VM_DEVICES_MAX];
	unsigned int n_devices;
	struct vcpu *vcpu[VMM_VCPUS_MAX];
	enum vmm_state state;
	pthread_cond_t changed; /* state, wanted or n_parked did */
	bool started;           /* vCPUs may enter the guest */
	unsigned int n_parked;  /* vCPU threads that wait outside the guest */
	/*
	 * Accesses that are still to come of the string instruction being handled: a device may put
	 * off slow work (a system call) until this is 0.
	 */
	unsigned int pio_left;

	struct vm_nic nic[VMM_NICS_MAX];
	atomic_bool park;       /* vCPUs shall leave the guest and wait (pause) */
	atomic_int stop_status; /* -1, or the exit status of the process: set once by vm_stop() */
	atomic_uint n_said;     /* guest errors put into words so far; the rest is only counted */
};

/* Hands over the fd of that role and index, or -1 when there is none (or it was taken already). */
int vm_take_fd(struct vm *vm, enum vmm_fd_role role, unsigned int index);

/*
 * The next connection of a listening socket that is in the loop, non-blocking, or -errno: it went away
 * again, or there is no descriptor left for it (counted; the socket rests a while, others may close).
 * Main thread.
 */
int vm_accept(struct vm *vm, int listener);

/* Tells the starter; never blocks; a full or closed socket drops the event. Any thread. */
void vm_event(struct vm *vm, enum vmm_event_kind kind, unsigned int index, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Ends the machine: remembers the first status, stops vCPUs and the loop. Any thread, lock held or not. */
void vm_stop(struct vm *vm, int exit_status);

/* A malformed ring, register or message: counted in stats; the first few of a machine are said. Any thread. */
void vm_guest_error(struct vm *vm, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
