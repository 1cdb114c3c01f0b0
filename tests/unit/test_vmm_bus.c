/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges that touch, overlap, wrap and move; accesses at their ends. A model checks random orders. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/bus.h"

struct dev {
	uint64_t offset, value;
	unsigned int size, reads, writes;
	struct bus *remove_from; /* removes itself on a write, as a moved BAR does */
	uint64_t base;
};

static uint64_t
dev_read(void *arg, uint64_t offset, unsigned int size)
{
	struct dev *d = arg;

	d->offset = offset;
	d->size = size;
	d->reads++;
	return 0x1122334455667788ull;
}

static void
dev_write(void *arg, uint64_t offset, unsigned int size, uint64_t value)
{
	struct dev *d = arg;

	d->offset = offset;
	d->size = size;
	d->value = value;
	d->writes++;
	if (d->remove_from)
		bus_remove(d->remove_from, d->base, d);
}

static const struct bus_ops ops = {.read = dev_read, .write = dev_write};
static const struct bus_ops mute = {0};

static void
refuses_overlap(void **state)
{
	struct bus b = {0};
	struct dev d = {0};

	assert_int_equal(bus_add(&b, 0x100, 0x10, &ops, &d), 0);
	assert_int_equal(bus_add(&b, 0x100, 0x10, &ops, &d), -EEXIST);
	assert_int_equal(bus_add(&b, 0xf1, 0x10, &ops, &d), -EEXIST);
	assert_int_equal(bus_add(&b, 0x10f, 1, &ops, &d), -EEXIST);
	assert_int_equal(bus_add(&b, 0, 0x1000, &ops, &d), -EEXIST);
	assert_int_equal(bus_add(&b, 0x104, 2, &ops, &d), -EEXIST);
	assert_int_equal(bus_add(&b, 0xf0, 0x10, &ops, &d), 0);
	assert_int_equal(bus_add(&b, 0x110, 0x10, &ops, &d), 0);
	assert_int_equal(b.n, 3);
}

static void
refuses_bad_ranges(void **state)
{
	struct bus b = {0};
	struct dev d = {0};

	assert_int_equal(bus_add(&b, 0x100, 0, &ops, &d), -EINVAL);
	assert_int_equal(bus_add(&b, UINT64_MAX, 2, &ops, &d), -EINVAL);
	assert_int_equal(bus_add(&b, 1, UINT64_MAX, &ops, &d), 0);
	bus_remove(&b, 1, &d);
	assert_int_equal(bus_add(&b, UINT64_MAX, 1, &ops, &d), 0); /* the very last byte */
	assert_true(bus_write(&b, UINT64_MAX, 1, 5));
	assert_false(bus_write(&b, UINT64_MAX, 2, 5));
}

static void
is_full_at_its_size(void **state)
{
	struct bus b = {0};
	struct dev d = {0};

	for (uint64_t i = 0; i < BUS_RANGES_MAX; i++)
		assert_int_equal(bus_add(&b, i * 16, 8, &ops, &d), 0);
	assert_int_equal(bus_add(&b, 1 << 20, 8, &ops, &d), -ENOSPC);
	bus_remove(&b, 0, &d);
	assert_int_equal(bus_add(&b, 1 << 20, 8, &ops, &d), 0);
}

static void
dispatches(void **state)
{
	struct bus b = {0};
	struct dev d = {0}, other = {0};
	uint64_t v = 0;

	assert_int_equal(bus_add(&b, 0x100, 8, &ops, &d), 0);
	assert_int_equal(bus_add(&b, 0x200, 8, &ops, &other), 0);
	assert_true(bus_read(&b, 0x104, 4, &v));
	assert_int_equal(d.offset, 4);
	assert_int_equal(d.size, 4);
	assert_true(v == 0x1122334455667788ull);
	assert_true(bus_write(&b, 0x107, 1, 9));
	assert_int_equal(d.offset, 7);
	assert_int_equal(d.value, 9);
	v = 42;
	assert_false(bus_read(&b, 0x105, 4, &v)); /* crosses the end */
	assert_false(bus_read(&b, 0xff, 2, &v));  /* and the start */
	assert_false(bus_read(&b, 0x1ff, 1, &v));
	assert_int_equal(v, 42);
	assert_int_equal(other.reads + other.writes, 0);
}

static void
removes_only_its_own(void **state)
{
	struct bus b = {0};
	struct dev d = {0}, other = {0};

	assert_int_equal(bus_add(&b, 0x100, 8, &ops, &d), 0);
	bus_remove(&b, 0x100, &other);
	bus_remove(&b, 0x101, &d);
	assert_int_equal(b.n, 1);
	bus_remove(&b, 0x100, &d);
	assert_int_equal(b.n, 0);
	bus_remove(&b, 0x100, &d);
	assert_int_equal(b.n, 0);
}

static void
may_be_removed_while_called(void **state)
{
	struct bus b = {0};
	struct dev d = {.remove_from = &b, .base = 0x100};

	assert_int_equal(bus_add(&b, 0x100, 8, &ops, &d), 0);
	assert_true(bus_write(&b, 0x100, 4, 1));
	assert_int_equal(b.n, 0);
	assert_false(bus_write(&b, 0x100, 4, 1));
	assert_int_equal(d.writes, 1);
}

static void
missing_ops_are_nobody(void **state)
{
	struct bus b = {0};
	uint64_t v;

	assert_int_equal(bus_add(&b, 0, 8, &mute, NULL), 0);
	assert_false(bus_read(&b, 0, 4, &v));
	assert_false(bus_write(&b, 0, 4, 0));
	assert_int_equal(bus_add(&b, 8, 8, NULL, NULL), -EINVAL);
}

/* Adds, removes and reads at random, against a map of owners. */
static void
agrees_with_a_model(void **state)
{
	enum { SPACE = 256, DEVS = 32 };
	static struct dev dev[DEVS];
	int owner[SPACE];
	struct bus b = {0};

	memset(owner, 0xff, sizeof(owner));
	memset(dev, 0, sizeof(dev));
	srand(20240601);
	for (int round = 0; round < 20000; round++) {
		int i = rand() % DEVS, base = rand() % SPACE, size = 1 + rand() % 16, fits = 1;
		unsigned int len = 1u << rand() % 4;
		uint64_t v;
		int want;

		if (dev[i].size == 0 && base + size <= SPACE) {
			for (int k = base; k < base + size; k++)
				fits &= owner[k] < 0;
			assert_int_equal(bus_add(&b, (uint64_t)base, (uint64_t)size, &ops, &dev[i]),
					 fits ? 0 : -EEXIST);
			for (int k = base; fits && k < base + size; k++)
				owner[k] = i;
			dev[i].base = (uint64_t)base;
			dev[i].size = fits;
		} else if (dev[i].size && rand() % 2) {
			bus_remove(&b, dev[i].base, &dev[i]);
			for (int k = 0; k < SPACE; k++)
				if (owner[k] == i)
					owner[k] = -1;
			dev[i].size = 0;
		}
		want = owner[base];
		for (unsigned int k = 0; k < len; k++)
			if (base + (int)k >= SPACE || owner[base + (int)k] != want)
				want = -1;
		for (int k = 0; k < DEVS; k++)
			dev[k].reads = 0;
		assert_int_equal(bus_read(&b, (uint64_t)base, len, &v), want >= 0);
		if (want >= 0)
			assert_int_equal(dev[want].reads, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_overlap),
		cmocka_unit_test(refuses_bad_ranges),
		cmocka_unit_test(is_full_at_its_size),
		cmocka_unit_test(dispatches),
		cmocka_unit_test(removes_only_its_own),
		cmocka_unit_test(may_be_removed_while_called),
		cmocka_unit_test(missing_ops_are_nobody),
		cmocka_unit_test(agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
