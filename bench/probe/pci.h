/* SPDX-License-Identifier: Apache-2.0 */
/* PCI, bus 0: configuration space, BARs, capabilities (PCI Local Bus 3.0, chapter 6). */
#ifndef CORELANE_PROBE_PCI_H
#define CORELANE_PROBE_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_DEVICES_MAX 64

#define PCI_ID      0x00
#define PCI_COMMAND 0x04
#define PCI_STATUS  0x06
#define PCI_CLASS   0x08
#define PCI_HEADER  0x0e
#define PCI_BAR0    0x10
#define PCI_SUBSYS  0x2c
#define PCI_CAPS    0x34

#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

struct pci_dev {
	uint8_t dev, fn;
	uint16_t vendor, device;
	uint32_t class_rev;
	uint64_t bar[6]; /* address, once pci_bar() was asked for it */
	uint64_t bar_size[6];
};

/* Configuration space through ports 0xcf8/0xcfc (@ecam 0) or the window at @ecam. */
void pci_init(uint64_t ecam);
/* Every function of bus 0, by number; returns how many. */
unsigned int pci_scan(struct pci_dev *devs, unsigned int max);

uint32_t pci_read(const struct pci_dev *d, unsigned int offset, unsigned int size);
void pci_write(const struct pci_dev *d, unsigned int offset, unsigned int size, uint32_t value);

/* The next capability with that id behind @from (0: the first one), or 0. Endless lists end. */
unsigned int pci_find_cap(const struct pci_dev *d, unsigned int from, uint8_t id);

/*
 * Address of a memory BAR, sized, given a place when nobody did, and reachable. 0 when it is no
 * memory BAR or cannot be placed.
 */
uint64_t pci_bar(struct pci_dev *d, unsigned int bar);

/* MSI-X on; entry 0 sends interrupt @vector to APIC @apic_id, the others are masked. 0 or -1. */
int pci_msix(struct pci_dev *d, uint8_t vector, uint32_t apic_id);

/* Memory decoding and bus mastering on. */
void pci_enable(const struct pci_dev *d);

#endif
