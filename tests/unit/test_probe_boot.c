/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe makes of what a loader gives it, PVH and bzImage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bench/probe/boot.h"
#include "bench/probe/layout.h"

static struct boot b;
static unsigned char info[4096];
static unsigned char table[24 * (BOOT_RANGES_MAX + 1)];
static uint64_t module[4];
static char cmdline[4096];

static void
put(unsigned char *base, size_t offset, size_t size, uint64_t value)
{
	memcpy(base + offset, &value, size);
}

static uint64_t
gpa(const void *p)
{
	return (uintptr_t)p;
}

static void
start_info(uint32_t n)
{
	memset(info, 0, sizeof(info));
	put(info, 0, 4, 0x336ec578);
	put(info, 4, 4, 1);
	put(info, 12, 4, 1);
	put(info, 16, 8, gpa(module));
	put(info, 24, 8, gpa(cmdline));
	put(info, 32, 8, 0xe0000);
	put(info, 40, 8, gpa(table));
	put(info, 48, 4, n);
	module[0] = 0x7000000;
	module[1] = 12345;
	strcpy(cmdline, "mode=boot");
	put(table, 0, 8, 0);
	put(table, 8, 8, 0x9fc00);
	put(table, 16, 4, 1);
	put(table, 24, 8, 0x100000);
	put(table, 32, 8, 0x7f00000);
	put(table, 40, 4, 1);
}

static void
test_pvh(void **state)
{
	start_info(2);
	assert_null(boot_read(&b, PROTO_PVH, info));
	assert_string_equal(b.cmdline, "mode=boot");
	assert_int_equal(b.initrd_addr, 0x7000000);
	assert_int_equal(b.initrd_size, 12345);
	assert_int_equal(b.n_ranges, 2);
	assert_int_equal(b.range[1].addr, 0x100000);
	assert_int_equal(b.range[1].size, 0x7f00000);
	assert_int_equal(b.range[1].type, BOOT_RAM);
	assert_int_equal(b.rsdp, 0xe0000);
	/* Version 0 has no map; no command line is allowed. */
	put(info, 4, 4, 0);
	put(info, 24, 8, 0);
	put(info, 12, 4, 0);
	assert_null(boot_read(&b, PROTO_PVH, info));
	assert_int_equal(b.n_ranges, 0);
	assert_int_equal(b.initrd_size, 0);
	assert_string_equal(b.cmdline, "");
}

static void
test_pvh_refused(void **state)
{
	start_info(2);
	put(info, 0, 4, 1);
	assert_non_null(boot_read(&b, PROTO_PVH, info));
	start_info(BOOT_RANGES_MAX + 1);
	assert_non_null(boot_read(&b, PROTO_PVH, info));
	start_info(2);
	memset(cmdline, 'x', BOOT_CMDLINE_MAX);
	cmdline[BOOT_CMDLINE_MAX] = '\0';
	assert_non_null(boot_read(&b, PROTO_PVH, info));
	assert_int_equal(strlen(b.cmdline), BOOT_CMDLINE_MAX - 1);
	cmdline[BOOT_CMDLINE_MAX - 1] = '\0';
	assert_null(boot_read(&b, PROTO_PVH, info));
}

static void
boot_params(uint8_t n)
{
	memset(info, 0, sizeof(info));
	put(info, 0x202, 4, 0x53726448);
	put(info, 0x1e8, 1, n);
	put(info, 0x218, 4, 0x10000000);
	put(info, 0xc0, 4, 1);
	put(info, 0x21c, 4, 777);
	put(info, 0x228, 4, gpa(cmdline) & 0xffffffff);
	put(info, 0xc8, 4, gpa(cmdline) >> 32);
	put(info, 0x2d0 + 20, 8, 0x100000);
	put(info, 0x2d0 + 28, 8, 0x100000000);
	put(info, 0x2d0 + 36, 4, 1);
	strcpy(cmdline, "mode=mem");
}

static void
test_bzimage(void **state)
{
	boot_params(2);
	assert_null(boot_read(&b, PROTO_BZ64, info));
	assert_string_equal(b.cmdline, "mode=mem");
	assert_int_equal(b.initrd_addr, 0x110000000);
	assert_int_equal(b.initrd_size, 777);
	assert_int_equal(b.n_ranges, 2);
	assert_int_equal(b.range[1].addr, 0x100000);
	assert_int_equal(b.range[1].size, 0x100000000);
	assert_int_equal(b.range[1].type, 1);
	boot_params(BOOT_RANGES_MAX + 1);
	assert_non_null(boot_read(&b, PROTO_BZ32, info));
	put(info, 0x202, 4, 0);
	assert_non_null(boot_read(&b, PROTO_BZ64, info));
}

static struct boot_range
largest(uint64_t image_end, uint64_t limit)
{
	return boot_largest_free(&b, image_end, limit);
}

static void
test_largest_free(void **state)
{
	struct boot_range r;

	memset(&b, 0, sizeof(b));
	assert_int_equal(largest(0, 1ull << 32).size, 0);
	b.n_ranges = 3;
	b.range[0] = (struct boot_range){0, 0x9fc00, 1};
	b.range[1] = (struct boot_range){0x100000, 0x7f00000, 1};
	b.range[2] = (struct boot_range){0x100000000, 0x80000000, 1};
	r = largest(0x234567, 0xc0000000);
	assert_int_equal(r.addr, 0x235000);
	assert_int_equal(r.addr + r.size, 0x8000000);
	/* An initrd in the middle: the larger side. */
	b.initrd_addr = 0x1000001;
	b.initrd_size = 0x1000;
	r = largest(0x234567, 0xc0000000);
	assert_int_equal(r.addr, 0x1002000);
	assert_int_equal(r.addr + r.size, 0x8000000);
	b.initrd_addr = 0x7000000;
	r = largest(0x234567, 0xc0000000);
	assert_int_equal(r.addr + r.size, 0x7000000);
	/* One that claims to wrap takes everything behind it. */
	b.initrd_size = UINT64_MAX;
	r = largest(0x234567, 0xc0000000);
	assert_int_equal(r.addr + r.size, 0x7000000);
	/* Reserved memory is not free, nor is what wraps, nor what lies beyond the limit. */
	b.initrd_size = 0;
	b.range[1].type = 2;
	assert_int_equal(largest(0x234567, 0xc0000000).size, 0);
	b.range[1] = (struct boot_range){0x100000, UINT64_MAX, 1};
	assert_int_equal(largest(0x234567, 0xc0000000).size, 0);
	assert_int_equal(largest(0, UINT64_MAX).addr, 0x100000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pvh),
		cmocka_unit_test(test_pvh_refused),
		cmocka_unit_test(test_bzimage),
		cmocka_unit_test(test_largest_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
