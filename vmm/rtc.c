/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMOS memory and real-time clock (Motorola MC146818A data sheet) at ports 0x70 and 0x71. The time is
 * the host's, in UTC, and cannot be set; there are no alarms and no interrupts: a guest of today reads
 * the clock once. The other bytes keep what is written to them.
 */
#include <errno.h>
#include <time.h>

#include "base/util.h"
#include "vmm/device.h"
#include "vmm/vm.h"

#define PORT      0x70
#define CMOS_SIZE 128
#define MIB       (1024ull * 1024)

enum {
	REG_SECOND = 0,
	REG_MINUTE = 2,
	REG_HOUR = 4,
	REG_WEEKDAY = 6,
	REG_DAY = 7,
	REG_MONTH = 8,
	REG_YEAR = 9,
	REG_A = 10,
	REG_B = 11,
	REG_C = 12,
	REG_D = 13,
	REG_BASE_MEM = 0x15, /* KiB below 640 KiB */
	REG_EXT_MEM = 0x17,  /* KiB from 1 MiB on, at most 63 MiB */
	REG_EXT_MEM2 = 0x30, /* the same */
	REG_CENTURY = 0x32,
	REG_MEM_16M = 0x34, /* 64 KiB units from 16 MiB to 4 GiB */
	REG_MEM_4G = 0x5b,  /* 64 KiB units from 4 GiB on, three bytes */
};

#define A_DIVIDER  0x26 /* 32768 Hz, 1024 Hz rate; never "update in progress" */
#define B_24_HOURS 0x02
#define B_BINARY   0x04
#define D_VALID    0x80

struct rtc_state {
	uint8_t index;
	uint8_t cmos[CMOS_SIZE];
};

struct rtc {
	struct device dev;
	struct rtc_state st; /* vm->lock */
};

static uint8_t
encode(const struct rtc *c, int v)
{
	if (c->st.cmos[REG_B] & B_BINARY)
		return (uint8_t)v;
	return (uint8_t)(v / 10 << 4 | v % 10);
}

static uint8_t
encode_hour(const struct rtc *c, int hour)
{
	if (c->st.cmos[REG_B] & B_24_HOURS)
		return encode(c, hour);
	return encode(c, hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? 0x80 : 0);
}

static uint8_t
read_time(const struct rtc *c, uint8_t reg)
{
	struct timespec now;
	struct tm t;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &t);
	switch (reg) {
	case REG_SECOND:
		return encode(c, MIN_OF(t.tm_sec, 59)); /* a leap second is no RTC's second */
	case REG_MINUTE:
		return encode(c, t.tm_min);
	case REG_HOUR:
		return encode_hour(c, t.tm_hour);
	case REG_WEEKDAY:
		return encode(c, t.tm_wday + 1);
	case REG_DAY:
		return encode(c, t.tm_mday);
	case REG_MONTH:
		return encode(c, t.tm_mon + 1);
	case REG_YEAR:
		return encode(c, t.tm_year % 100);
	default:
		return encode(c, (t.tm_year + 1900) / 100);
	}
}

static uint64_t
rtc_read(void *dev, uint64_t offset, unsigned int size)
{
	struct rtc *c = dev;
	uint8_t reg = c->st.index;
	uint64_t none = size == 1 ? 0 : UINT64_MAX << 8;

	if (offset == 0)
		return UINT64_MAX; /* the index cannot be read back on a PC */
	switch (reg) {
	case REG_SECOND:
	case REG_MINUTE:
	case REG_HOUR:
	case REG_WEEKDAY:
	case REG_DAY:
	case REG_MONTH:
	case REG_YEAR:
	case REG_CENTURY:
		return none | read_time(c, reg);
	default:
		return none | c->st.cmos[reg];
	}
}

static void
rtc_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	struct rtc *c = dev;
	uint8_t v = (uint8_t)value;

	if (offset == 0) {
		c->st.index = v & (CMOS_SIZE - 1); /* bit 7 masks the NMI, which there is none of */
		if (size > 1)                      /* index and data at once */
			rtc_write(dev, 1, 1, value >> 8);
		return;
	}
	switch (c->st.index) {
	case REG_A:
	case REG_C:
	case REG_D:
		break; /* read-only here */
	case REG_B:
		c->st.cmos[REG_B] = v & (B_24_HOURS | B_BINARY | 0x80); /* 0x80: being set */
		break;
	default:
		c->st.cmos[c->st.index] = v;
	}
}

static const struct bus_ops bus_ops = {.read = rtc_read, .write = rtc_write};

static void
put16(struct rtc *c, unsigned int reg, uint64_t v)
{
	v = MIN_OF(v, 0xffffull);
	c->st.cmos[reg] = (uint8_t)v;
	c->st.cmos[reg + 1] = (uint8_t)(v >> 8);
}

static void
reset(struct device *d)
{
	struct rtc *c = container_of(d, struct rtc, dev);
	const struct mem *m = &d->vm->mem;
	uint64_t low = m->n > 0 ? m->region[0].size : 0, high = 0;

	for (unsigned int i = 1; i < m->n; i++)
		high += m->region[i].size;
	c->st = (struct rtc_state){0};
	c->st.cmos[REG_A] = A_DIVIDER;
	c->st.cmos[REG_B] = B_24_HOURS;
	c->st.cmos[REG_D] = D_VALID;
	put16(c, REG_BASE_MEM, 640);
	put16(c, REG_EXT_MEM, MIN_OF(low > MIB ? (low - MIB) / 1024 : 0, 63 * 1024ull));
	put16(c, REG_EXT_MEM2, MIN_OF(low > MIB ? (low - MIB) / 1024 : 0, 63 * 1024ull));
	put16(c, REG_MEM_16M, low > 16 * MIB ? (low - 16 * MIB) >> 16 : 0);
	high = MIN_OF(high >> 16, 0xffffffull);
	put16(c, REG_MEM_4G, high & 0xffff);
	c->st.cmos[REG_MEM_4G + 2] = (uint8_t)(high >> 16);
}

static int
init(struct device *d, unsigned int index, struct err *e)
{
	struct rtc *c = container_of(d, struct rtc, dev);
	int r;

	reset(d);
	r = bus_add(&d->vm->pio, PORT, 2, &bus_ops, c);
	return r < 0 ? err_sys(e, -r, "rtc: port 0x%x", PORT) : 0;
}

const struct device_ops rtc_ops = {
	.name = "rtc",
	.size = sizeof(struct rtc),
	.state_offset = offsetof(struct rtc, st),
	.state_size = sizeof(struct rtc_state),
	.init = init,
	.reset = reset,
};
