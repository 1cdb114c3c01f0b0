/* SPDX-License-Identifier: Apache-2.0 */
/* The gate to guest memory: ends of regions, the hole, wrap-around; and memory made for real. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/mem.h"
#include "vmm/mem_populate.h"

#define PAGE 4096ull

static bool dry; /* memory is laid out but not touched */
static unsigned int populated;

int __real_mem_populate(const struct mem *m, struct err *e);
int __wrap_mem_populate(const struct mem *m, struct err *e);

int
__wrap_mem_populate(const struct mem *m, struct err *e)
{
	populated++;
	return dry ? 0 : __real_mem_populate(m, e);
}

static int
create(struct mem *m, uint64_t size, uint64_t page_size, int node, struct err *e)
{
	const struct mem_cell cell = {size, node};

	return mem_create(m, &cell, 1, page_size, e);
}

static uint8_t low[2 * PAGE], next[PAGE], high[PAGE];

/* Two regions that touch (a guest never gets those, but the gate must not trust that), and one above. */
static struct mem
make(void)
{
	return (struct mem){
		.region = {{.gpa = 0, .size = sizeof(low), .hva = low},
			   {.gpa = sizeof(low), .size = sizeof(next), .hva = next},
			   {.gpa = GPA_HIGH_RAM, .size = sizeof(high), .hva = high}},
		.n = 3,
		.page_size = PAGE,
	};
}

static void
gate_at_ends(void **state)
{
	struct mem m = make();

	assert_ptr_equal(mem_at(&m, 0, 1), low);
	assert_ptr_equal(mem_at(&m, 0, sizeof(low)), low);
	assert_null(mem_at(&m, 0, sizeof(low) + 1));
	assert_ptr_equal(mem_at(&m, sizeof(low) - 1, 1), low + sizeof(low) - 1);
	assert_null(mem_at(&m, sizeof(low) - 1, 2)); /* spans two regions */
	assert_ptr_equal(mem_at(&m, sizeof(low), PAGE), next);
	assert_null(mem_at(&m, sizeof(low) + PAGE, 1)); /* the hole */
	assert_null(mem_at(&m, GPA_PCI_BARS, 8));
	assert_null(mem_at(&m, GPA_HIGH_RAM - 1, 1));
	assert_null(mem_at(&m, GPA_HIGH_RAM - 1, 2));
	assert_ptr_equal(mem_at(&m, GPA_HIGH_RAM, PAGE), high);
	assert_null(mem_at(&m, GPA_HIGH_RAM, PAGE + 1));
}

static void
gate_wraps(void **state)
{
	struct mem m = make();

	assert_null(mem_at(&m, UINT64_MAX, 1));
	assert_null(mem_at(&m, UINT64_MAX, 2));
	assert_null(mem_at(&m, 1, UINT64_MAX));
	assert_null(mem_at(&m, GPA_HIGH_RAM + 1, UINT64_MAX - GPA_HIGH_RAM));
	assert_null(mem_at(&m, 8, UINT64_MAX - 7)); /* gpa + len is 0 */
}

static void
copies_across(void **state)
{
	struct mem m = make();
	uint8_t out[PAGE + 16], in[PAGE + 16];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	assert_int_equal(mem_write(&m, sizeof(low) - 8, in, 16), 0);
	assert_memory_equal(low + sizeof(low) - 8, in, 8);
	assert_memory_equal(next, in + 8, 8);
	assert_int_equal(mem_read(&m, sizeof(low) - 8, out, 16), 0);
	assert_memory_equal(out, in, 16);
}

static void
copies_all_or_nothing(void **state)
{
	struct mem m = make();
	uint8_t buf[PAGE + 16];

	memset(buf, 0xaa, sizeof(buf));
	memset(next, 0x11, sizeof(next));
	assert_int_equal(mem_write(&m, sizeof(low) + PAGE - 8, buf, 16), -EFAULT);
	assert_int_equal(next[PAGE - 1], 0x11);
	assert_int_equal(mem_read(&m, sizeof(low) + PAGE - 8, buf, 16), -EFAULT);
	assert_int_equal(buf[0], 0xaa);
	assert_int_equal(mem_read(&m, UINT64_MAX - 3, buf, 8), -EFAULT);
	assert_int_equal(mem_write(&m, GPA_HIGH_RAM + PAGE - 4, buf, 8), -EFAULT);
	assert_int_equal(mem_read(&m, 0, buf, 0), 0);
}

static void
makes_memory(void **state)
{
	struct err e = {0};
	struct mem m;
	unsigned char resident[64];

	assert_int_equal(create(&m, 64 * PAGE, PAGE, -1, &e), 0);
	assert_int_equal(m.n, 1);
	assert_int_equal(mincore(m.region[0].hva, 64 * PAGE, resident), 0);
	for (size_t i = 0; i < sizeof(resident); i++)
		assert_int_equal(resident[i] & 1, 1);
	/* A back end that holds the fd cannot take pages away. */
	assert_int_equal(ftruncate(m.region[0].fd, 0), -1);
	assert_int_equal(errno, EPERM);
	mem_destroy(&m);
	assert_int_equal(m.n, 0);
}

static void
makes_hugepages(void **state)
{
	const uint64_t two_mib = 2ull << 20;
	unsigned char resident[3 * 512];
	struct err e = {0};
	struct mem m;

	if (create(&m, 3 * two_mib, two_mib, -1, &e) < 0)
		skip(); /* none reserved here */
	assert_int_equal(mincore(m.region[0].hva, 3 * two_mib, resident), 0);
	for (size_t i = 0; i < sizeof(resident); i++)
		assert_int_equal(resident[i] & 1, 1);
	mem_destroy(&m);
}

/* Cells lie one behind the other; the hole cuts the one that reaches it. */
static void
lays_cells_out(void **state)
{
	static const struct {
		uint64_t size[3];
		unsigned int n;
		struct mem_span want[4];
	} t[] = {
		{{1 << 20, 2 << 20}, 2, {{0, 1 << 20, 0, -1}, {1 << 20, 2 << 20, 1, -1}}},
		{{0xC0000000, 1 << 20}, 2, {{0, 0xC0000000, 0, -1}, {0x100000000, 1 << 20, 1, -1}}},
		{{0xBFF00000, 3 << 20, 1 << 20},
		 3,
		 {{0, 0xBFF00000, 0, -1},
		  {0xBFF00000, 1 << 20, 1, -1},
		  {0x100000000, 2 << 20, 1, -1},
		  {0x100200000, 1 << 20, 2, -1}}},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct mem_cell cell[3];
		uint64_t total = 0;
		struct err e = {0};
		struct mem m;

		for (unsigned int k = 0; k < t[i].n; k++)
			cell[k] = (struct mem_cell){t[i].size[k], -1};
		populated = 0;
		dry = true;
		assert_int_equal(mem_create(&m, cell, t[i].n, PAGE, &e), 0);
		for (unsigned int k = 0; k < m.n_spans; k++) {
			assert_memory_equal(&m.span[k], &t[i].want[k], sizeof(m.span[k]));
			assert_non_null(mem_at(&m, m.span[k].gpa, m.span[k].size));
			total += m.span[k].size;
		}
		assert_true(m.n_spans == 4 || t[i].want[m.n_spans].size == 0);
		for (unsigned int k = 0; k < m.n; k++)
			total -= m.region[k].size;
		assert_int_equal(total, 0);
		assert_int_equal(populated, 1);
		mem_destroy(&m);
		dry = false;
	}
}

static void
refuses_in_words(void **state)
{
	const uint64_t two_mib = 2ull << 20;
	struct err e = {0};
	struct mem m;

	assert_int_equal(create(&m, PAGE + 1, PAGE, -1, &e), -EINVAL);
	assert_int_equal(create(&m, 0, PAGE, -1, &e), -EINVAL);
	assert_int_equal(create(&m, PAGE, 3000, -1, &e), -EINVAL);
	/* More hugepages than any test machine has: 2 TiB of them. */
	assert_int_equal(create(&m, two_mib << 20, two_mib, -1, &e), -ENOMEM);
	assert_non_null(strstr(e.text, "1048576 hugepages of 2 MiB are needed"));
	assert_non_null(strstr(e.text, "are free: reserve"));
	assert_int_equal(m.n, 0);
	assert_int_equal(create(&m, PAGE, PAGE, 1000, &e), -EINVAL);
	assert_non_null(strstr(e.text, "NUMA node 1000"));
	assert_int_equal(mem_create(&m, (struct mem_cell[]){{PAGE, -1}, {PAGE, 1000}}, 2, PAGE, &e),
			 -EINVAL);
	assert_non_null(strstr(e.text, "NUMA node 1000"));
	assert_int_equal(mem_create(&m, (struct mem_cell[]){{PAGE, -1}, {0, -1}}, 2, PAGE, &e),
			 -EINVAL);
	assert_int_equal(mem_create(&m, (struct mem_cell[]){{UINT64_MAX << 12, -1}, {PAGE, -1}}, 2,
				    PAGE, &e),
			 -EINVAL);
	assert_int_equal(mem_create(&m, NULL, 0, PAGE, &e), -EINVAL);
	assert_int_equal(m.n, 0);
	assert_int_equal(create(&m, PAGE, PAGE, 5000, &e), -EINVAL);
}

static void
names_pages(void **state)
{
	assert_string_equal(mem_page_name(4096), "4 KiB");
	assert_string_equal(mem_page_name(2ull << 20), "2 MiB");
	assert_string_equal(mem_page_name(1ull << 30), "1 GiB");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gate_at_ends),   cmocka_unit_test(gate_wraps),
		cmocka_unit_test(copies_across),  cmocka_unit_test(copies_all_or_nothing),
		cmocka_unit_test(makes_memory),   cmocka_unit_test(makes_hugepages),
		cmocka_unit_test(lays_cells_out), cmocka_unit_test(refuses_in_words),
		cmocka_unit_test(names_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
