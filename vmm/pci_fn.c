/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One PCI function: configuration space, BARs, capabilities.
 *
 * A guest may write any address into a BAR. The register then reads back as written, as hardware does,
 * but the BAR answers only where it disturbs nobody: not over RAM, ECAM, the interrupt controllers or
 * another BAR. A refused address is counted as a guest error.
 */
#include "vmm/pci.h"

#include <errno.h>
#include <string.h>

#include "vmm/vm.h"

/* IOAPIC, LAPIC, and what a PC keeps for its firmware: never a BAR's. */
#define PLATFORM_BASE 0xfec00000ull
#define PLATFORM_END  0x100000000ull

uint32_t
pci_get(const uint8_t *config, unsigned int offset, unsigned int size)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < size; i++)
		v |= (uint32_t)config[offset + i] << (8 * i);
	return v;
}

void
pci_put(uint8_t *config, unsigned int offset, unsigned int size, uint32_t value)
{
	for (unsigned int i = 0; i < size; i++)
		config[offset + i] = (uint8_t)(value >> (8 * i));
}

void
pci_fn_init(struct pci_fn *f, struct vm *vm, const char *name, const struct pci_fn_ops *ops,
	    const struct pci_ids *ids)
{
	*f = (struct pci_fn){.ops = ops, .vm = vm, .name = name, .cap_end = PCI_R_FIRST_CAP};
	pci_put(f->config, PCI_R_VENDOR, 2, ids->vendor);
	pci_put(f->config, PCI_R_DEVICE, 2, ids->device);
	pci_put(f->config, PCI_R_REVISION, 1, ids->revision);
	pci_put(f->config, PCI_R_CLASS, 3, ids->class);
	pci_put(f->config, PCI_R_SUBVENDOR, 2, ids->subvendor);
	pci_put(f->config, PCI_R_SUBDEVICE, 2, ids->subdevice);
	pci_put(f->writable, PCI_R_COMMAND, 2,
		PCI_CMD_IO | PCI_CMD_MEMORY | PCI_CMD_MASTER | PCI_CMD_INTX_OFF);
	f->writable[PCI_R_LINE] = 0xff; /* a scratch byte for firmware and drivers */
}

int
pci_fn_bar(struct pci_fn *f, unsigned int index, uint64_t size, bool is64)
{
	unsigned int reg = PCI_R_BAR0 + 4 * index;
	unsigned int last = index + (is64 ? 1 : 0);
	uint64_t mask = ~(size - 1);

	if (last >= PCI_BARS || f->bar[index].size || f->bar[last].size)
		return -EINVAL;
	if (size < 16 || (size & (size - 1)) || (!is64 && size > 0x80000000ull))
		return -EINVAL;
	f->bar[index] = (struct pci_bar){.fn = f, .index = index, .size = size, .is64 = is64};
	pci_put(f->config, reg, 4, is64 ? PCI_BAR_64 | PCI_BAR_PREFETCH : 0);
	pci_put(f->writable, reg, 4, (uint32_t)mask);
	if (is64)
		pci_put(f->writable, reg + 4, 4, (uint32_t)(mask >> 32));
	return 0;
}

int
pci_fn_cap(struct pci_fn *f, uint8_t id, const void *body, unsigned int len)
{
	unsigned int at = f->cap_end;

	if (len > PCI_CONFIG_SIZE - 2 || at > PCI_CONFIG_SIZE - 2 - len)
		return -ENOSPC;
	f->config[at] = id;
	memcpy(&f->config[at + 2], body, len);
	f->config[f->last_cap ? f->last_cap + 1 : PCI_R_CAP] = (uint8_t)at;
	f->config[PCI_R_STATUS] |= PCI_STS_CAPS;
	f->last_cap = at;
	f->cap_end = (unsigned int)align_up(at + 2 + len, 4);
	return (int)at;
}

/* --- BARs --- */

static uint64_t
bar_read(void *dev, uint64_t offset, unsigned int size)
{
	struct pci_bar *b = dev;

	return b->fn->ops->bar_read(b->fn, b->index, offset, size);
}

static void
bar_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci_bar *b = dev;

	b->fn->ops->bar_write(b->fn, b->index, offset, size, value);
}

static const struct bus_ops bar_ops = {.read = bar_read, .write = bar_write};

static uint64_t
bar_address(const struct pci_bar *b)
{
	const uint8_t *c = b->fn->config;
	unsigned int reg = PCI_R_BAR0 + 4 * b->index;
	uint64_t a = pci_get(c, reg, 4) & ~0xfull;

	return b->is64 ? a | (uint64_t)pci_get(c, reg + 4, 4) << 32 : a;
}

/* Every address bit that can be written is 1: the guest asks for the size (PCI 3.0, 6.2.5.1). */
static bool
is_sizing(const struct pci_bar *b, uint64_t base)
{
	uint32_t low = (uint32_t) ~(b->size - 1) & ~0xfu;

	return ((uint32_t)base & ~0xfu) == low || (b->is64 && base >> 32 == 0xffffffffu);
}

static bool
bar_fits(const struct pci_bar *b, uint64_t base)
{
	const struct mem *m = &b->fn->vm->mem;
	uint64_t last;

	if (base == 0 || __builtin_add_overflow(base, b->size - 1, &last))
		return false;
	if (base < PLATFORM_END && last >= PLATFORM_BASE)
		return false;
	for (unsigned int i = 0; i < m->n; i++) {
		const struct mem_region *r = &m->region[i];

		if (base <= r->gpa + (r->size - 1) && last >= r->gpa)
			return false;
	}
	return true;
}

static void
bar_unmap(struct pci_bar *b)
{
	struct pci_fn *f = b->fn;

	if (!b->mapped)
		return;
	b->mapped = false;
	bus_remove(&f->vm->mmio, b->base, b);
	if (f->ops->bar_moved)
		f->ops->bar_moved(f, b->index, false, b->base);
}

static void
bar_map(struct pci_bar *b, uint64_t base)
{
	struct pci_fn *f = b->fn;

	if (!bar_fits(b, base) || bus_add(&f->vm->mmio, base, b->size, &bar_ops, b) < 0) {
		if (base != 0 && !is_sizing(b, base))
			vm_guest_error(f->vm, "%s: BAR %u cannot be at %#llx", f->name, b->index,
				       (unsigned long long)base);
		return;
	}
	b->mapped = true;
	b->base = base;
	if (f->ops->bar_moved)
		f->ops->bar_moved(f, b->index, true, base);
}

/* Makes what answers agree with what the registers say. */
static void
bars_update(struct pci_fn *f)
{
	bool on = f->config[PCI_R_COMMAND] & PCI_CMD_MEMORY;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		struct pci_bar *b = &f->bar[i];
		uint64_t base;

		if (!b->size)
			continue;
		base = bar_address(b);
		if (b->mapped && (!on || b->base != base))
			bar_unmap(b);
		if (on && !b->mapped)
			bar_map(b, base);
	}
}

/* --- configuration accesses --- */

static bool
access_ok(unsigned int offset, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && offset % size == 0 &&
	       offset <= PCI_CONFIG_SIZE - size;
}

uint32_t
pci_fn_read(struct pci_fn *f, unsigned int offset, unsigned int size)
{
	if (!access_ok(offset, size))
		return size >= 4 ? 0xffffffffu : (1u << (8 * size)) - 1;
	if (f->ops && f->ops->config_read)
		f->ops->config_read(f, offset, size);
	return pci_get(f->config, offset, size);
}

void
pci_fn_write(struct pci_fn *f, unsigned int offset, unsigned int size, uint32_t value)
{
	bool moved = false;

	if (!access_ok(offset, size))
		return;
	for (unsigned int i = offset; i < offset + size; i++, value >>= 8) {
		uint8_t old = f->config[i];

		f->config[i] =
			(uint8_t)((old & ~f->writable[i]) | ((uint8_t)value & f->writable[i]));
		moved |= f->config[i] != old &&
			 (i == PCI_R_COMMAND || (i >= PCI_R_BAR0 && i < PCI_R_BAR0 + 4 * PCI_BARS));
	}
	if (moved)
		bars_update(f);
	if (f->ops && f->ops->config_written)
		f->ops->config_written(f, offset, size);
}

/* --- on and off the bus --- */

/* The end of a BAR that is in the way of [@base, @base + @size), or 0. */
static uint64_t
in_the_way(const struct pci_fn *f, uint64_t base, uint64_t size)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &f->bar[i];
		uint64_t home = pci_get(f->initial, PCI_R_BAR0 + 4 * i, 4) & ~0xfull;

		if (b->size && home && home < base + size && base < home + b->size)
			return home + b->size;
		if (b->mapped && b->base < base + size && base < b->base + b->size)
			return b->base + b->size;
	}
	return 0;
}

/* The lowest place that nobody has, at power-on or now: what a function left can be had again. */
static uint64_t
free_place(const struct pci *p, const struct pci_fn *own, uint64_t size)
{
	uint64_t base = GPA_PCI_BARS, end = GPA_PCI_BARS + GPA_PCI_BARS_SIZE;
	/* At least a page apart, so that a guest can map each by itself. */
	uint64_t align = MAX_OF(size, 4096);

	for (unsigned int slot = 0; slot <= PCI_SLOTS;) {
		const struct pci_fn *f = slot < PCI_SLOTS ? p->fn[slot] : own;
		uint64_t past = f ? in_the_way(f, base, align) : 0;

		if (past) {
			base = align_up(past, align);
			slot = 0; /* the new place may be in another's way */
		} else {
			slot++;
		}
		if (base >= end || align > end - base)
			return 0;
	}
	return base;
}

static int
bars_assign(const struct pci *p, struct pci_fn *f)
{
	memset(f->initial, 0, sizeof(f->initial));
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		struct pci_bar *b = &f->bar[i];
		unsigned int reg = PCI_R_BAR0 + 4 * i;
		uint64_t base;

		if (!b->size)
			continue;
		base = free_place(p, f, b->size);
		if (!base)
			return -ENOSPC;
		pci_put(f->config, reg, 4, (uint32_t)base | (pci_get(f->config, reg, 4) & 0xf));
		pci_put(f->initial, reg, 4, (uint32_t)base);
	}
	return 0;
}

const struct pci_bar *
pci_fn_homeless(const struct pci_fn *f)
{
	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (f->bar[i].size && pci_get(f->initial, PCI_R_BAR0 + 4 * i, 4) == 0)
			return &f->bar[i];
	return NULL;
}

int
pci_fn_add(struct pci *p, unsigned int slot, struct pci_fn *f)
{
	int r;

	if (slot >= PCI_SLOTS || p->fn[slot])
		return -EBUSY;
	r = bars_assign(p, f);
	if (r < 0)
		return r;
	f->slot = slot;
	pci_put(f->config, PCI_R_COMMAND, 2, PCI_CMD_MEMORY);
	memcpy(f->initial, f->config, sizeof(f->initial));
	p->fn[slot] = f;
	bars_update(f);
	return 0;
}

void
pci_fn_remove(struct pci *p, struct pci_fn *f)
{
	if (!p || p->fn[f->slot] != f)
		return;
	for (unsigned int i = 0; i < PCI_BARS; i++)
		bar_unmap(&f->bar[i]);
	p->fn[f->slot] = NULL;
}

void
pci_fn_reset(struct pci_fn *f)
{
	memcpy(f->config, f->initial, sizeof(f->config));
	bars_update(f);
}
