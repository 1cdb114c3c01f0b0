/* SPDX-License-Identifier: Apache-2.0 */
/* mode=garbage in two files: registers (mode_garbage.c) and rings. */
#ifndef CORELANE_PROBE_GARBAGE_H
#define CORELANE_PROBE_GARBAGE_H

#include "bench/probe/pci.h"
#include "bench/probe/rand.h"

/* @n rounds: a device taken up properly, then its rings filled with offences, then kicked. */
void garbage_rings(struct rnd *r, struct pci_dev **d, unsigned int nd, uint64_t n);

#endif
