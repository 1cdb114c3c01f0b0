/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/start_figures.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

/* Resident memory of the VMM without the guest's: hugetlb pages are no part of Rss, small pages are. */
uint64_t
figures_memory_beside(pid_t pid)
{
	char path[64], line[256];
	uint64_t total = 0, kib;
	bool guest = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
			guest = strstr(line, "memfd:guest-") != NULL;
		if (!guest && sscanf(line, "Rss: %" SCNu64, &kib) == 1)
			total += kib;
	}
	fclose(f);
	return total;
}

static double
tsc_per_us(void)
{
	struct timespec a, b;
	uint64_t t0 = __rdtsc(), t1;

	clock_gettime(CLOCK_MONOTONIC, &a);
	usleep(20000);
	clock_gettime(CLOCK_MONOTONIC, &b);
	t1 = __rdtsc();
	return (double)(t1 - t0) /
	       ((double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3);
}

void
figures_print(const struct vmm_stats *t, uint32_t n_vcpus, uint64_t first_byte_tsc,
	      uint64_t beside_kib)
{
	double us = tsc_per_us();
	uint64_t exits = 0, unhandled = 0;

	for (uint32_t i = 0; i < n_vcpus; i++) {
		unhandled += t->vcpu[i].unhandled;
		for (int k = 0; k < VMM_EXIT_REASONS; k++)
			exits += t->vcpu[i].exits[k];
	}
	fprintf(stderr,
		"{\"main_us\": %.0f, \"run_us\": %.0f, \"first_byte_us\": %.0f, \"beside_kib\": "
		"%" PRIu64 ", \"exits\": %" PRIu64 ", \"unhandled\": %" PRIu64
		", \"guest_errors\": %" PRIu64 "}\n",
		(double)(t->main_tsc - t->exec_tsc) / us, (double)(t->run_tsc - t->exec_tsc) / us,
		first_byte_tsc ? (double)(first_byte_tsc - t->exec_tsc) / us : 0.0, beside_kib,
		exits, unhandled, t->guest_errors);
}
