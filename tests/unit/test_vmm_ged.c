/* SPDX-License-Identifier: Apache-2.0 */
/* The generic event device as the methods in dsdt.asl use it: what is told, how often, and until when. */
#include "vmm_fake.h"

#include "vmm/device.h"
#include "vmm/ged.h"
#include "vmm/machine.h"
#include "vmm/pci.h"

static struct fake *fake;
static struct vm *vm;
static struct device *dev;
static bool line;
static unsigned int ejected; /* slots, a bit each */
static unsigned int n_ejected;

void __wrap_irq_line(struct vm *v, unsigned int number, bool level);

void
__wrap_irq_line(struct vm *v, unsigned int number, bool level)
{
	assert_ptr_equal(v, vm);
	assert_int_equal(number, GED_LINE);
	line = level;
}

static void
on_ejected(struct pci_fn *f)
{
	ejected |= 1u << f->slot;
	n_ejected++;
}

static const struct pci_fn_ops able = {.ejected = on_ejected};
static const struct pci_fn_ops plain;
static struct pci bus;
static struct pci_fn fn[PCI_SLOTS];

static int
set_up(void **state)
{
	struct err e = {0};

	fake = fake_new();
	vm = &fake->vm;
	dev = calloc(1, ged_ops.size);
	dev->ops = &ged_ops;
	dev->vm = vm;
	line = false;
	ejected = n_ejected = 0;
	memset(&bus, 0, sizeof(bus));
	for (unsigned int i = 1; i < PCI_SLOTS; i++) {
		fn[i] = (struct pci_fn){.slot = i, .vm = vm, .ops = i == 9 ? &plain : &able};
		bus.fn[i] = &fn[i];
	}
	fn[10].ops = NULL;
	bus.fn[11] = NULL;
	vm->pci = &bus;
	return ged_ops.init(dev, 0, &e);
}

static int
tear_down(void **state)
{
	ged_ops.fini(dev);
	ged_power_button(vm); /* of a machine that is being taken apart: nothing happens */
	ged_plugged(vm, 3);
	ged_unplug_wanted(vm, 3);
	free(dev);
	fake_free(fake);
	return 0;
}

static uint32_t
in(unsigned int at)
{
	uint64_t v;

	assert_true(bus_read(&vm->pio, GED_PORTS + at, 4, &v));
	return (uint32_t)v;
}

static void
eject(uint32_t slots)
{
	assert_true(bus_write(&vm->pio, GED_PORTS + GED_EJECT, 4, slots));
}

static void
power_button(void **state)
{
	assert_int_equal(in(GED_EVENTS), 0);
	ged_power_button(vm);
	ged_power_button(vm);
	assert_true(line);
	assert_int_equal(in(GED_EVENTS), GED_EVENT_POWER);
	assert_false(line);
	assert_int_equal(in(GED_EVENTS), 0);
	ged_power_button(vm);
	ged_ops.reset(dev);
	assert_false(line);
	assert_int_equal(in(GED_EVENTS), 0);
}

static void
plugs(void **state)
{
	ged_plugged(vm, 3);
	ged_plugged(vm, 31);
	ged_plugged(vm, 32);
	ged_plugged(vm, UINT32_MAX);
	assert_true(line);
	assert_int_equal(in(GED_EVENTS), GED_EVENT_PCI);
	assert_false(line);
	assert_int_equal(in(GED_UNPLUG), 0);
	assert_int_equal(in(GED_PLUGGED), 1u << 3 | 1u << 31);
	assert_int_equal(in(GED_PLUGGED), 0);
	/* What comes between the guest's reads raises the line again. */
	ged_plugged(vm, 4);
	in(GED_EVENTS);
	ged_plugged(vm, 5);
	assert_true(line);
	assert_int_equal(in(GED_PLUGGED), 1u << 4 | 1u << 5);
}

static void
unplugs(void **state)
{
	ged_unplug_wanted(vm, 32);
	assert_false(line);
	ged_unplug_wanted(vm, 7);
	ged_unplug_wanted(vm, 8);
	assert_true(line);
	assert_int_equal(in(GED_EVENTS), GED_EVENT_PCI);
	assert_int_equal(in(GED_UNPLUG), 1u << 7 | 1u << 8);
	eject(1u << 7);
	assert_int_equal(ejected, 1u << 7);
	eject(1u << 7); /* once only */
	assert_int_equal(n_ejected, 1);
	ged_unplug_wanted(vm, 7); /* asked again: again */
	eject(UINT32_MAX);
	assert_int_equal(ejected, 1u << 7 | 1u << 8);
	assert_int_equal(n_ejected, 3);
	assert_int_equal(in(GED_UNPLUG), 0);
}

static void
ejects_what_was_asked_for_only(void **state)
{
	eject(UINT32_MAX);
	assert_int_equal(n_ejected, 0);
	for (unsigned int slot = 9; slot <= 11; slot++)
		ged_unplug_wanted(vm, slot); /* no ejected(), no ops, nobody there */
	eject(UINT32_MAX);
	assert_int_equal(n_ejected, 0);
	/* A new function is not what was asked for before. */
	ged_unplug_wanted(vm, 5);
	ged_plugged(vm, 5);
	assert_int_equal(in(GED_UNPLUG), 0);
	eject(1u << 5);
	assert_int_equal(n_ejected, 0);
}

/* Any access of any size: nothing but a 4-byte write to GED_EJECT does anything. */
static void
survives_odd_accesses(void **state)
{
	static const unsigned int size[] = {1, 2, 4};
	struct rnd r = {3};
	uint64_t v;

	for (int i = 0; i < 100000; i++) {
		unsigned int at = rnd_to(&r, GED_SIZE), n = size[rnd_to(&r, 3)];

		if (rnd_to(&r, 8) == 0)
			ged_unplug_wanted(vm, rnd_to(&r, 40));
		if (rnd_to(&r, 2))
			(void)bus_write(&vm->pio, GED_PORTS + at, n, rnd(&r));
		else
			(void)bus_read(&vm->pio, GED_PORTS + at, n, &v);
	}
	assert_true(n_ejected > 100);
	ged_ops.reset(dev);
	n_ejected = 0;
	eject(UINT32_MAX);
	assert_int_equal(n_ejected, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(power_button, set_up, tear_down),
		cmocka_unit_test_setup_teardown(plugs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unplugs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ejects_what_was_asked_for_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(survives_odd_accesses, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
