/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that an IOMMU stopped, by the names of VNF and interface: read from the kernel's log while a
 * site with virtual functions runs. The kernel limits how much it says; so do we.
 */
#ifndef CORELANE_APPLIANCE_FAULTS_H
#define CORELANE_APPLIANCE_FAULTS_H

#include "appliance/env.h"

struct faults_vf {
	struct pci_addr pci;
	uint64_t count, untold;
	uint64_t told_ns; /* when the operator was told last */
};

struct faults {
	const struct run_env *env;
	int fd; /* /dev/kmsg; owned; -1 */
	struct evsource source;
	struct faults_vf *vf; /* one for each of the plan's; owned */
};

#define FAULTS_CLOSED ((struct faults){.fd = -1})

/*
 * Watches from now on. No-op for a plan without virtual functions. A log that cannot be read is said on
 * our log: the site runs without it. @f stays where it is until faults_close().
 */
void faults_open(struct faults *f, const struct run_env *env);

/* Records told so far of all virtual functions of that VNF. */
uint64_t faults_of(const struct faults *f, size_t vnf);

void faults_close(struct faults *f);

#endif
