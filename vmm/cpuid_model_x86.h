/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named CPU models: a guest that is promised x86-64-v3 sees the instructions of that level and no others,
 * whatever the host has more. What concerns a guest's kernel only (paging, timers, mitigations of the very
 * CPU it runs on, family and model) stays the host's. Source: x86-64 psABI, 3.1.1, micro-architecture
 * levels.
 */
#ifndef CORELANE_VMM_CPUID_MODEL_X86_H
#define CORELANE_VMM_CPUID_MODEL_X86_H

#include <linux/kvm.h>

#include "base/err.h"
#include "base/vmm_msg.h"

/*
 * Makes what KVM supports into @model, in place. -ENOTSUP when the host lacks something of the level: the
 * words name all of it. The host model loses nested virtualisation only, which no guest here gets.
 */
int cpuid_model(struct kvm_cpuid2 *t, enum vmm_cpu_model model, struct err *e);

#endif
