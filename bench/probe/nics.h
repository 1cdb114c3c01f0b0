/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's PCI functions, and its NICs by index or MAC. */
#ifndef CORELANE_PROBE_NICS_H
#define CORELANE_PROBE_NICS_H

#include "bench/probe/modes.h"
#include "bench/probe/net.h"

/* The machine's PCI functions, scanned once. */
unsigned int machine_scan(const struct probe *p, struct pci_dev **ret);
/* The first virtio device of that type, or NULL. */
struct pci_dev *machine_find(const struct probe *p, uint16_t virtio_id);

/* Opens (once) and reports the NIC of that name. NULL after an error line. */
struct nic *nics_get(const struct probe *p, const struct nic_name *name);
/* How many there are; nics_at() opens the i-th. */
unsigned int nics_count(const struct probe *p);
struct nic *nics_at(const struct probe *p, unsigned int index);

/* An error line when the device broke the rules. Whether it did. */
bool nic_failed(const struct nic *n);

#endif
