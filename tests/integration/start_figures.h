/* SPDX-License-Identifier: Apache-2.0 */
/* What start_vmm --figures says: times of a start in microseconds since exec, memory beside the guest's. */
#ifndef CORELANE_TESTS_INTEGRATION_START_FIGURES_H
#define CORELANE_TESTS_INTEGRATION_START_FIGURES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/vmm_msg.h"

/* In KiB; 0 when /proc does not tell. */
uint64_t figures_memory_beside(pid_t pid);
/* One line of JSON on stderr. @first_byte_tsc: of the guest's serial output, or 0. */
void figures_print(const struct vmm_stats *t, uint32_t n_vcpus, uint64_t first_byte_tsc,
		   uint64_t beside_kib);

#endif
