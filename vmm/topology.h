/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each vCPU is in the guest's machine. A cell is a package of its own, so that CPUID's caches and
 * packages agree with SRAT's nodes; without cells there is one package. One thread a core.
 */
#ifndef CORELANE_VMM_TOPOLOGY_H
#define CORELANE_VMM_TOPOLOGY_H

#include <stdint.h>

#include "base/vmm_msg.h"

#define TOPOLOGY_APIC_MAX 254 /* 255 is the broadcast of 8-bit APIC ids */

struct topology_cpu {
	uint32_t apic_id; /* package << core_bits | core; also its number at KVM */
	uint32_t package, core;
	uint32_t cores; /* in its package */
};

struct topology {
	struct topology_cpu cpu[VMM_VCPUS_MAX];
	uint32_t core_bits; /* of an APIC id that number the cores of a package */
};

/*
 * Pure. Packages are numbered in the order of their first vCPU, so vCPU 0 always has APIC id 0.
 * -ERANGE when an APIC id would be above TOPOLOGY_APIC_MAX: cells that are too uneven.
 */
int topology_make(const struct vmm_start *s, struct topology *ret);

#endif
