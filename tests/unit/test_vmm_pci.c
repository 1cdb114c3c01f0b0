/* SPDX-License-Identifier: Apache-2.0 */
/* PCI: both ways to configuration space, write masks, BARs that a guest moves where it must not. */
#include "tests/unit/vmm_fake.h"

#include <errno.h>

#include "vmm/pci.h"

struct card {
	struct pci_fn fn;
	uint64_t moves;
};

static uint64_t
bar_read(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size)
{
	return 0xc0de0000u | bar << 12 | offset;
}

static void
bar_write(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size, uint64_t value)
{
}

static void
bar_moved(struct pci_fn *f, unsigned int bar, bool mapped, uint64_t base)
{
	container_of(f, struct card, fn)->moves++;
}

static const struct pci_fn_ops card_ops = {.bar_read = bar_read,
					   .bar_write = bar_write,
					   .bar_moved = bar_moved};
static const struct pci_ids card_ids = {.vendor = 0x1111,
					.device = 0x2222,
					.revision = 3,
					.class = 0x020000};

struct machine {
	struct fake *f;
	struct pci *pci;
	struct card card[3];
};

static int
set_up(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct err e;

	m->f = fake_new();
	m->pci = calloc(1, sizeof(*m->pci));
	m->pci->dev = (struct device){.ops = &pci_ops, .vm = &m->f->vm};
	assert_int_equal(pci_ops.init(&m->pci->dev, 0, &e), 0);
	for (unsigned int i = 0; i < 3; i++) {
		struct pci_fn *fn = &m->card[i].fn;

		pci_fn_init(fn, &m->f->vm, "card", &card_ops, &card_ids);
		assert_int_equal(pci_fn_cap(fn, 0x09, "abc", 3), 0x40);
		assert_int_equal(pci_fn_cap(fn, 0x11, "defghijkl", 9), 0x48);
		assert_int_equal(pci_fn_bar(fn, 0, 0x8000, false), 0);
		assert_int_equal(pci_fn_bar(fn, 2, 0x10000, true), 0);
		assert_int_equal(pci_fn_add(m->pci, i + 1, fn), 0);
	}
	*state = m;
	return 0;
}

static int
tear_down(void **state)
{
	struct machine *m = *state;

	for (unsigned int i = 0; i < 3; i++)
		pci_fn_remove(m->pci, &m->card[i].fn);
	pci_ops.fini(&m->pci->dev);
	assert_int_equal(m->f->vm.mmio.n, 0);
	assert_int_equal(m->f->vm.pio.n, 0);
	free(m->pci);
	fake_free(m->f);
	free(m);
	return 0;
}

/* --- the guest's ways --- */

static uint32_t
cf8_read(struct machine *m, unsigned int slot, unsigned int reg, unsigned int size)
{
	uint64_t v = ~0ull;

	assert_true(bus_write(&m->f->vm.pio, 0xcf8, 4, 0x80000000u | slot << 11 | (reg & 0xfc)));
	assert_true(bus_read(&m->f->vm.pio, 0xcfc + (reg & 3), size, &v));
	return (uint32_t)v;
}

static void
cf8_write(struct machine *m, unsigned int slot, unsigned int reg, unsigned int size, uint32_t v)
{
	assert_true(bus_write(&m->f->vm.pio, 0xcf8, 4, 0x80000000u | slot << 11 | (reg & 0xfc)));
	assert_true(bus_write(&m->f->vm.pio, 0xcfc + (reg & 3), size, v));
}

static uint64_t
ecam_read(struct machine *m, unsigned int slot, unsigned int reg, unsigned int size)
{
	uint64_t v = 0;

	assert_true(bus_read(&m->f->vm.mmio, GPA_ECAM + (slot << 15) + reg, size, &v));
	return v;
}

static bool
answers(struct machine *m, uint64_t gpa, unsigned int bar)
{
	uint64_t v;

	return bus_read(&m->f->vm.mmio, gpa, 4, &v) && v == (0xc0de0000u | bar << 12);
}

static void
identity(void **state)
{
	struct machine *m = *state;

	assert_int_equal(cf8_read(m, 0, 8, 4) >> 16, 0x0600);
	assert_int_equal(cf8_read(m, 1, 0, 4), 0x22221111);
	assert_int_equal(cf8_read(m, 1, 8, 4), 0x02000003);
	assert_int_equal(cf8_read(m, 3, 2, 2), 0x2222);
	assert_int_equal(cf8_read(m, 4, 0, 4), 0xffffffff); /* empty slot */
	assert_int_equal(cf8_read(m, 1, 0x3c, 4) >> 8, 0);  /* no interrupt pin */
	assert_int_equal(ecam_read(m, 1, 0, 8),
			 0x2222111100000000 >> 32 | (uint64_t)0x00100002 << 32);
	assert_int_equal(ecam_read(m, 1, 0x100, 4), 0); /* no extended capabilities */
	assert_int_equal(ecam_read(m, 9, 0x100, 4), 0xffffffff);
	assert_int_equal(ecam_read(m, 1, 1, 1), 0x11);
	/* Capabilities: a list that ends. */
	assert_int_equal(cf8_read(m, 1, 0x34, 1), 0x40);
	assert_int_equal(cf8_read(m, 1, 0x40, 4), 'b' << 24 | 'a' << 16 | 0x4809);
	assert_int_equal(cf8_read(m, 1, 0x48, 2), 0x0011);
	/* Other functions, other buses, address register without the enable bit. */
	assert_true(bus_write(&m->f->vm.pio, 0xcf8, 4, 0x80000000u | 1 << 11 | 1 << 8));
	assert_int_equal(({
				 uint64_t v;
				 bus_read(&m->f->vm.pio, 0xcfc, 4, &v);
				 v;
			 }),
			 0xffffffff);
	assert_true(bus_write(&m->f->vm.pio, 0xcf8, 4, 0x80010000u | 1 << 11));
	assert_int_equal(({
				 uint64_t v;
				 bus_read(&m->f->vm.pio, 0xcfc, 2, &v);
				 v;
			 }),
			 0xffff);
	assert_true(bus_write(&m->f->vm.pio, 0xcf8, 4, 1 << 11));
	assert_int_equal(({
				 uint64_t v;
				 bus_read(&m->f->vm.pio, 0xcfc, 1, &v);
				 v;
			 }),
			 0xff);
}

/* As firmware would leave it: addresses given, decoding on, nothing overlaps. */
static void
assigned(void **state)
{
	struct machine *m = *state;

	for (unsigned int slot = 1; slot <= 3; slot++) {
		uint32_t bar0 = cf8_read(m, slot, 0x10, 4), bar2 = cf8_read(m, slot, 0x18, 4);

		assert_int_equal(cf8_read(m, slot, 4, 2), PCI_CMD_MEMORY);
		assert_int_equal(bar0 & 0xf, 0);
		assert_int_equal(bar2 & 0xf, 0xc);
		assert_true(bar0 >= GPA_PCI_BARS && bar2 > bar0);
		assert_true(answers(m, bar0, 0));
		assert_true(answers(m, bar2 & ~0xfu, 2));
		assert_false(answers(m, bar0 - 4, 0));
	}
	assert_int_equal(m->f->stats.guest_errors, 0);
}

static void
sizing(void **state)
{
	struct machine *m = *state;
	uint32_t bar0 = cf8_read(m, 1, 0x10, 4), bar2 = cf8_read(m, 1, 0x18, 4);

	cf8_write(m, 1, 0x10, 4, 0xffffffff);
	assert_int_equal(cf8_read(m, 1, 0x10, 4), 0xffff8000);
	cf8_write(m, 1, 0x10, 4, bar0);
	assert_true(answers(m, bar0, 0));
	cf8_write(m, 1, 0x18, 4, 0xffffffff);
	cf8_write(m, 1, 0x1c, 4, 0xffffffff);
	assert_int_equal(cf8_read(m, 1, 0x18, 4), 0xffff000c);
	assert_int_equal(cf8_read(m, 1, 0x1c, 4), 0xffffffff);
	cf8_write(m, 1, 0x18, 4, bar2);
	cf8_write(m, 1, 0x1c, 4, 0);
	assert_true(answers(m, bar2 & ~0xfu, 2));
	/* No I/O BARs, no ROM, and BARs that do not exist stay zero. */
	cf8_write(m, 1, 0x14, 4, 0xffffffff);
	cf8_write(m, 1, 0x30, 4, 0xffffffff);
	assert_int_equal(cf8_read(m, 1, 0x14, 4), 0);
	assert_int_equal(cf8_read(m, 1, 0x30, 4), 0);
	assert_int_equal(m->f->stats.guest_errors, 0); /* sizing is no offence */
}

static void
moving(void **state)
{
	struct machine *m = *state;
	uint32_t old = cf8_read(m, 1, 0x10, 4);

	cf8_write(m, 1, 0x10, 4, 0xd0000000);
	assert_false(answers(m, old, 0));
	assert_true(answers(m, 0xd0000000, 0));
	cf8_write(m, 1, 4, 2, 0);
	assert_false(answers(m, 0xd0000000, 0));
	cf8_write(m, 1, 4, 2, PCI_CMD_MEMORY);
	assert_true(answers(m, 0xd0000000, 0));
	/* A 64-bit BAR above RAM. */
	cf8_write(m, 1, 4, 2, 0);
	cf8_write(m, 1, 0x18, 4, 0x00010000);
	cf8_write(m, 1, 0x1c, 4, 0x10);
	cf8_write(m, 1, 4, 2, PCI_CMD_MEMORY);
	assert_true(answers(m, 0x1000010000, 2));
	pci_fn_reset(&m->card[0].fn);
	assert_true(answers(m, old, 0));
	assert_false(answers(m, 0xd0000000, 0));
}

/* Over RAM, ECAM, the interrupt controllers, another BAR, around the end: registers yes, answers no. */
static void
refused(void **state)
{
	struct machine *m = *state;
	const uint32_t bad[] = {0x00000000,
				0x00100000,
				(uint32_t)FAKE_LOW - 0x8000,
				(uint32_t)GPA_ECAM,
				(uint32_t)GPA_ECAM + 0x8000,
				0xfec00000,
				0xfee00000,
				0xffff0000,
				cf8_read(m, 2, 0x10, 4)};
	uint32_t old = cf8_read(m, 1, 0x10, 4);
	uint64_t errors = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		cf8_write(m, 1, 0x10, 4, bad[i]);
		assert_int_equal(cf8_read(m, 1, 0x10, 4), bad[i]);
		assert_false(m->card[0].fn.bar[0].mapped);
		errors += bad[i] != 0;
		assert_int_equal(m->f->stats.guest_errors, errors);
	}
	assert_true(answers(m, cf8_read(m, 2, 0x10, 4), 0)); /* the other one is undisturbed */
	assert_int_equal(ecam_read(m, 2, 0, 4), 0x22221111);
	cf8_write(m, 1, 0x10, 4, old);
	assert_true(answers(m, old, 0));
	/* 64 bits: over high RAM, and the last 64 KiB of all (which do not wrap, and end there). */
	cf8_write(m, 1, 0x18, 4, 0);
	cf8_write(m, 1, 0x1c, 4, 1);
	assert_false(m->card[0].fn.bar[2].mapped);
}

/* Anything written anywhere: read-only bits hold, ranges never overlap RAM or each other. */
static void
noise(void **state)
{
	struct machine *m = *state;
	struct rnd r = {42};

	for (unsigned int i = 0; i < 30000; i++) {
		unsigned int slot = rnd_to(&r, 5),
			     reg = rnd_to(&r, 2) ? 4 + rnd_to(&r, 28) : rnd_to(&r, 4096);
		unsigned int size = 1u << rnd_to(&r, 4);
		uint64_t v = rnd(&r);

		if (rnd_to(&r, 2))
			v &= 0xff018000; /* some addresses meet */
		bus_write(&m->f->vm.mmio, GPA_ECAM + (slot << 15) + (reg & ~(size - 1)), size, v);
		if (rnd_to(&r, 4) == 0)
			cf8_write(m, rnd_to(&r, 4), 4, 2, (uint32_t)rnd(&r));
		if (rnd_to(&r, 50) == 0)
			pci_fn_reset(&m->card[rnd_to(&r, 3)].fn);
		if (i % 16)
			continue;
		for (unsigned int s = 0; s < 3; s++) {
			const struct pci_fn *fn = &m->card[s].fn;

			for (unsigned int k = 0; k < PCI_CONFIG_SIZE; k++)
				assert_int_equal((fn->config[k] ^ fn->initial[k]) &
							 ~fn->writable[k],
						 0);
		}
		for (unsigned int k = 0; k < m->f->vm.mmio.n; k++) {
			const struct bus_range *b = &m->f->vm.mmio.range[k];

			assert_null(mem_at(&m->f->vm.mem, b->base, 1));
			assert_null(mem_at(&m->f->vm.mem, b->base + b->size - 1, 1));
			if (k)
				assert_true(b[-1].base + b[-1].size <= b->base);
		}
	}
	assert_true(m->f->stats.guest_errors > 100);
	assert_true(m->card[0].moves > 100);
	for (unsigned int s = 0; s < 3; s++)
		pci_fn_reset(&m->card[s].fn);
	for (unsigned int s = 0; s < 3; s++)
		pci_fn_reset(&m->card[s].fn); /* those that were in each other's way */
	for (unsigned int s = 0; s < 3; s++)
		assert_true(m->card[s].fn.bar[0].mapped && m->card[s].fn.bar[2].mapped);
}

static void
limits(void **state)
{
	struct machine *m = *state;
	struct pci_fn f;
	uint8_t big[256] = {0};

	pci_fn_init(&f, &m->f->vm, "x", &card_ops, &card_ids);
	assert_int_equal(pci_fn_bar(&f, 0, 8, false), -EINVAL);
	assert_int_equal(pci_fn_bar(&f, 0, 48, false), -EINVAL);
	assert_int_equal(pci_fn_bar(&f, 6, 4096, false), -EINVAL);
	assert_int_equal(pci_fn_bar(&f, 5, 4096, true), -EINVAL);
	assert_int_equal(pci_fn_bar(&f, 0, 1ull << 32, false), -EINVAL);
	assert_int_equal(pci_fn_cap(&f, 9, big, 254), -ENOSPC);
	assert_int_equal(pci_fn_cap(&f, 9, big, 190), 0x40);
	assert_int_equal(pci_fn_cap(&f, 9, big, 3), -ENOSPC);
	assert_int_equal(pci_fn_add(m->pci, 1, &f), -EBUSY);
	assert_int_equal(pci_fn_add(m->pci, 32, &f), -EBUSY);
	assert_int_equal(pci_fn_bar(&f, 0, 1ull << 30, true), 0);
	assert_int_equal(pci_fn_add(m->pci, 9, &f), -ENOSPC);
}

/* What comes and goes a thousand times takes no more room than once, and nobody else's. */
static void
again(void **state)
{
	struct machine *m = *state;
	struct pci_fn *fn = &m->card[1].fn;
	uint64_t home0 = fn->bar[0].base, home2 = fn->bar[2].base;
	struct card other = {0};
	struct pci_fn *wide = &other.fn;

	for (int i = 0; i < 20000; i++) {
		pci_fn_remove(m->pci, fn);
		pci_fn_init(fn, &m->f->vm, "card", &card_ops, &card_ids);
		assert_int_equal(pci_fn_bar(fn, 0, 0x8000, false), 0);
		assert_int_equal(pci_fn_bar(fn, 2, 0x10000, true), 0);
		assert_int_equal(pci_fn_add(m->pci, 2, fn), 0);
	}
	assert_int_equal(fn->bar[0].base, home0);
	assert_int_equal(fn->bar[2].base, home2);
	/* Somebody was moved into the gap meanwhile, and has its first place after a reset: both stay free. */
	pci_fn_remove(m->pci, fn);
	cf8_write(m, 3, 0x10, 4, (uint32_t)home0);
	assert_int_equal(m->card[2].fn.bar[0].base, home0);
	pci_fn_init(wide, &m->f->vm, "wide", &card_ops, &card_ids);
	assert_int_equal(pci_fn_bar(wide, 0, 0x8000, false), 0);
	assert_int_equal(pci_fn_bar(wide, 1, 0x8000, false), 0);
	assert_int_equal(pci_fn_add(m->pci, 9, wide), 0);
	assert_true(wide->bar[0].mapped && wide->bar[1].mapped);
	pci_fn_reset(&m->card[2].fn);
	assert_true(m->card[2].fn.bar[0].mapped && m->card[2].fn.bar[2].mapped);
	pci_fn_remove(m->pci, wide);
	pci_fn_init(fn, &m->f->vm, "card", &card_ops, &card_ids);
	assert_int_equal(pci_fn_add(m->pci, 2, fn), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(identity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(assigned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sizing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moving, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(noise, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
