/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ged.h"

#include <errno.h>

#include "base/util.h"
#include "vmm/device.h"
#include "vmm/machine.h"
#include "vmm/pci.h"
#include "vmm/vm.h"

struct ged_state {
	uint32_t events;  /* GED_EVENT_*, not yet read */
	uint32_t plugged; /* slots, not yet read */
	uint32_t unplug;  /* slots, not yet read */
	uint32_t wanted;  /* slots that were asked for and not ejected yet */
};

struct ged {
	struct device dev;
	struct ged_state st; /* vm->lock */
};

/* The line stays up until the guest has read what there is: nothing is lost before its driver is there. */
static void
raise_event(struct ged *g, uint32_t event)
{
	g->st.events |= event;
	irq_line(g->dev.vm, GED_LINE, true);
}

static uint32_t
take(uint32_t *bits)
{
	uint32_t v = *bits;

	*bits = 0;
	return v;
}

static uint64_t
ged_read(void *dev, uint64_t offset, unsigned int size)
{
	struct ged *g = dev;

	if (size != 4)
		return UINT64_MAX;
	switch (offset) {
	case GED_EVENTS:
		irq_line(g->dev.vm, GED_LINE, false);
		return take(&g->st.events);
	case GED_PLUGGED:
		return take(&g->st.plugged);
	case GED_UNPLUG:
		return take(&g->st.unplug);
	default:
		return 0;
	}
}

/*
 * Only what was asked for is taken away. A guest that ejects by itself has merely stopped to use a
 * function, and finds it again when it looks.
 */
static void
eject(struct ged *g, uint32_t slots)
{
	struct pci *p = g->dev.vm->pci;

	slots &= g->st.wanted;
	g->st.wanted &= ~slots;
	g->st.unplug &= ~slots;
	for (unsigned int slot = 0; p && slot < PCI_SLOTS; slot++) {
		struct pci_fn *f = slots >> slot & 1 ? p->fn[slot] : NULL;

		if (f && f->ops && f->ops->ejected)
			f->ops->ejected(f);
	}
}

static void
ged_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	if (offset == GED_EJECT && size == 4)
		eject(dev, (uint32_t)value);
}

static const struct bus_ops ops = {.read = ged_read, .write = ged_write};

void
ged_power_button(struct vm *vm)
{
	if (vm->ged)
		raise_event(vm->ged, GED_EVENT_POWER);
}

void
ged_plugged(struct vm *vm, unsigned int slot)
{
	struct ged *g = vm->ged;

	if (!g || slot >= PCI_SLOTS)
		return;
	g->st.unplug &= ~(1u << slot);
	g->st.wanted &= ~(1u << slot);
	g->st.plugged |= 1u << slot;
	raise_event(g, GED_EVENT_PCI);
}

void
ged_unplug_wanted(struct vm *vm, unsigned int slot)
{
	struct ged *g = vm->ged;

	if (!g || slot >= PCI_SLOTS)
		return;
	g->st.unplug |= 1u << slot;
	g->st.wanted |= 1u << slot;
	raise_event(g, GED_EVENT_PCI);
}

static void
reset(struct device *d)
{
	struct ged *g = container_of(d, struct ged, dev);

	if (g->st.events)
		irq_line(d->vm, GED_LINE, false);
	g->st = (struct ged_state){0};
}

static int
init(struct device *d, unsigned int index, struct err *e)
{
	struct ged *g = container_of(d, struct ged, dev);
	int r = bus_add(&d->vm->pio, GED_PORTS, GED_SIZE, &ops, g);

	if (r < 0)
		return err_sys(e, -r, "ged: port 0x%x", GED_PORTS);
	d->vm->ged = g;
	return 0;
}

static void
fini(struct device *d)
{
	struct ged *g = container_of(d, struct ged, dev);

	bus_remove(&d->vm->pio, GED_PORTS, g);
	d->vm->ged = NULL;
}

const struct device_ops ged_ops = {
	.name = "ged",
	.size = sizeof(struct ged),
	.state_offset = offsetof(struct ged, st),
	.state_size = sizeof(struct ged_state),
	.init = init,
	.reset = reset,
	.fini = fini,
};
