/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PCI host bridge with one bus: configuration mechanism 1 and ECAM, and what every function on the
 * bus shares: configuration space with write masks, BARs that can be sized and moved, a capability list.
 * No INTx (interrupt pin 0), no I/O BARs, no bridges, no hotplug.
 * Sources: PCI Local Bus 3.0 (6.1, 6.2, 6.7, 6.8), PCI Express 5.0 (7.2.2).
 *
 * Everything here runs with vm->lock held, on vCPU threads or before they start.
 */
#ifndef CORELANE_VMM_PCI_H
#define CORELANE_VMM_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/bus.h"
#include "vmm/device.h"

#define PCI_SLOTS       32
#define PCI_BARS        6
#define PCI_CONFIG_SIZE 256 /* conventional functions: ECAM above it reads as zero */

/* Offsets in the header of type 0, and the bits that we use of them. */
enum {
	PCI_R_VENDOR = 0x00,
	PCI_R_DEVICE = 0x02,
	PCI_R_COMMAND = 0x04,
	PCI_R_STATUS = 0x06,
	PCI_R_REVISION = 0x08,
	PCI_R_CLASS = 0x09, /* three bytes: interface, subclass, class */
	PCI_R_BAR0 = 0x10,
	PCI_R_SUBVENDOR = 0x2c,
	PCI_R_SUBDEVICE = 0x2e,
	PCI_R_CAP = 0x34,
	PCI_R_LINE = 0x3c,
	PCI_R_FIRST_CAP = 0x40,

	PCI_CMD_IO = 0x0001,
	PCI_CMD_MEMORY = 0x0002,
	PCI_CMD_MASTER = 0x0004,
	PCI_CMD_INTX_OFF = 0x0400,
	PCI_STS_CAPS = 0x0010,
	PCI_BAR_64 = 0x4,
	PCI_BAR_PREFETCH = 0x8,
};

struct pci;
struct pci_fn;

struct pci_fn_ops {
	/* An access inside BAR @bar; sizes 1, 2, 4, 8. */
	uint64_t (*bar_read)(struct pci_fn *f, unsigned int bar, uint64_t offset,
			     unsigned int size);
	void (*bar_write)(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size,
			  uint64_t value);
	/* BAR @bar now answers at @base, or (@mapped false) stopped answering there. May be NULL. */
	void (*bar_moved)(struct pci_fn *f, unsigned int bar, bool mapped, uint64_t base);
	/* Before a read, and after a write, of config bytes [@offset, +@size). May be NULL. */
	void (*config_read)(struct pci_fn *f, unsigned int offset, unsigned int size);
	void (*config_written)(struct pci_fn *f, unsigned int offset, unsigned int size);
	/* The guest let go of a function that it was asked to give up (ged.h). May be NULL. */
	void (*ejected)(struct pci_fn *f);
};

struct pci_bar {
	struct pci_fn *fn;
	unsigned int index; /* of its first register */
	uint64_t size;      /* 0: no such BAR */
	bool is64;
	bool mapped;
	uint64_t base; /* where, while mapped */
};

struct pci_fn {
	const struct pci_fn_ops *ops;
	struct vm *vm;
	unsigned int slot;
	const char *name;                  /* for messages */
	uint8_t config[PCI_CONFIG_SIZE];   /* state */
	uint8_t writable[PCI_CONFIG_SIZE]; /* mask of the bits that a guest may change */
	uint8_t initial[PCI_CONFIG_SIZE];  /* at power-on, once pci_fn_add() has run */
	struct pci_bar bar[PCI_BARS];
	unsigned int cap_end; /* where the next capability goes */
	unsigned int last_cap;
};

struct pci_ids {
	uint16_t vendor, device, subvendor, subdevice;
	uint8_t revision;
	uint32_t class; /* 0xCCSSII */
};

/* The bus. */
struct pci {
	struct device dev;
	struct pci_fn *fn[PCI_SLOTS];
	struct pci_fn bridge;
	uint32_t address; /* state: 0xcf8 */
};

/* Prepares @f, with an empty capability list. */
void pci_fn_init(struct pci_fn *f, struct vm *vm, const char *name, const struct pci_fn_ops *ops,
		 const struct pci_ids *ids);

/* Adds a memory BAR; @size a power of two >= 16. A 64-bit one takes two registers. -EINVAL. */
int pci_fn_bar(struct pci_fn *f, unsigned int index, uint64_t size, bool is64);

/*
 * Appends a capability with @len bytes of @body after its two header bytes (PCI 3.0, 6.7).
 * Returns its offset, or -ENOSPC.
 */
int pci_fn_cap(struct pci_fn *f, uint8_t id, const void *body, unsigned int len);

/*
 * Puts @f on the bus: addresses for its BARs as firmware would choose them, decoding enabled.
 * -EBUSY: slot taken; -ENOSPC: no room for its BARs. pci_fn_remove() takes it off.
 */
int pci_fn_add(struct pci *p, unsigned int slot, struct pci_fn *f);
/* After -ENOSPC: the BAR that there was no room for. */
const struct pci_bar *pci_fn_homeless(const struct pci_fn *f);
void pci_fn_remove(struct pci *p, struct pci_fn *f);

/* Configuration space to what it was after pci_fn_add(). */
void pci_fn_reset(struct pci_fn *f);

/* Configuration accesses: size 1, 2 or 4, naturally aligned (others read as ones, are dropped). */
uint32_t pci_fn_read(struct pci_fn *f, unsigned int offset, unsigned int size);
void pci_fn_write(struct pci_fn *f, unsigned int offset, unsigned int size, uint32_t value);

/* Whether an access to [@offset, +@size) reaches one of the bytes [@at, +@len). */
static inline bool
pci_touches(unsigned int offset, unsigned int size, unsigned int at, unsigned int len)
{
	return offset < at + len && at < offset + size;
}

/* Little-endian fields of a byte array. */
uint32_t pci_get(const uint8_t *config, unsigned int offset, unsigned int size);
void pci_put(uint8_t *config, unsigned int offset, unsigned int size, uint32_t value);

#endif
