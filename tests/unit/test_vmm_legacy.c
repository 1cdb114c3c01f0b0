/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, and the ports by which a guest ends: as a guest sees them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/device.h"
#include "vmm/vm.h"

static struct vmm_start start;
static struct vmm_stats stats;
static struct vm vm;
static struct device *dev;
static int starter;

static void
make(const struct device_ops *ops)
{
	struct err e = {0};
	int pair[2];

	memset(&vm, 0, sizeof(vm));
	vm.start = &start;
	vm.stats = &stats;
	assert_int_equal(fdmsg_pair(pair), 0);
	starter = pair[0];
	vm.start_fd = pair[1];
	vm.mem = (struct mem){.n = 2,
			      .region = {{.gpa = 0, .size = 3ull << 30},
					 {.gpa = GPA_HIGH_RAM, .size = 5ull << 30}}};
	atomic_init(&vm.stop_status, -1);
	pthread_mutex_init(&vm.lock, NULL);
	assert_int_equal(loop_init(&vm.loop), 0);
	dev = calloc(1, ops->size);
	dev->ops = ops;
	dev->vm = &vm;
	assert_int_equal(ops->init(dev, 0, &e), 0);
}

static int
make_rtc(void **state)
{
	make(&rtc_ops);
	return 0;
}

static int
make_reset(void **state)
{
	make(&reset_ops);
	return 0;
}

static int
tear_down(void **state)
{
	if (dev->ops->fini)
		dev->ops->fini(dev);
	free(dev);
	loop_fini(&vm.loop);
	close(starter);
	close(vm.start_fd);
	return 0;
}

static void
out(uint16_t port, unsigned int size, uint64_t v)
{
	assert_true(bus_write(&vm.pio, port, size, v));
}

static uint64_t
in(uint16_t port, unsigned int size)
{
	uint64_t v = 0;

	assert_true(bus_read(&vm.pio, port, size, &v));
	return size == 8 ? v : v & ((1ull << size * 8) - 1);
}

static unsigned int
cmos(uint8_t reg)
{
	out(0x70, 1, reg);
	return (unsigned int)in(0x71, 1);
}

static void
set_cmos(uint8_t reg, uint8_t v)
{
	out(0x70, 1, reg);
	out(0x71, 1, v);
}

static unsigned int
bcd(unsigned int v)
{
	assert_true((v & 15) < 10 && v >> 4 < 10);
	return (v >> 4) * 10 + (v & 15);
}

/* The clock as a driver reads it: seconds first, and again when they have changed. */
static time_t
read_clock(bool binary)
{
	struct tm t = {0};
	unsigned int s, v[7];
	static const uint8_t reg[] = {0, 2, 4, 7, 8, 9, 0x32};

	do {
		s = cmos(0);
		for (int i = 0; i < 7; i++)
			v[i] = binary ? cmos(reg[i]) : bcd(cmos(reg[i]));
	} while (cmos(0) != s);
	t.tm_sec = (int)v[0];
	t.tm_min = (int)v[1];
	t.tm_hour = (int)v[2];
	t.tm_mday = (int)v[3];
	t.tm_mon = (int)v[4] - 1;
	t.tm_year = (int)(v[5] + v[6] * 100) - 1900;
	return timegm(&t);
}

static void
tells_the_time(void **state)
{
	time_t now = time(NULL);
	struct tm t;

	assert_int_equal(cmos(10) & 0x80, 0); /* never in an update */
	assert_int_equal(cmos(13), 0x80);     /* the battery is good */
	assert_in_range(read_clock(false), (uintmax_t)now, (uintmax_t)now + 5);
	set_cmos(11, 0x06);
	assert_in_range(read_clock(true), (uintmax_t)now, (uintmax_t)now + 5);
	gmtime_r(&now, &t);
	assert_in_range(cmos(6), 1, 7);
	set_cmos(11, 0x04); /* binary, 12 hours */
	assert_in_range(cmos(4) & 0x7f, 1, 12);
	if (t.tm_min < 59)
		assert_int_equal(cmos(4) >> 7, t.tm_hour >= 12);
}

static void
cannot_be_set(void **state)
{
	time_t now = time(NULL);

	for (uint8_t reg = 0; reg < 10; reg++)
		set_cmos(reg, 0x11);
	set_cmos(0x32, 0x11);
	assert_in_range(read_clock(false), (uintmax_t)now, (uintmax_t)now + 5);
	set_cmos(10, 0xff);
	set_cmos(13, 0);
	assert_int_equal(cmos(10), 0x26);
	assert_int_equal(cmos(13), 0x80);
	set_cmos(11, 0xff); /* no interrupt can be asked for */
	assert_int_equal(cmos(11) & 0x70, 0);
}

static void
tells_the_memory(void **state)
{
	assert_int_equal(cmos(0x15) | cmos(0x16) << 8, 640);
	assert_int_equal(cmos(0x17) | cmos(0x18) << 8, 63 * 1024);
	assert_int_equal(cmos(0x34) | cmos(0x35) << 8, ((3u << 10) - 16) << 4);
	assert_int_equal(cmos(0x5b) | cmos(0x5c) << 8 | cmos(0x5d) << 16, 5u << 14);
}

static void
keeps_the_rest(void **state)
{
	set_cmos(0x40, 0x5a);
	set_cmos(0xc0, 0xa5); /* bit 7 of the index is the NMI's: the same byte */
	assert_int_equal(cmos(0x40), 0xa5);
	out(0x70, 2, 0x7741); /* index and data in one access */
	assert_int_equal(cmos(0x41), 0x77);
	for (unsigned int i = 0; i < 256; i++)
		set_cmos((uint8_t)i, 0xff);
	rtc_ops.reset(dev);
	assert_int_equal(cmos(0x40), 0);
	assert_int_equal(cmos(0x15), 0x80);
}

/* Whether the machine is to end, how, and what the starter was told. */
static void
expect_end(int status, uint32_t event)
{
	struct vmm_event ev;

	assert_int_equal(atomic_load(&vm.stop_status), status);
	assert_int_equal(recv(starter, &ev, sizeof(ev), MSG_DONTWAIT), sizeof(ev));
	assert_int_equal(ev.kind, event);
}

static void
power_off(void **state)
{
	out(0x604, 2, 0x1c00); /* a sleep type without the enable bit */
	assert_int_equal(atomic_load(&vm.stop_status), -1);
	assert_int_equal(in(0x604, 2) & 1, 1); /* ACPI is on */
	out(0x604, 2, 0x3c00);
	expect_end(EXIT_OK, VMM_EV_POWEROFF);
}

static void
power_off_by_its_high_byte(void **state)
{
	out(0x604, 1, 0xff);
	out(0x605, 1, 0x1c);
	assert_int_equal(atomic_load(&vm.stop_status), -1);
	out(0x605, 1, 0x20);
	expect_end(EXIT_OK, VMM_EV_POWEROFF);
}

static void
keyboard_reset(void **state)
{
	assert_int_equal(in(0x64, 1) & 2, 0); /* a reboot does not wait for it */
	assert_int_equal(in(0x60, 1), 0xff);
	for (unsigned int v = 0; v < 256; v++)
		if (v != 0xfe)
			out(0x64, 1, v);
	out(0x60, 1, 0xfe);
	assert_int_equal(atomic_load(&vm.stop_status), -1);
	out(0x64, 1, 0xfe);
	expect_end(EXIT_GUEST_RESET, VMM_EV_RESET);
}

static void
cf9_reset(void **state)
{
	reset_cf9(&vm, 0x02); /* chooses the kind, does nothing yet */
	assert_int_equal(atomic_load(&vm.stop_status), -1);
	reset_cf9(&vm, 0x06);
	expect_end(EXIT_GUEST_RESET, VMM_EV_RESET);
}

static void
post_codes_are_swallowed(void **state)
{
	for (unsigned int v = 0; v < 256; v++)
		out(0x80, 1, v);
	assert_int_equal(in(0x80, 1), 0xff);
	assert_int_equal(atomic_load(&vm.stop_status), -1);
}

#define RTC(f)   cmocka_unit_test_setup_teardown(f, make_rtc, tear_down)
#define RESET(f) cmocka_unit_test_setup_teardown(f, make_reset, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RTC(tells_the_time),   RTC(cannot_be_set), RTC(tells_the_memory),
		RTC(keeps_the_rest),   RESET(power_off),   RESET(power_off_by_its_high_byte),
		RESET(keyboard_reset), RESET(cf9_reset),   RESET(post_codes_are_swallowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
