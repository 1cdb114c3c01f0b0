/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watchdog as Linux's i6300esb driver knows it (Intel 6300ESB, document 300641-003, chapter 16): two
 * timers, one after the other, that a living guest reloads in time. When the second one runs out the
 * starter is told, and decides what that means; here nothing happens to the guest. The chip's interrupt
 * at the end of the first stage is not wired: Linux turns it off.
 *
 * A timer that ran out stands still until it is reloaded. While the machine is paused, so is time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "vmm/pci.h"
#include "vmm/stats.h"
#include "vmm/virtio.h"
#include "vmm/vm.h"

enum { /* registers in configuration space, and in BAR 0 */
       C_CONFIG = 0x60,
       C_LOCK = 0x68,
       R_TIMER1 = 0x0,
       R_TIMER2 = 0x4,
       R_STATUS = 0x8,
       R_RELOAD = 0xc,
       BAR_SIZE = 0x10,
};

enum {
	CONFIG_NO_REBOOT = 0x20,
	CONFIG_1MHZ = 0x04,
	CONFIG_BITS = 0x27,
	LOCK_LOCKED = 0x1,
	LOCK_ENABLE = 0x2,
	LOCK_FREE_RUN = 0x4,
	LOCK_BITS = 0x7,
	RELOAD_RELOAD = 0x100,
	TIMER_BITS = 0xfffff,
	UNLOCK1 = 0x80,
	UNLOCK2 = 0x86,
};

#define PCI_CLOCK_HZ 33000000u
/* A guest that lets it expire again and again is told of so often; every time is counted. */
#define TELL_EVERY_NS 1000000000ull

struct watchdog {
	struct device dev;
	struct pci_fn fn;
	int timer; /* runs to the end of the second stage */
	uint64_t told_ns;
	bool paused;
	struct watchdog_state {
		uint32_t timer1, timer2; /* as written */
		unsigned int unlock;     /* writes of the sequence seen: 0, 1, 2 */
		bool enabled, locked;
		uint64_t left_ns; /* while paused: what was left, 0: it stood still */
	} s;
};

static struct watchdog *
of(struct pci_fn *f)
{
	return container_of(f, struct watchdog, fn);
}

/* --- time --- */

/* 0 stands still. */
static void
run_for(struct watchdog *w, uint64_t ns)
{
	const struct itimerspec t = {
		.it_value = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)}};

	timerfd_settime(w->timer, 0, &t, NULL);
}

/* Both stages from their beginnings, each its preload and one tick: they count a clock of 33 MHz divided by 2^15 or 2^5. */
static uint64_t
whole_ns(const struct watchdog *w)
{
	unsigned int shift = w->fn.config[C_CONFIG] & CONFIG_1MHZ ? 5 : 15;
	uint64_t ticks = (uint64_t)w->s.timer1 + w->s.timer2 + 2;

	return (ticks << shift) * 1000 / (PCI_CLOCK_HZ / 1000000);
}

static void
reload(struct watchdog *w)
{
	if (w->paused)
		w->s.left_ns = w->s.enabled ? whole_ns(w) : 0;
	else
		run_for(w, w->s.enabled ? whole_ns(w) : 0);
}

static void
expired(void *arg, uint32_t events)
{
	struct watchdog *w = arg;
	struct vm *vm = w->dev.vm;
	uint64_t n, now = clock_now_ns();
	bool tell;

	pthread_mutex_lock(&vm->lock);
	if (read(w->timer, &n, sizeof(n)) != sizeof(n) || !w->s.enabled || w->paused) {
		pthread_mutex_unlock(&vm->lock); /* it was reloaded in the last moment */
		return;
	}
	if (w->fn.config[C_LOCK] & LOCK_FREE_RUN)
		reload(w);
	stats_add_shared(&vm->stats->watchdogs, 1);
	tell = !(w->fn.config[C_CONFIG] & CONFIG_NO_REBOOT) &&
	       (w->told_ns == 0 || now - w->told_ns >= TELL_EVERY_NS);
	if (tell)
		w->told_ns = now;
	pthread_mutex_unlock(&vm->lock);
	if (tell)
		vm_event(vm, VMM_EV_WATCHDOG, 0, "the guest did not reload its watchdog in time");
}

/* --- registers --- */

static uint64_t
bar_read(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size)
{
	return 0; /* no interrupt is pending, and the last start was no time-out's */
}

static void
write_reload(struct watchdog *w, uint64_t value)
{
	if (value == UNLOCK1) {
		w->s.unlock = 1;
	} else if (value == UNLOCK2 && w->s.unlock == 1) {
		w->s.unlock = 2;
	} else {
		if (w->s.unlock == 2 && value & RELOAD_RELOAD)
			reload(w);
		w->s.unlock = 0;
	}
}

static void
bar_write(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size, uint64_t value)
{
	struct watchdog *w = of(f);

	if (offset == R_RELOAD) {
		write_reload(w, value);
		return;
	}
	/* Two magic values open the preloads for one write. */
	if (w->s.unlock == 2 && offset == R_TIMER1)
		w->s.timer1 = value & TIMER_BITS;
	else if (w->s.unlock == 2 && offset == R_TIMER2)
		w->s.timer2 = value & TIMER_BITS;
	w->s.unlock = 0;
}

static void
config_written(struct pci_fn *f, unsigned int offset, unsigned int size)
{
	struct watchdog *w = of(f);
	bool was = w->s.enabled;

	if (!pci_touches(offset, size, C_LOCK, 1) || w->s.locked)
		return;
	w->s.enabled = f->config[C_LOCK] & LOCK_ENABLE;
	if (f->config[C_LOCK] & LOCK_LOCKED) {
		w->s.locked = true;
		f->writable[C_LOCK] = 0; /* until the next reset */
	}
	if (was != w->s.enabled)
		reload(w);
}

static const struct pci_fn_ops fn_ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.config_written = config_written,
};

/* --- the device --- */

static void
power_on(struct watchdog *w)
{
	w->s = (struct watchdog_state){.timer1 = TIMER_BITS, .timer2 = TIMER_BITS};
	w->fn.writable[C_CONFIG] = CONFIG_BITS;
	w->fn.writable[C_LOCK] = LOCK_BITS;
}

static void
reset(struct device *dev)
{
	struct watchdog *w = container_of(dev, struct watchdog, dev);

	run_for(w, 0);
	power_on(w);
	pci_fn_reset(&w->fn);
}

/* 0: it stands still. One that ran out and was not told of yet has next to nothing left. */
static uint64_t
left_ns(const struct watchdog *w)
{
	struct itimerspec t = {0};
	uint64_t n;

	timerfd_gettime(w->timer, &t);
	if (t.it_value.tv_sec || t.it_value.tv_nsec)
		return (uint64_t)t.it_value.tv_sec * 1000000000u + (uint64_t)t.it_value.tv_nsec;
	return read(w->timer, &n, sizeof(n)) == sizeof(n);
}

static void
pause_device(struct device *dev)
{
	struct watchdog *w = container_of(dev, struct watchdog, dev);

	pthread_mutex_lock(&dev->vm->lock);
	if (!w->paused)
		w->s.left_ns = left_ns(w);
	w->paused = true;
	run_for(w, 0);
	pthread_mutex_unlock(&dev->vm->lock);
}

static void
resume_device(struct device *dev)
{
	struct watchdog *w = container_of(dev, struct watchdog, dev);

	pthread_mutex_lock(&dev->vm->lock);
	w->paused = false;
	run_for(w, w->s.left_ns);
	pthread_mutex_unlock(&dev->vm->lock);
}

static void
fini(struct device *dev)
{
	struct watchdog *w = container_of(dev, struct watchdog, dev);

	if (w->fn.ops)
		pci_fn_remove(dev->vm->pci, &w->fn);
	if (w->timer < 0)
		return;
	loop_del(&dev->vm->loop, w->timer);
	close(w->timer);
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	static const struct pci_ids ids = {.vendor = 0x8086,
					   .device = 0x25ab,
					   .revision = 1,
					   .class = 0x088000};
	struct watchdog *w = container_of(dev, struct watchdog, dev);
	int r;

	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->timer < 0)
		return err_sys(e, errno, "watchdog: timer");
	pci_fn_init(&w->fn, dev->vm, "watchdog", &fn_ops, &ids);
	power_on(w);
	r = pci_fn_bar(&w->fn, 0, BAR_SIZE, false);
	if (r == 0)
		r = pci_fn_add(dev->vm->pci, SLOT_WATCHDOG, &w->fn);
	if (r == 0)
		r = loop_add(&dev->vm->loop, w->timer, EPOLLIN, expired, w);
	if (r < 0) {
		fini(dev);
		return err_sys(e, -r, "watchdog: cannot be made");
	}
	return 0;
}

const struct device_ops watchdog_ops = {
	.name = "watchdog",
	.size = sizeof(struct watchdog),
	.state_offset = offsetof(struct watchdog, s),
	.state_size = sizeof(struct watchdog_state),
	.init = init,
	.reset = reset,
	.pause = pause_device,
	.resume = resume_device,
	.fini = fini,
};
