/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog and the panic device, through their registers as Linux's drivers use them. */
#include "tests/unit/vmm_device.h"

#include <time.h>

enum { CONFIG = 0x60, LOCK = 0x68 };
enum { TIMER1 = 0, TIMER2 = 4, RELOAD = 12 };

struct world {
	struct one_device o;
	uint64_t bar;
};

static struct pci_fn *
fn(struct world *w)
{
	for (unsigned int i = 1; i < PCI_SLOTS; i++)
		if (w->o.pci->fn[i])
			return w->o.pci->fn[i];
	fail_msg("no function on the bus");
	return NULL;
}

static int
set_up_device(void **state, const struct device_ops *ops)
{
	struct world *w = calloc(1, sizeof(*w));

	one_device_init(&w->o, fake_new(), ops);
	w->bar = pci_fn_read(fn(w), PCI_R_BAR0, 4) & ~15u;
	*state = w;
	return 0;
}

static int
set_up(void **state)
{
	return set_up_device(state, &watchdog_ops);
}

static int
set_up_panic(void **state)
{
	return set_up_device(state, &pvpanic_ops);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	one_device_fini(&w->o);
	free(w);
	return 0;
}

static void
wr(struct world *w, unsigned int at, unsigned int size, uint32_t v)
{
	assert_true(bus_write(&w->o.f->vm.mmio, w->bar + at, size, v));
}

static void
unlocked(struct world *w, unsigned int at, unsigned int size, uint32_t v)
{
	wr(w, RELOAD, 2, 0x80);
	wr(w, RELOAD, 2, 0x86);
	wr(w, at, size, v);
}

/* As Linux starts it; @ticks of about 1 ms in each stage. */
static void
start(struct world *w, uint32_t ticks)
{
	pci_fn_write(fn(w), CONFIG, 2, 0x0003);
	unlocked(w, TIMER1, 4, ticks);
	unlocked(w, TIMER2, 4, ticks);
	unlocked(w, RELOAD, 2, 0x100);
	pci_fn_write(fn(w), LOCK, 1, 2);
}

static void
is_there(void **state)
{
	struct world *w = *state;

	assert_int_equal(pci_fn_read(fn(w), 0, 4), 0x25ab8086);
	assert_int_equal(fn(w)->slot, SLOT_WATCHDOG);
}

static void
expires(void **state)
{
	struct world *w = *state;
	struct vmm_event ev;

	start(w, 120);
	one_device_run(&w->o, 100);
	assert_int_equal(w->o.f->stats.watchdogs, 0); /* the second stage is yet to come */
	one_device_run(&w->o, 300);
	assert_int_equal(w->o.f->stats.watchdogs, 1);
	assert_true(one_device_event(&w->o, VMM_EV_WATCHDOG, &ev));
	one_device_run(&w->o, 500); /* and stands still */
	assert_int_equal(w->o.f->stats.watchdogs, 1);
	/* A guest that came back to life is watched again; being told of it again takes longer. */
	unlocked(w, RELOAD, 2, 0x100);
	one_device_run(&w->o, 400);
	assert_int_equal(w->o.f->stats.watchdogs, 2);
	assert_false(one_device_event(&w->o, VMM_EV_WATCHDOG, &ev));
}

static void
reloaded_in_time(void **state)
{
	struct world *w = *state;

	start(w, 180);
	for (int i = 0; i < 5; i++) {
		one_device_run(&w->o, 100);
		unlocked(w, RELOAD, 2, 0x100);
	}
	assert_int_equal(w->o.f->stats.watchdogs, 0);
	pci_fn_write(fn(w), LOCK, 1, 0);
	one_device_run(&w->o, 500);
	assert_int_equal(w->o.f->stats.watchdogs, 0);
}

/* Registers that the two magic values did not open, and a sequence that was broken off. */
static void
needs_the_sequence(void **state)
{
	struct world *w = *state;

	start(w, 180);
	one_device_run(&w->o, 200);
	wr(w, RELOAD, 2, 0x100);
	wr(w, RELOAD, 2, 0x86);
	wr(w, RELOAD, 2, 0x100);
	wr(w, RELOAD, 2, 0x80);
	wr(w, RELOAD, 2, 0x80);
	wr(w, TIMER1, 4, 0xfffff);
	wr(w, RELOAD, 2, 0x100);
	one_device_run(&w->o, 200);
	assert_int_equal(w->o.f->stats.watchdogs, 1);
}

static void
locked(void **state)
{
	struct world *w = *state;

	start(w, 180);
	pci_fn_write(fn(w), LOCK, 1, 3);
	pci_fn_write(fn(w), LOCK, 1, 0);
	assert_int_equal(pci_fn_read(fn(w), LOCK, 1), 3);
	one_device_run(&w->o, 400);
	assert_int_equal(w->o.f->stats.watchdogs, 1);
	watchdog_ops.reset(w->o.dev);
	assert_int_equal(pci_fn_read(fn(w), LOCK, 1), 0);
	pci_fn_write(fn(w), LOCK, 1, 2);
	assert_int_equal(pci_fn_read(fn(w), LOCK, 1), 2);
}

static void
told_to_say_nothing(void **state)
{
	struct world *w = *state;
	struct vmm_event ev;

	start(w, 60);
	pci_fn_write(fn(w), CONFIG, 2, 0x0023);
	one_device_run(&w->o, 200);
	assert_int_equal(w->o.f->stats.watchdogs, 1);
	assert_false(one_device_event(&w->o, VMM_EV_WATCHDOG, &ev));
}

/* A paused guest cannot reload anything. */
static void
time_stands_still_in_a_pause(void **state)
{
	struct world *w = *state;

	start(w, 180);
	one_device_run(&w->o, 100);
	watchdog_ops.pause(w->o.dev);
	one_device_run(&w->o, 500);
	assert_int_equal(w->o.f->stats.watchdogs, 0);
	watchdog_ops.resume(w->o.dev);
	one_device_run(&w->o, 100);
	assert_int_equal(w->o.f->stats.watchdogs, 0);
	one_device_run(&w->o, 200);
	assert_int_equal(w->o.f->stats.watchdogs, 1);
}

/* It ran out, and before the main thread hears of it the machine is paused. */
static void
a_pause_hides_no_expiry(void **state)
{
	const struct timespec t = {.tv_nsec = 200000000};
	struct world *w = *state;
	struct vmm_event ev;

	start(w, 60);
	nanosleep(&t, NULL);
	watchdog_ops.pause(w->o.dev);
	one_device_run(&w->o, 50);
	assert_int_equal(w->o.f->stats.watchdogs, 0);
	watchdog_ops.resume(w->o.dev);
	one_device_run(&w->o, 50);
	assert_int_equal(w->o.f->stats.watchdogs, 1);
	assert_true(one_device_event(&w->o, VMM_EV_WATCHDOG, &ev));
}

/* The fastest that a guest can ask for, for ever. */
static void
a_frantic_guest_is_told_of_once(void **state)
{
	struct world *w = *state;
	struct vmm_event ev;

	pci_fn_write(fn(w), CONFIG, 2, 0x0007);
	unlocked(w, TIMER1, 4, 0);
	unlocked(w, TIMER2, 4, 0);
	pci_fn_write(fn(w), LOCK, 1, 6); /* free running */
	one_device_run(&w->o, 500);
	assert_true(w->o.f->stats.watchdogs > 10);
	assert_true(one_device_event(&w->o, VMM_EV_WATCHDOG, &ev));
	assert_false(one_device_event(&w->o, VMM_EV_WATCHDOG, &ev));
}

static void
noise(void **state)
{
	struct world *w = *state;
	struct rnd r = {5};

	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int size = 1u << rnd_to(&r, 3);
		uint64_t v;

		if (rnd_to(&r, 2))
			wr(w, rnd_to(&r, 16) & ~(size - 1), size,
			   rnd_to(&r, 2) ? 0x80 + 6 * rnd_to(&r, 2) : (uint32_t)rnd(&r));
		else if (rnd_to(&r, 2))
			pci_fn_write(fn(w), (0x60 + rnd_to(&r, 12)) & ~(size - 1), size,
				     (uint32_t)rnd(&r) & ~1u);
		else
			assert_true(bus_read(&w->o.f->vm.mmio, w->bar, size, &v));
		if (i % 2000 == 0)
			one_device_run(&w->o, 5);
	}
}

static void
panic(void **state)
{
	struct world *w = *state;
	struct vmm_event ev;
	uint64_t v;

	assert_int_equal(pci_fn_read(fn(w), 0, 4), 0x00111b36);
	assert_true(bus_read(&w->o.f->vm.mmio, w->bar, 1, &v));
	assert_int_equal(v, 3);
	wr(w, 0, 1, 4); /* nothing that was offered */
	wr(w, 1, 1, 1);
	assert_int_equal(w->o.f->stats.panics, 0);
	for (int i = 0; i < 100; i++)
		wr(w, 0, 1, 1);
	assert_int_equal(w->o.f->stats.panics, 100);
	for (int i = 0; i < 4; i++) {
		assert_true(one_device_event(&w->o, VMM_EV_PANIC, &ev));
		assert_non_null(strstr(ev.text, "panicked"));
	}
	assert_false(one_device_event(&w->o, VMM_EV_PANIC, &ev));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(is_there),
		T(expires),
		T(reloaded_in_time),
		T(needs_the_sequence),
		T(locked),
		T(told_to_say_nothing),
		T(time_stands_still_in_a_pause),
		T(a_pause_hides_no_expiry),
		T(a_frantic_guest_is_told_of_once),
		T(noise),
		cmocka_unit_test_setup_teardown(panic, set_up_panic, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
