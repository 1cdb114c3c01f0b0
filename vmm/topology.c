/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/topology.h"

#include <errno.h>

#include "base/util.h"

#define NO_PACKAGE UINT32_MAX

static uint32_t
bits_for(uint32_t n)
{
	return n <= 1 ? 0 : 32 - (uint32_t)__builtin_clz(n - 1);
}

int
topology_make(const struct vmm_start *s, struct topology *ret)
{
	uint32_t package[VMM_CELLS_MAX], cores[VMM_CELLS_MAX] = {0}, n = 0, most = 0;
	struct topology t = {0};

	for (uint32_t c = 0; c < VMM_CELLS_MAX; c++)
		package[c] = NO_PACKAGE;
	for (uint32_t i = 0; i < s->n_vcpus; i++) {
		uint32_t cell = s->vcpu[i].cell;

		if (package[cell] == NO_PACKAGE)
			package[cell] = n++;
		t.cpu[i].package = package[cell];
		t.cpu[i].core = cores[cell]++;
		most = MAX_OF(most, cores[cell]);
	}
	t.core_bits = bits_for(most);
	for (uint32_t i = 0; i < s->n_vcpus; i++) {
		struct topology_cpu *c = &t.cpu[i];

		c->cores = cores[s->vcpu[i].cell];
		c->apic_id = c->package << t.core_bits | c->core;
		if (c->apic_id > TOPOLOGY_APIC_MAX)
			return -ERANGE;
	}
	*ret = t;
	return 0;
}
