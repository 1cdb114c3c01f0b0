/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual CPUs: a thread each, pinned and prioritised as the start message says. A thread leaves
 * KVM_RUN only for an exit that needs user space, or because it was kicked (pause, stop).
 */
#ifndef CORELANE_VMM_VCPU_H
#define CORELANE_VMM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>

#include "base/err.h"
#include "vmm/boot.h"
#include "vmm/vm.h"

struct vcpu {
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	struct vmm_vcpu_stats *stats; /* written by this vCPU's thread only */
	pthread_t thread;
	bool has_thread;
	enum { VCPU_MAKING, VCPU_READY, VCPU_FAILED } progress; /* vm->lock */
	int error;                                              /* of VCPU_FAILED; with words: */
	char text[256];
	const struct kvm_cpuid2 *cpuid; /* of the host; while making */
	const struct boot_state *boot;  /* while making */
};

/*
 * Makes every vCPU on its thread and waits until all are ready to enter the guest. On failure the
 * machine has none; -EPERM or -EINVAL when a promised CPU or priority cannot be had.
 */
int vcpus_create(struct vm *vm, const struct boot_state *boot, struct err *e);
/* Lets them run. */
void vcpus_start(struct vm *vm);
/* Brings every vCPU out of the guest, to look at vm->park and vm->stop_status. Any thread. */
void vcpus_kick(struct vm *vm);
/* After vm_stop(): waits for the threads and frees everything. Main thread. */
void vcpus_destroy(struct vm *vm);

/* Pause and resume. Main thread. -EINVAL in a state that does not allow it. */
int vcpus_pause(struct vm *vm);
int vcpus_resume(struct vm *vm);

/* vcpu_exit.c: handles what KVM_RUN came back with. Stops the machine when it cannot. */
void vcpu_handle_exit(struct vcpu *v);
/* "rip 0x... rsp 0x... cr0 ..." of a vCPU that is not running, for messages. Returns @buf. */
char *vcpu_describe(const struct vcpu *v, char *buf, size_t size);

/* vcpu_x86.c: CPUID, MSRs and, for vCPU 0, the registers of the boot protocol. */
int vcpu_setup(struct vcpu *v, struct err *e);

#endif
