/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvpanic on PCI (QEMU, docs/specs/pvpanic.rst): one byte that a guest's kernel writes to when it panics.
 * The starter is told; what becomes of the guest is its own affair (panic=, its watchdog).
 */
#include <errno.h>

#include "vmm/pci.h"
#include "vmm/stats.h"
#include "vmm/virtio.h"
#include "vmm/vm.h"

enum {
	E_PANICKED = 0x1,
	E_CRASH_LOADED = 0x2, /* the guest goes on with a crash kernel */
};

/* Told in words; more of them in one life of the machine are only counted. */
#define TOLD_MAX 4

struct pvpanic {
	struct device dev;
	struct pci_fn fn;
	unsigned int told;
};

static uint64_t
bar_read(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size)
{
	return offset == 0 ? E_PANICKED | E_CRASH_LOADED : 0;
}

static void
bar_write(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pvpanic *p = container_of(f, struct pvpanic, fn);
	struct vm *vm = f->vm;

	if (offset != 0 || !(value & (E_PANICKED | E_CRASH_LOADED)))
		return;
	stats_add_shared(&vm->stats->panics, 1);
	if (p->told++ < TOLD_MAX)
		vm_event(vm, VMM_EV_PANIC, 0, "the guest's kernel panicked%s",
			 value & E_CRASH_LOADED ? " and runs its crash kernel" : "");
}

static const struct pci_fn_ops fn_ops = {.bar_read = bar_read, .bar_write = bar_write};

static void
reset(struct device *dev)
{
	pci_fn_reset(&container_of(dev, struct pvpanic, dev)->fn);
}

static void
fini(struct device *dev)
{
	pci_fn_remove(dev->vm->pci, &container_of(dev, struct pvpanic, dev)->fn);
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	static const struct pci_ids ids = {.vendor = 0x1b36,
					   .device = 0x0011,
					   .subvendor = 0x1af4,
					   .subdevice = 0x1100,
					   .revision = 1,
					   .class = 0x088000};
	struct pvpanic *p = container_of(dev, struct pvpanic, dev);
	int r;

	pci_fn_init(&p->fn, dev->vm, "pvpanic", &fn_ops, &ids);
	r = pci_fn_bar(&p->fn, 0, 16, false);
	if (r == 0)
		r = pci_fn_add(dev->vm->pci, SLOT_PANIC, &p->fn);
	return r < 0 ? err_sys(e, -r, "pvpanic: cannot be made") : 0;
}

const struct device_ops pvpanic_ops = {
	.name = "pvpanic",
	.size = sizeof(struct pvpanic),
	.init = init,
	.reset = reset,
	.fini = fini,
};
