/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUID table of a guest: what KVM supports on this host (or less: cpuid_model_x86.h), with the
 * topology of this guest and the leaves that tell a guest its clock rates.
 */
#ifndef CORELANE_VMM_CPUID_X86_H
#define CORELANE_VMM_CPUID_X86_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/topology.h"

#define CPUID_ENTRIES_MAX 256

/* KVM_GET_SUPPORTED_CPUID, in room for CPUID_ENTRIES_MAX. free() it. 0 or -errno with words. */
int cpuid_supported(int kvm_fd, struct kvm_cpuid2 **ret, struct err *e);

struct cpuid_guest {
	struct topology_cpu cpu; /* of this vCPU */
	uint32_t core_bits;
	uint32_t tsc_khz;  /* 0: not known, not told */
	bool tsc_deadline; /* KVM emulates the TSC deadline timer */
	bool own_cores; /* no vCPU ever waits for another: told to the guest (KVM_HINTS_REALTIME) */
};

/* Turns the table that cpuid_supported() gave into that of one vCPU. Pure. -ENOSPC when it is full. */
int cpuid_make(struct kvm_cpuid2 *t, const struct cpuid_guest *g);

/* The entry, or NULL. */
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *t, uint32_t function, uint32_t index);

#endif
