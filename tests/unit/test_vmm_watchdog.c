/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog and the panic device, through their registers as Linux's drivers use them. The watchdog's time
 * is a number here: link with --wrap of what it has its timer from. How long a test takes says nothing.
 */
#include "tests/unit/vmm_device.h"

#include <sys/timerfd.h>

enum { CONFIG = 0x60, LOCK = 0x68 };
enum { TIMER1 = 0, TIMER2 = 4, RELOAD = 12 };

struct world {
	struct one_device o;
	uint64_t bar;
};

/* --- time --- */

#define MS 1000000ull
/* Both stages of @ticks each: 33 MHz divided by 2^15. */
#define WHOLE(ticks) (2 * ((ticks) + 1ull) * 32768 * 1000 / 33)

static struct {
	bool next;         /* the next timer that is made is the watchdog's */
	int fd;            /* the watchdog's, -1: there is none */
	uint64_t now, end; /* ns; end 0: it stands still */
} timer = {.fd = -1};

int __real_timerfd_create(int clock, int flags);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *t, struct itimerspec *old);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *t, struct itimerspec *old);
int __real_timerfd_gettime(int fd, struct itimerspec *ret);
int __wrap_timerfd_gettime(int fd, struct itimerspec *ret);

int
__wrap_timerfd_create(int clock, int flags)
{
	int fd = __real_timerfd_create(clock, flags);

	if (timer.next)
		timer.fd = fd;
	timer.next = false;
	return fd;
}

int
__wrap_timerfd_settime(int fd, int flags, const struct itimerspec *t, struct itimerspec *old)
{
	static const struct itimerspec never = {0};
	uint64_t ns = (uint64_t)t->it_value.tv_sec * 1000 * MS + (uint64_t)t->it_value.tv_nsec;

	if (fd != timer.fd)
		return __real_timerfd_settime(fd, flags, t, old);
	assert_int_equal(flags, 0);
	timer.end = ns ? timer.now + ns : 0;
	return __real_timerfd_settime(fd, 0, &never, NULL); /* what it had to say is forgotten */
}

int
__wrap_timerfd_gettime(int fd, struct itimerspec *ret)
{
	uint64_t left = timer.end ? timer.end - timer.now : 0;

	if (fd != timer.fd)
		return __real_timerfd_gettime(fd, ret);
	*ret = (struct itimerspec){
		.it_value = {(time_t)(left / (1000 * MS)), (long)(left % (1000 * MS))}};
	return 0;
}

/* @ns go by, or fewer: to the moment when the watchdog's timer runs out. What is left of them. */
static uint64_t
advance(uint64_t ns)
{
	static const struct itimerspec at_once = {.it_value = {0, 1}};
	struct pollfd p = {.fd = timer.fd, .events = POLLIN};

	if (timer.end == 0 || timer.end - timer.now > ns) {
		timer.now += ns;
		return 0;
	}
	ns -= timer.end - timer.now;
	timer.now = timer.end;
	timer.end = 0;
	assert_int_equal(__real_timerfd_settime(timer.fd, 0, &at_once, NULL), 0);
	assert_int_equal(poll(&p, 1, -1), 1);
	return ns;
}

/* They go by, and the loop does what there is to do. */
static void
pass(struct world *w, uint64_t ns)
{
	do {
		ns = advance(ns);
		one_device_run(&w->o, 0);
	} while (ns > 0);
}

/* --- the machine --- */

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

	timer.next = ops == &watchdog_ops;
	timer.end = 0;
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
	timer.fd = -1;
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
	pass(w, WHOLE(120) - 1);
	assert_int_equal(w->o.f->stats.watchdogs, 0);
	pass(w, 1);
	assert_int_equal(w->o.f->stats.watchdogs, 1);
	assert_true(one_device_event(&w->o, VMM_EV_WATCHDOG, &ev));
	pass(w, 500 * MS); /* and stands still */
	assert_int_equal(w->o.f->stats.watchdogs, 1);
	/* A guest that came back to life is watched again; being told of it again takes longer. */
	unlocked(w, RELOAD, 2, 0x100);
	pass(w, 400 * MS);
	assert_int_equal(w->o.f->stats.watchdogs, 2);
	assert_false(one_device_event(&w->o, VMM_EV_WATCHDOG, &ev));
}

static void
reloaded_in_time(void **state)
{
	struct world *w = *state;

	start(w, 180);
	for (int i = 0; i < 5; i++) {
		pass(w, WHOLE(180) - 1);
		unlocked(w, RELOAD, 2, 0x100);
	}
	assert_int_equal(w->o.f->stats.watchdogs, 0);
	pci_fn_write(fn(w), LOCK, 1, 0);
	pass(w, 500 * MS);
	assert_int_equal(w->o.f->stats.watchdogs, 0);
}

/* Registers that the two magic values did not open, and a sequence that was broken off. */
static void
needs_the_sequence(void **state)
{
	struct world *w = *state;

	start(w, 180);
	pass(w, 200 * MS);
	wr(w, RELOAD, 2, 0x100);
	wr(w, RELOAD, 2, 0x86);
	wr(w, RELOAD, 2, 0x100);
	wr(w, RELOAD, 2, 0x80);
	wr(w, RELOAD, 2, 0x80);
	wr(w, TIMER1, 4, 0xfffff);
	wr(w, RELOAD, 2, 0x100);
	pass(w, 200 * MS);
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
	pass(w, 400 * MS);
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
	pass(w, 200 * MS);
	assert_int_equal(w->o.f->stats.watchdogs, 1);
	assert_false(one_device_event(&w->o, VMM_EV_WATCHDOG, &ev));
}

/* A paused guest cannot reload anything. */
static void
time_stands_still_in_a_pause(void **state)
{
	struct world *w = *state;

	start(w, 180);
	pass(w, 100 * MS);
	watchdog_ops.pause(w->o.dev);
	pass(w, 500 * MS);
	assert_int_equal(w->o.f->stats.watchdogs, 0);
	watchdog_ops.resume(w->o.dev);
	pass(w, WHOLE(180) - 100 * MS - 1);
	assert_int_equal(w->o.f->stats.watchdogs, 0);
	pass(w, 1);
	assert_int_equal(w->o.f->stats.watchdogs, 1);
}

/* It ran out, and before the main thread hears of it the machine is paused. */
static void
a_pause_hides_no_expiry(void **state)
{
	struct world *w = *state;
	struct vmm_event ev;

	start(w, 60);
	assert_true(advance(200 * MS) > 0);
	watchdog_ops.pause(w->o.dev);
	pass(w, 50 * MS);
	assert_int_equal(w->o.f->stats.watchdogs, 0);
	watchdog_ops.resume(w->o.dev);
	pass(w, 50 * MS);
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
	pass(w, MS / 10);                /* each stage takes 32 cycles of 33 MHz */
	assert_in_range(w->o.f->stats.watchdogs, 50, 52);
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
			pass(w, MS / 10);
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
