/* SPDX-License-Identifier: Apache-2.0 */
/* The host bridge and the two ways to configuration space. What a function does is in pci_fn.c. */
#include "vmm/pci.h"

#include <errno.h>
#include <string.h>

#include "vmm/vm.h"

#define PIO_ADDRESS 0xcf8
#define PIO_DATA    0xcfc
#define CF9_OFFSET  1

#define ADDRESS_ENABLE 0x80000000u

static uint32_t
all_ones(unsigned int size)
{
	return size >= 4 ? 0xffffffffu : (1u << (8 * size)) - 1;
}

/* A function by bus, device and function number, or NULL. */
static struct pci_fn *
function_at(struct pci *p, unsigned int bus, unsigned int slot, unsigned int function)
{
	return bus == 0 && function == 0 && slot < PCI_SLOTS ? p->fn[slot] : NULL;
}

/* --- configuration mechanism 1 (PCI 3.0, 3.2.2.3.2) --- */

static uint64_t
address_read(void *dev, uint64_t offset, unsigned int size)
{
	struct pci *p = dev;

	return offset == 0 && size == 4 ? p->address : all_ones(size);
}

static void
address_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci *p = dev;

	/* Only the whole register is PCI's; its second byte alone is the reset control register. */
	if (offset == 0 && size == 4)
		p->address = (uint32_t)value & 0x80fffffc;
	else if (offset == CF9_OFFSET && size == 1)
		reset_cf9(p->dev.vm, (uint8_t)value);
}

static struct pci_fn *
addressed(struct pci *p)
{
	if (!(p->address & ADDRESS_ENABLE))
		return NULL;
	return function_at(p, (p->address >> 16) & 0xff, (p->address >> 11) & 31,
			   (p->address >> 8) & 7);
}

static uint64_t
data_read(void *dev, uint64_t offset, unsigned int size)
{
	struct pci *p = dev;
	struct pci_fn *f = addressed(p);

	return f ? pci_fn_read(f, (p->address & 0xfc) + (unsigned int)offset, size)
		 : all_ones(size);
}

static void
data_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci *p = dev;
	struct pci_fn *f = addressed(p);

	if (f)
		pci_fn_write(f, (p->address & 0xfc) + (unsigned int)offset, size, (uint32_t)value);
}

static const struct bus_ops address_ops = {.read = address_read, .write = address_write};
static const struct bus_ops data_ops = {.read = data_read, .write = data_write};

/* --- ECAM: 4 KiB a function (PCIe 5.0, 7.2.2) --- */

static struct pci_fn *
ecam_function(struct pci *p, uint64_t offset)
{
	return function_at(p, (unsigned int)(offset >> 20), (offset >> 15) & 31,
			   (offset >> 12) & 7);
}

static uint64_t
ecam_read(void *dev, uint64_t offset, unsigned int size)
{
	struct pci_fn *f = ecam_function(dev, offset);
	unsigned int reg = offset & 0xfff;

	if (size == 8)
		return ecam_read(dev, offset, 4) | ecam_read(dev, offset + 4, 4) << 32;
	if (!f)
		return all_ones(size);
	/* No extended capabilities: a zero header says so (7.6.3). */
	return reg < PCI_CONFIG_SIZE ? pci_fn_read(f, reg, size) : 0;
}

static void
ecam_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci_fn *f = ecam_function(dev, offset);
	unsigned int reg = offset & 0xfff;

	if (size == 8) {
		ecam_write(dev, offset, 4, (uint32_t)value);
		ecam_write(dev, offset + 4, 4, value >> 32);
	} else if (f && reg < PCI_CONFIG_SIZE) {
		pci_fn_write(f, reg, size, (uint32_t)value);
	}
}

static const struct bus_ops ecam_ops = {.read = ecam_read, .write = ecam_write};

/* --- the device --- */

/* Nobody's real bridge: an id that no driver claims, class 0600 so that every guest sees what it is. */
static const struct pci_ids bridge_ids = {.vendor = 0x1b36,
					  .device = 0x0008,
					  .subvendor = 0x1af4,
					  .subdevice = 0x1100,
					  .class = 0x060000};

static int
init(struct device *d, unsigned int index, struct err *e)
{
	struct pci *p = container_of(d, struct pci, dev);
	struct vm *vm = d->vm;
	int r;

	pci_fn_init(&p->bridge, vm, "host bridge", NULL, &bridge_ids);
	r = pci_fn_add(p, 0, &p->bridge);
	if (r == 0)
		r = bus_add(&vm->pio, PIO_ADDRESS, 4, &address_ops, p);
	if (r == 0)
		r = bus_add(&vm->pio, PIO_DATA, 4, &data_ops, p);
	if (r == 0)
		r = bus_add(&vm->mmio, GPA_ECAM, GPA_ECAM_SIZE, &ecam_ops, p);
	if (r < 0)
		return err_sys(e, -r, "pci: cannot register the host bridge");
	vm->pci = p;
	return 0;
}

static void
reset(struct device *d)
{
	struct pci *p = container_of(d, struct pci, dev);

	p->address = 0;
	pci_fn_reset(&p->bridge);
}

static void
fini(struct device *d)
{
	struct pci *p = container_of(d, struct pci, dev);
	struct vm *vm = d->vm;

	bus_remove(&vm->pio, PIO_ADDRESS, p);
	bus_remove(&vm->pio, PIO_DATA, p);
	bus_remove(&vm->mmio, GPA_ECAM, p);
	if (vm->pci == p)
		vm->pci = NULL;
}

const struct device_ops pci_ops = {
	.name = "pci",
	.size = sizeof(struct pci),
	.state_offset = offsetof(struct pci, address),
	.state_size = sizeof(uint32_t),
	.init = init,
	.reset = reset,
	.fini = fini,
};
