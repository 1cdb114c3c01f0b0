/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/limits.h"

#include <string.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/log.h"
#include "base/util.h"
#include "rt/thread.h"

/* A device of virtio: an event for each queue and each interrupt, one more of the latter, its back end. */
#define VIRTIO_FILES(queues) (8ul + 2ul * (queues))
/* A virtual function: as many vectors as a VMM gives to a device, its other interrupts, device, group. */
#define VFIO_VECTORS 64ul
#define VFIO_FILES   (VFIO_VECTORS + 12)

static unsigned long
of_vmm(const struct site_vnf *v)
{
	/* Itself, its vCPUs, console, balloon, random numbers, vsock. */
	unsigned long n = 48 + v->cpu.vcpus + VIRTIO_FILES(4 + 2 * v->console.n_ports) +
			  2 * v->console.n_ports;

	for (size_t i = 0; i < v->n_interfaces; i++)
		n += v->interfaces[i].kind == IF_SRIOV
			     ? VFIO_FILES
			     : VIRTIO_FILES(2ul * v->interfaces[i].queues) + 4;
	for (size_t i = 0; i < v->n_disks; i++)
		n += VIRTIO_FILES(v->disks[i].queues);
	return n;
}

/* The switch has its memory in memfds and five files for a queue pair; corelane ten for a VNF. */
static unsigned long
of_others(const struct site *site)
{
	unsigned long n = 128;

	for (size_t i = 0; i < site->n_vnfs; i++) {
		n += 16;
		for (size_t k = 0; k < site->vnfs[i].n_interfaces; k++)
			n += 8 + 8ul * site->vnfs[i].interfaces[k].queues;
		for (size_t k = 0; k < site->vnfs[i].n_disks; k++)
			n += 8 + 2ul * site->vnfs[i].disks[k].queues;
	}
	return n;
}

/* Each process has its own, of one limit: the largest of them counts. */
int
limits_files(const struct site *site)
{
	unsigned long need = of_others(site);
	struct rlimit l;

	for (size_t i = 0; i < site->n_vnfs; i++)
		need = MAX_OF(need, of_vmm(&site->vnfs[i]));
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
