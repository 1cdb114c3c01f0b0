/* SPDX-License-Identifier: Apache-2.0 */
/* The balloon: pages go back to the host and come again, whatever the driver says. */
#include "tests/unit/vmm_device.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "vmm/balloon_mem.h"

#define F_STATS     VIRTIO_BIT(1)
#define F_REPORTING VIRTIO_BIT(5)
#define HUGE        (2ull << 20)
#define HIGH_PFN    (GPA_HIGH_RAM / 4096)
#define HIGH_PAGES  (FAKE_HIGH / 4096)

enum { INFLATE, DEFLATE, STATS, REPORT };

struct world {
	struct one_device o;
	uint64_t errors;
};

static int
set_up_with(void **state, uint64_t page_size, uint32_t nic)
{
	struct world *w = calloc(1, sizeof(*w));
	struct fake *f = fake_new();

	f->vm.mem.page_size = f->start.page_size = page_size;
	f->start.balloon = 1;
	f->start.n_nics = nic != VMM_NIC_NONE;
	f->start.nic[0].kind = nic;
	for (unsigned int i = 0; i < f->vm.mem.n; i++)
		memset(f->vm.mem.region[i].hva, 0x5a, f->vm.mem.region[i].size);
	one_device_init(&w->o, f, &virtio_balloon_ops);
	*state = w;
	return 0;
}

static int
set_up(void **state)
{
	return set_up_with(state, 4096, VMM_NIC_VHOST_LISTEN);
}

/* Small pages that count as huge ones: the account is the same. The high region is half of one. */
static int
set_up_huge(void **state)
{
	return set_up_with(state, HUGE, VMM_NIC_TAP);
}

/* The high region is one page. */
static int
set_up_1_mib(void **state)
{
	return set_up_with(state, FAKE_HIGH, VMM_NIC_NONE);
}

static int
set_up_64_kib(void **state)
{
	return set_up_with(state, 65536, VMM_NIC_NONE);
}

static int
set_up_vfio(void **state)
{
	return set_up_with(state, 4096, VMM_NIC_VFIO);
}

static int
set_up_huge_vhost(void **state)
{
	return set_up_with(state, HUGE, VMM_NIC_VHOST_LISTEN);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	assert_int_equal(w->o.f->stats.guest_errors, w->errors);
	one_device_fini(&w->o);
	free(w);
	return 0;
}

/* Pages that the host has put behind a region. */
static uint64_t
pages(struct world *w, unsigned int region)
{
	struct stat st;

	assert_int_equal(fstat(w->o.f->vm.mem.region[region].fd, &st), 0);
	return (uint64_t)st.st_blocks / 8;
}

/* A buffer of page numbers: @first, and @step more each time. Whether it came back. */
static bool
tell(struct world *w, unsigned int q, uint32_t first, uint32_t n, uint32_t step)
{
	uint32_t *pfn = mem_at(&w->o.f->vm.mem, BUFFERS, 4ull * n);

	for (uint32_t i = 0; i < n; i++)
		pfn[i] = first + i * step;
	one_device_add(&w->o, q, BUFFERS, 4 * n, false);
	one_device_run(&w->o, 20);
	return driver_get(&w->o.d[q]) == 0;
}

static struct vmm_reply
ask(struct world *w)
{
	struct vmm_reply r = {0};

	w->o.dev->ops->status(w->o.dev, &r);
	return r;
}

static void
small_pages_come_and_go(void **state)
{
	struct world *w = *state;

	one_device_start(&w->o, false, F_REPORTING);
	assert_int_equal(pages(w, 1), HIGH_PAGES);
	assert_true(tell(w, INFLATE, HIGH_PFN, 10, 1));
	assert_int_equal(pages(w, 1), HIGH_PAGES - 10);
	assert_true(tell(w, INFLATE, HIGH_PFN + 20, 5, 2)); /* not neighbours */
	assert_int_equal(pages(w, 1), HIGH_PAGES - 15);
	assert_int_equal(*(uint8_t *)mem_at(&w->o.f->vm.mem, GPA_HIGH_RAM, 1), 0);
	assert_int_equal(*(uint8_t *)mem_at(&w->o.f->vm.mem, GPA_HIGH_RAM + 21 * 4096, 1), 0x5a);
	assert_true(tell(w, DEFLATE, HIGH_PFN, 10, 1));
}

/* More pages in a buffer than one turn takes; a buffer with an odd end. */
static void
long_buffers(void **state)
{
	struct world *w = *state;

	one_device_start(&w->o, true, 0);
	assert_true(tell(w, INFLATE, HIGH_PFN, 256, 1));
	assert_int_equal(pages(w, 1), 0);
	assert_true(tell(w, DEFLATE, HIGH_PFN, 1000, 0));
	one_device_add(&w->o, INFLATE, BUFFERS, 7, false);
	one_device_run(&w->o, 20);
	assert_int_equal(driver_get(&w->o.d[INFLATE]), 0);
	one_device_add(&w->o, INFLATE, BUFFERS, 0, false);
	one_device_run(&w->o, 20);
	assert_int_equal(driver_get(&w->o.d[INFLATE]), 0);
}

static void
pages_that_are_no_ram(void **state)
{
	struct world *w = *state;

	one_device_start(&w->o, false, 0);
	assert_true(tell(w, INFLATE, 0xc0000, 3, 1));
	assert_true(tell(w, INFLATE, 0xffffffff, 1, 1));
	assert_int_equal(w->o.f->stats.guest_errors, 4);
	assert_true(tell(w, DEFLATE, 0x80000, 2, 1));
	assert_int_equal(w->o.f->stats.guest_errors, 6);
	/* A row that begins in RAM and leaves it: the part inside counts. */
	assert_true(tell(w, INFLATE, HIGH_PFN + HIGH_PAGES - 2, 4, 1));
	assert_int_equal(pages(w, 1), HIGH_PAGES - 2);
	w->errors = w->o.f->stats.guest_errors;
	assert_int_equal(w->errors, 8);
	assert_true(w->o.v->started);
}

static void
free_pages_are_reported(void **state)
{
	struct world *w = *state;
	const struct seg s[] = {{GPA_HIGH_RAM, 0x10000, true},
				{GPA_HIGH_RAM + 0x20800, 0x2000, true}}; /* one whole page of it */

	/* Drivers disagree on the queue's number. */
	for (unsigned int q = REPORT; q <= REPORT + 1; q++) {
		memset(mem_at(&w->o.f->vm.mem, GPA_HIGH_RAM, FAKE_HIGH), 1, FAKE_HIGH);
		one_device_start(&w->o, false, F_REPORTING | F_STATS);
		assert_true(virtio_has(w->o.v, F_REPORTING));
		driver_add(&w->o.d[q], s, 2);
		virtio_kick(w->o.v, q);
		one_device_run(&w->o, 20);
		assert_int_equal(driver_get(&w->o.d[q]), 0);
		assert_int_equal(pages(w, 1), HIGH_PAGES - 17);
		assert_int_equal(ask(w).balloon.reported, 17 * 4096 * (q - REPORT + 1));
		virtio_reset(w->o.v);
	}
}

static void
figures(void **state)
{
	struct world *w = *state;
	struct vmm_req q = {.op = VMM_OP_BALLOON, .value = FAKE_LOW};
	struct vmm_reply r;
	uint32_t actual = 128, pages_wanted;
	struct err e;
	uint8_t *s = mem_at(&w->o.f->vm.mem, BUFFERS, 256);

	one_device_start(&w->o, false, F_STATS);
	r = ask(w);
	assert_int_equal(r.balloon.target, FAKE_LOW + FAKE_HIGH);
	assert_int_equal(r.balloon.actual, FAKE_LOW + FAKE_HIGH);
	assert_int_equal(virtio_balloon_ops.request(w->o.dev, &q, &e), 0);
	w->o.v->ops->config_read(w->o.v, 0, &pages_wanted, 4);
	assert_int_equal(pages_wanted, FAKE_HIGH / 4096);
	w->o.v->ops->config_write(w->o.v, 4, &actual, 4);
	w->o.v->ops->config_write(w->o.v, 0, &actual, 4); /* not the driver's */
	r = ask(w);
	assert_int_equal(r.balloon.target, FAKE_LOW);
	assert_int_equal(r.balloon.actual, FAKE_LOW + FAKE_HIGH - 128 * 4096);
	actual = ~0u;
	w->o.v->ops->config_write(w->o.v, 4, &actual, 4);
	assert_int_equal(ask(w).balloon.actual, 0);
	/* Statistics: the buffer comes back when somebody asks, and not before. */
	memcpy(s, "\x04\0\x00\x10\0\0\0\0\0\0\x06\0\x00\x20\0\0\0\0\0\0\xff\xff........\x04", 31);
	one_device_add(&w->o, STATS, BUFFERS, 31, false);
	one_device_run(&w->o, 20);
	assert_int_equal(driver_get(&w->o.d[STATS]), -1);
	r = ask(w);
	assert_int_equal(r.balloon.free, 0x1000);
	assert_int_equal(r.balloon.available, 0x2000);
	assert_int_equal(driver_get(&w->o.d[STATS]), 0);
	ask(w);
	q.value = 0;
	assert_int_equal(virtio_balloon_ops.request(w->o.dev, &q, &e), -EINVAL);
	q.value = FAKE_LOW + FAKE_HIGH + 1;
	assert_int_equal(virtio_balloon_ops.request(w->o.dev, &q, &e), -EINVAL);
	assert_non_null(strstr(e.text, "3145729"));
	q.op = VMM_OP_DETACH;
	assert_int_equal(virtio_balloon_ops.request(w->o.dev, &q, &e), -ENOSYS);
}

/* Only a huge page that is in the balloon as a whole goes back. */
static void
huge_pages_as_a_whole(void **state)
{
	struct world *w = *state;
	struct balloon_mem m;
	uint64_t before;

	one_device_start(&w->o, false, F_REPORTING);
	assert_false(virtio_has(w->o.v, F_REPORTING));
	before = pages(w, 0);
	assert_int_equal(balloon_mem_init(&m, &w->o.f->vm.mem, true), 0);
	for (uint64_t i = 511; i > 0; i--)
		assert_int_equal(balloon_mem_inflate(&m, i, 1), 0);
	assert_int_equal(balloon_mem_inflate(&m, 7, 1), 0); /* twice */
	assert_int_equal(pages(w, 0), before);
	assert_int_equal(m.n_given, 0);
	assert_int_equal(balloon_mem_inflate(&m, 0, 1), 0);
	assert_int_equal(pages(w, 0), 0);
	assert_int_equal(m.n_given, 1);
	assert_int_equal(balloon_mem_deflate(&m, 300), 0);
	assert_int_equal(pages(w, 0), 512); /* all of it is there again */
	assert_int_equal(m.n_given, 0);
	assert_int_equal(balloon_mem_deflate(&m, 300), 0);
	assert_int_equal(balloon_mem_inflate(&m, 300, 1), 0);
	assert_int_equal(pages(w, 0), 0);
	balloon_mem_forget(&m);
	assert_int_equal(balloon_mem_regain(&m), 1);
	assert_int_equal(pages(w, 0), 512);
	assert_int_equal(balloon_mem_regain(&m), 0);
	assert_int_equal(m.n_given, 0);
	assert_int_equal(balloon_mem_report(&m, w->o.f->vm.mem.region[0].hva, HUGE), 0);
	assert_int_equal(balloon_mem_inflate(&m, 1ull << 40, 1), -EFAULT);
	balloon_mem_fini(&m);
}

/* The host has no page: the guest's request is answered once it has one again. */
static void
waits_for_a_huge_page(void **state)
{
	struct world *w = *state;
	struct mem_region *r = &w->o.f->vm.mem.region[1];
	struct vmm_event ev;

	one_device_start(&w->o, false, 0);
	assert_true(tell(w, INFLATE, HIGH_PFN, HIGH_PAGES, 1));
	assert_int_equal(pages(w, 1), 0);
	assert_int_equal(mprotect(r->hva, FAKE_HIGH, PROT_READ), 0); /* nothing can be had */
	assert_false(tell(w, DEFLATE, HIGH_PFN, 4, 1));
	assert_true(one_device_event(&w->o, VMM_EV_WARNING, &ev));
	assert_non_null(strstr(ev.text, "no free page of 1024 KiB"));
	assert_int_equal(mprotect(r->hva, FAKE_HIGH, PROT_READ | PROT_WRITE), 0);
	one_device_run(&w->o, 700);
	assert_int_equal(driver_get(&w->o.d[DEFLATE]), 0);
	assert_int_equal(pages(w, 1), HIGH_PAGES);
	assert_false(one_device_event(&w->o, VMM_EV_WARNING, &ev));
}

/* To have one takes the host long: one a turn, whatever the guest asks for at once. */
static void
huge_pages_come_one_a_turn(void **state)
{
	struct world *w = *state;
	uint32_t *pfn = mem_at(&w->o.f->vm.mem, BUFFERS, 4 * HIGH_PAGES);
	const struct seg s = {BUFFERS, 4 * HIGH_PAGES, false};

	one_device_start(&w->o, false, 0);
	assert_true(tell(w, INFLATE, HIGH_PFN, HIGH_PAGES, 1));
	assert_int_equal(pages(w, 1), 0);
	for (uint32_t i = 0; i < HIGH_PAGES; i++)
		pfn[i] = HIGH_PFN + i;
	driver_add(&w->o.d[DEFLATE], &s, 1);
	for (unsigned int turn = 1; turn <= 3; turn++) {
		w->o.v->ops->kicked(w->o.v, DEFLATE);
		assert_int_equal(pages(w, 1), 16 * turn);
	}
	assert_int_equal(driver_get(&w->o.d[DEFLATE]), -1);
	one_device_run(&w->o, 50);
	assert_int_equal(driver_get(&w->o.d[DEFLATE]), 0);
	assert_int_equal(pages(w, 1), HIGH_PAGES);
}

/* A driver that is gone without a word: what it gave is had again before the next one touches it. */
static void
had_again_after_a_reset(void **state)
{
	struct world *w = *state;

	one_device_start(&w->o, false, 0);
	assert_true(tell(w, INFLATE, HIGH_PFN, HIGH_PAGES, 1));
	assert_int_equal(pages(w, 1), 0);
	virtio_reset(w->o.v);
	for (unsigned int turn = 1; turn <= 3; turn++) { /* and none at once: the lock is held */
		w->o.v->ops->kicked(w->o.v, DEFLATE);
		assert_int_equal(pages(w, 1), 16 * turn);
	}
	virtio_device_pause(w->o.dev);
	one_device_run(&w->o, 20);
	assert_int_equal(pages(w, 1), 16 * 3); /* nobody touches memory */
	virtio_device_resume(w->o.dev);
	one_device_run(&w->o, 50);
	assert_int_equal(pages(w, 1), HIGH_PAGES);
	/* A second driver has the pages in its balloon before their turn: they stay there. */
	one_device_start(&w->o, false, 0);
	assert_true(tell(w, INFLATE, HIGH_PFN, HIGH_PAGES, 1));
	virtio_reset(w->o.v);
	one_device_start(&w->o, false, 0);
	one_device_add(&w->o, INFLATE, BUFFERS, 4 * 16, false);
	w->o.v->ops->kicked(w->o.v, INFLATE);
	one_device_run(&w->o, 50);
	assert_int_equal(pages(w, 1), HIGH_PAGES - 16);
}

/* The host has none for it: that is said, and it is tried again. */
static void
owed_after_a_reset(void **state)
{
	struct world *w = *state;
	struct mem_region *r = &w->o.f->vm.mem.region[1];
	struct vmm_event ev;

	one_device_start(&w->o, false, 0);
	assert_true(tell(w, INFLATE, HIGH_PFN, HIGH_PAGES, 1));
	assert_int_equal(mprotect(r->hva, FAKE_HIGH, PROT_READ), 0);
	virtio_reset(w->o.v);
	one_device_run(&w->o, 20);
	assert_true(one_device_event(&w->o, VMM_EV_WARNING, &ev));
	assert_non_null(strstr(ev.text, "no free page of 1024 KiB"));
	assert_non_null(strstr(ev.text, "started over"));
	assert_int_equal(mprotect(r->hva, FAKE_HIGH, PROT_READ | PROT_WRITE), 0);
	one_device_run(&w->o, 700);
	assert_int_equal(pages(w, 1), HIGH_PAGES);
	assert_false(one_device_event(&w->o, VMM_EV_WARNING, &ev));
}

static void
nothing_goes_back(void **state)
{
	struct world *w = *state;
	struct vmm_event ev;
	uint64_t before;

	assert_true(one_device_event(&w->o, VMM_EV_WARNING, &ev));
	assert_non_null(strstr(ev.text, "no memory goes back"));
	assert_false(one_device_event(&w->o, VMM_EV_WARNING, &ev));
	one_device_start(&w->o, false, F_REPORTING);
	assert_false(virtio_has(w->o.v, F_REPORTING));
	before = pages(w, 1);
	assert_true(tell(w, INFLATE, HIGH_PFN, HIGH_PAGES, 1));
	assert_true(tell(w, DEFLATE, HIGH_PFN, HIGH_PAGES, 1));
	assert_int_equal(pages(w, 1), before);
}

static void
noise(void **state)
{
	struct world *w = *state;
	struct rnd r = {17};

	for (unsigned int turn = 0; turn < 40; turn++) {
		one_device_start(&w->o, turn % 2, F_REPORTING | F_STATS);
		for (unsigned int i = 0; i < 8; i++) {
			unsigned int q = rnd_to(&r, 5);
			uint64_t at = rnd_to(&r, 8) ? BUFFERS + rnd_to(&r, 0x80000) : rnd(&r);

			one_device_add(&w->o, q, at, rnd_to(&r, 0x100000), rnd_to(&r, 2));
		}
		one_device_run(&w->o, 10);
		ask(w);
		virtio_reset(w->o.v);
	}
	w->errors = w->o.f->stats.guest_errors;
}

int
main(void)
{
#define T(f, up) cmocka_unit_test_setup_teardown(f, up, tear_down)
	const struct CMUnitTest tests[] = {
		T(small_pages_come_and_go, set_up),
		T(long_buffers, set_up),
		T(pages_that_are_no_ram, set_up),
		T(free_pages_are_reported, set_up),
		T(figures, set_up),
		T(huge_pages_as_a_whole, set_up_huge),
		T(waits_for_a_huge_page, set_up_1_mib),
		T(huge_pages_come_one_a_turn, set_up_64_kib),
		T(had_again_after_a_reset, set_up_64_kib),
		T(owed_after_a_reset, set_up_1_mib),
		T(nothing_goes_back, set_up_vfio),
		T(nothing_goes_back, set_up_huge_vhost),
		T(noise, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
