/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mode=garbage: count= accesses that no driver would make. What the VMM does with them is its test's
 * to judge; here only: did we get to the end, and do the devices still answer to a reset.
 */
#include "bench/probe/garbage.h"

#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"
#include "bench/probe/modes.h"
#include "bench/probe/nics.h"
#include "bench/probe/out.h"

#define DEFAULT_COUNT 500

/* Ports that would end the run (power, reset, QEMU's firmware door) or spoil its output. */
static bool
port_is_ours(uint32_t port)
{
	return port == 0x3f8 || port == 0x64 || port == 0x92 || port == 0xb2 || port == 0xf4 ||
	       port == 0xcf9 || (port >= 0x510 && port < 0x520) || (port >= 0x600 && port < 0x680);
}

static uint32_t
some_port(struct rnd *r, uint32_t size)
{
	/* Half of them where devices are. */
	static const uint16_t likely[] = {0x20, 0x40, 0x60, 0x70, 0x80, 0x3f8, 0xcf8, 0xcfc, 0x4d0};
	uint32_t port, i;

	do {
		port = (uint32_t)rnd_below(r, 0x10000);
		if (rnd_below(r, 2))
			port = likely[rnd_below(r, 9)] + (uint32_t)rnd_below(r, 8);
		for (i = 0; i < size && !port_is_ours(port + i); i++)
			;
	} while (i < size || port + size > 0x10000);
	return port;
}

static void
garbage_pio(struct rnd *r, uint64_t n)
{
	while (n--) {
		uint32_t size = 1u << rnd_below(r, 3), v = (uint32_t)rnd_next(r);
		uint16_t port = (uint16_t)some_port(r, size);

		switch (rnd_below(r, 2) * 8 + size) {
		case 1:
			inb(port);
			break;
		case 2:
			inw(port);
			break;
		case 4:
			inl(port);
			break;
		case 9:
			outb(port, (uint8_t)v);
			break;
		case 10:
			outw(port, (uint16_t)v);
			break;
		case 12:
			outl(port, v);
			break;
		}
	}
}

static void
mmio_any(struct rnd *r, uint64_t a, uint32_t size)
{
	uint64_t v = rnd_next(r);

	switch (rnd_below(r, 2) * 16 + size) {
	case 1:
		mmio_read8(a);
		break;
	case 2:
		mmio_read16(a);
		break;
	case 4:
		mmio_read32(a);
		break;
	case 8:
		__asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(a) : "memory");
		break;
	case 17:
		mmio_write8(a, (uint8_t)v);
		break;
	case 18:
		mmio_write16(a, (uint16_t)v);
		break;
	case 20:
		mmio_write32(a, (uint32_t)v);
		break;
	case 24:
		__asm__ volatile("movq %0, (%1)" ::"r"(v), "r"(a) : "memory");
		break;
	}
}

/* Anywhere in the BARs of virtio devices, aligned or not, across structures and their ends. */
static void
garbage_mmio(struct rnd *r, struct pci_dev **d, unsigned int nd, uint64_t n)
{
	while (n--) {
		struct pci_dev *dev = d[rnd_below(r, nd)];
		unsigned int bar = (unsigned int)rnd_below(r, 6);
		uint32_t size = 1u << rnd_below(r, 4);
		uint64_t off;

		if (!pci_bar(dev, bar))
			continue;
		off = rnd_below(r, dev->bar_size[bar]);
		/* The first page holds what matters most. */
		if (rnd_below(r, 2))
			off %= 256;
		if (rnd_below(r, 4))
			off &= ~(uint64_t)(size - 1);
		mmio_any(r, dev->bar[bar] + off, size);
	}
}

static void
garbage_msix(struct rnd *r, struct pci_dev **d, unsigned int nd, uint64_t n)
{
	while (n--) {
		struct pci_dev *dev = d[rnd_below(r, nd)];
		unsigned int cap = pci_find_cap(dev, 0, PCI_CAP_MSIX);
		uint32_t table, entries;
		uint64_t a;

		if (!cap)
			continue;
		pci_write(dev, cap + 2, 2, (uint32_t)rnd_next(r));
		table = pci_read(dev, cap + 4, 4);
		entries = (pci_read(dev, cap + 2, 2) & 0x7ff) + 1;
		a = pci_bar(dev, table & 7);
		if (!a)
			continue;
		pci_enable(dev);
		a += (table & ~7u) + rnd_below(r, entries * 16ull + 64);
		for (unsigned int i = 0; i < 8; i++)
			mmio_any(r, (a & ~3ull) + i * 4, 4);
	}
}

/* Configuration space: through both ports at any size and offset, so also across registers. */
static void
garbage_config(struct rnd *r, struct pci_dev **d, unsigned int nd, uint64_t n)
{
	while (n--) {
		struct pci_dev any = *d[rnd_below(r, nd)];
		unsigned int size = 1u << rnd_below(r, 3), at = (unsigned int)rnd_below(r, 256);

		if (!rnd_below(r, 8))
			any.dev = rnd_below(r, 32) & 31;
		at &= ~(size - 1);
		if (rnd_below(r, 4))
			pci_write(&any, at, size, (uint32_t)rnd_next(r));
		else
			pci_read(&any, at, size);
	}
}

/* Each device once more from the beginning; how many still come up. */
static unsigned int
survivors(struct pci_dev **d, unsigned int nd)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < nd; i++) {
		struct virtio v;

		n += !virtio_open(&v, d[i]) && !virtio_features(&v, 0, 0);
	}
	return n;
}

bool
mode_garbage(struct probe *p)
{
	uint64_t n = p->args.count ? p->args.count : DEFAULT_COUNT;
	struct rnd r = {p->args.seed ? p->args.seed : 1};
	struct pci_dev *all, *d[PCI_DEVICES_MAX];
	struct json *j = out_json();
	unsigned int nd = 0, total = machine_scan(p, &all);

	for (unsigned int i = 0; i < total; i++) {
		if (virtio_is(&all[i], 0))
			d[nd++] = &all[i];
	}
	if (!nd && p->args.what != WHAT_PIO) {
		out_error("there is no virtio device", NULL);
		return false;
	}
	for (unsigned int i = 0; i < nd; i++)
		pci_enable(d[i]);
	if (p->args.what == WHAT_PIO)
		garbage_pio(&r, n);
	else if (p->args.what == WHAT_MMIO)
		garbage_mmio(&r, d, nd, n);
	else if (p->args.what == WHAT_MSIX)
		garbage_msix(&r, d, nd, n);
	else if (p->args.what == WHAT_CONFIG)
		garbage_config(&r, d, nd, n);
	else
		garbage_rings(&r, d, nd, n);
	serial_reset();
	json_open(j, "result");
	json_str(j, "mode", "garbage");
	json_u64(j, "operations", n);
	json_u64(j, "seed", p->args.seed);
	json_u64(j, "devices", nd);
	json_u64(j, "survivors", p->args.what == WHAT_CONFIG ? 0 : survivors(d, nd));
	json_close(j);
	return true;
}
