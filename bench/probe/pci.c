/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/pci.h"

#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"

#define CONF_ADDR 0xcf8
#define CONF_DATA 0xcfc

static uint64_t ecam_base;
/* BARs that nobody placed go here: our VMM's hole, and QEMU's microvm's. */
static uint64_t next_bar = 0xc8000000;

void
pci_init(uint64_t ecam)
{
	ecam_base = ecam;
}

static uint64_t
ecam_addr(const struct pci_dev *d, unsigned int offset)
{
	return ecam_base + ((uint64_t)d->dev << 15) + ((uint64_t)d->fn << 12) + offset;
}

uint32_t
pci_read(const struct pci_dev *d, unsigned int offset, unsigned int size)
{
	uint16_t port = (uint16_t)(CONF_DATA + (offset & 3));

	if (ecam_base) {
		uint64_t a = ecam_addr(d, offset);

		return size == 1 ? mmio_read8(a) : size == 2 ? mmio_read16(a) : mmio_read32(a);
	}
	outl(CONF_ADDR,
	     0x80000000u | (uint32_t)d->dev << 11 | (uint32_t)d->fn << 8 | (offset & 0xfc));
	return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

void
pci_write(const struct pci_dev *d, unsigned int offset, unsigned int size, uint32_t value)
{
	uint16_t port = (uint16_t)(CONF_DATA + (offset & 3));

	if (ecam_base) {
		uint64_t a = ecam_addr(d, offset);

		if (size == 1)
			mmio_write8(a, (uint8_t)value);
		else if (size == 2)
			mmio_write16(a, (uint16_t)value);
		else
			mmio_write32(a, value);
		return;
	}
	outl(CONF_ADDR,
	     0x80000000u | (uint32_t)d->dev << 11 | (uint32_t)d->fn << 8 | (offset & 0xfc));
	if (size == 1)
		outb(port, (uint8_t)value);
	else if (size == 2)
		outw(port, (uint16_t)value);
	else
		outl(port, value);
}

unsigned int
pci_scan(struct pci_dev *devs, unsigned int max)
{
	unsigned int n = 0;

	for (unsigned int df = 0; df < 256 && n < max; df++) {
		struct pci_dev *d = &devs[n];
		uint32_t id;

		*d = (struct pci_dev){.dev = (uint8_t)(df >> 3), .fn = df & 7};
		id = pci_read(d, PCI_ID, 4);
		if ((id & 0xffff) == 0xffff || !(id & 0xffff)) {
			if (!(df & 7))
				df |= 7; /* no function 0: no device */
			continue;
		}
		d->vendor = (uint16_t)id;
		d->device = (uint16_t)(id >> 16);
		d->class_rev = pci_read(d, PCI_CLASS, 4);
		n++;
		if (!(df & 7) && !(pci_read(d, PCI_HEADER, 1) & 0x80))
			df |= 7;
	}
	return n;
}

unsigned int
pci_find_cap(const struct pci_dev *d, unsigned int from, uint8_t id)
{
	unsigned int at;

	if (!from && !(pci_read(d, PCI_STATUS, 2) & 0x10))
		return 0;
	at = from ? pci_read(d, from + 1, 1) : pci_read(d, PCI_CAPS, 1);
	for (int hops = 0; hops < 48; hops++) {
		at &= 0xfc;
		if (at < 0x40)
			return 0;
		if (pci_read(d, at, 1) == id)
			return at;
		at = pci_read(d, at + 1, 1);
	}
	return 0;
}

static uint64_t
bar_read(const struct pci_dev *d, unsigned int reg, bool wide)
{
	uint64_t v = pci_read(d, reg, 4);

	if (wide)
		v |= (uint64_t)pci_read(d, reg + 4, 4) << 32;
	return v & ~0xfull;
}

static void
bar_write(const struct pci_dev *d, unsigned int reg, bool wide, uint64_t v)
{
	pci_write(d, reg, 4, (uint32_t)v);
	if (wide)
		pci_write(d, reg + 4, 4, (uint32_t)(v >> 32));
}

uint64_t
pci_bar(struct pci_dev *d, unsigned int bar)
{
	unsigned int reg = PCI_BAR0 + bar * 4;
	uint64_t addr, size;
	uint32_t low, command;
	bool wide;

	if (bar > 5)
		return 0;
	if (d->bar[bar])
		return d->bar[bar];
	low = pci_read(d, reg, 4);
	wide = (low & 6) == 4;
	if ((low & 1) || (wide && bar == 5))
		return 0;
	command = pci_read(d, PCI_COMMAND, 2);
	pci_write(d, PCI_COMMAND, 2, command & ~7u);
	addr = bar_read(d, reg, wide);
	bar_write(d, reg, wide, ~0ull);
	size = bar_read(d, reg, wide);
	if (!wide)
		size |= 0xffffffffull << 32;
	size = ~size + 1;
	if (size && !addr && size <= 0x1000000) {
		addr = (next_bar + size - 1) & ~(size - 1);
		next_bar = addr + size;
	}
	bar_write(d, reg, wide, addr);
	pci_write(d, PCI_COMMAND, 2, command);
	if (!size || !addr || heap_map(addr, size))
		return 0;
	d->bar[bar] = addr;
	d->bar_size[bar] = size;
	return addr;
}

void
pci_enable(const struct pci_dev *d)
{
	pci_write(d, PCI_COMMAND, 2, pci_read(d, PCI_COMMAND, 2) | 6);
}

int
pci_msix(struct pci_dev *d, uint8_t vector, uint32_t apic_id)
{
	unsigned int cap = pci_find_cap(d, 0, PCI_CAP_MSIX);
	uint32_t table, entries;
	uint64_t a;

	if (!cap)
		return -1;
	entries = (pci_read(d, cap + 2, 2) & 0x7ff) + 1;
	table = pci_read(d, cap + 4, 4);
	a = pci_bar(d, table & 7);
	if (!a || (table & ~7u) + entries * 16ull > d->bar_size[table & 7])
		return -1;
	a += table & ~7u;
	pci_enable(d);
	pci_write(d, cap + 2, 2, 0x8000);
	for (uint32_t i = 0; i < entries; i++)
		mmio_write32(a + i * 16ull + 12, 1);
	mmio_write32(a, 0xfee00000u | apic_id << 12);
	mmio_write32(a + 4, 0);
	mmio_write32(a + 8, vector);
	mmio_write32(a + 12, 0);
	return 0;
}
