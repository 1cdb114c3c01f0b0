/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/limits.h"

#include <string.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/log.h"
#include "rt/thread.h"

/*
 * Each process has its own: the largest is the switch, with its memory in memfds and five for a queue
 * pair; a VMM has a dozen, four for a queue pair and two for a disk's queue; corelane ten for a VNF.
 */
int
limits_files(const struct site *site)
{
	unsigned long need = 128;
	struct rlimit l;

	for (size_t i = 0; i < site->n_vnfs; i++) {
		need += 16;
		for (size_t k = 0; k < site->vnfs[i].n_interfaces; k++)
			need += 8 + 8ul * site->vnfs[i].interfaces[k].queues;
		for (size_t k = 0; k < site->vnfs[i].n_disks; k++)
			need += 8 + 2ul * site->vnfs[i].disks[k].queues;
	}
	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return EXIT_OK;
	l.rlim_cur = l.rlim_max;
	if (l.rlim_max < need) {
		log_err("this process may open %lu files, %lu are needed for this site; raise the "
			"hard limit (ulimit -Hn) or LimitNOFILE= of its unit",
			(unsigned long)l.rlim_max, need);
		return EXIT_REFUSED;
	}
	setrlimit(RLIMIT_NOFILE, &l);
	return EXIT_OK;
}

/*
 * We and what we start keep off the cores that were promised to others; every child pins itself. The
 * memory of VMMs and switch is locked: what cannot be raised is told by them.
 */
void
limits_settle(const struct plan *plan)
{
	struct rlimit l;
	int n = thread_pin(&plan->housekeeping);

	if (n < 0)
		log_warn("cannot keep to the housekeeping CPUs: %s", strerror(-n));

	l = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	setrlimit(RLIMIT_MEMLOCK, &l);
}
