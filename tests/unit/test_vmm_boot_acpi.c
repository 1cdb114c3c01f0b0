/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI tables as a guest finds them: from the root pointer down, every checksum and length, and that
 * what the DSDT repeats of vmm/mem.h agrees with it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/boot.h"

#define RAM (8u << 20)

static uint8_t ram[RAM];
static struct vmm_start start;
static struct topology topology;
static struct err e;

static uint8_t
sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s = (uint8_t)(s + *p++);
	return s;
}

/* Follows RSDP and XSDT to the table of that signature; every checksum on the way must hold. */
static uint8_t *
find_table(const char *signature)
{
	uint8_t *rsdp = ram + BOOT_ACPI, *xsdt;
	uint64_t at;
	uint32_t len;

	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	memcpy(&at, rsdp + 24, 8);
	xsdt = ram + at;
	memcpy(&len, xsdt + 4, 4);
	assert_int_equal(sum(xsdt, len), 0);
	for (uint32_t i = 36; i < len; i += 8) {
		uint32_t size;

		memcpy(&at, xsdt + i, 8);
		assert_true(at > BOOT_ACPI && at < BOOT_KERNEL_MIN);
		memcpy(&size, ram + at + 4, 4);
		assert_int_equal(sum(ram + at, size), 0);
		if (memcmp(ram + at, signature, 4) == 0)
			return ram + at;
	}
	return NULL;
}

/* Whether the four bytes of @v stand somewhere in the DSDT. */
static bool
dsdt_has(const uint8_t *dsdt, uint32_t v)
{
	uint32_t len;

	memcpy(&len, dsdt + 4, 4);
	for (uint32_t i = 36; i + 4 <= len; i++)
		if (memcmp(dsdt + i, &v, 4) == 0)
			return true;
	return false;
}

static void
writes_acpi(void **state)
{
	struct mem m = {.region = {{.gpa = 0, .size = RAM, .hva = ram}}, .n = 1};
	uint8_t *fadt, *madt, *mcfg;
	unsigned int cpus = 0;
	struct boot_params_in in = {.n_vcpus = 3, .topology = &topology};
	uint64_t at;
	uint32_t len;

	start.n_vcpus = 64;
	assert_int_equal(topology_make(&start, &topology), 0);
	assert_int_equal(boot_write_acpi(&m, &in, &e), 0);
	assert_null(find_table("SRAT"));
	assert_null(find_table("SLIT"));
	madt = find_table("APIC");
	assert_non_null(madt);
	memcpy(&len, madt + 4, 4);
	for (uint32_t i = 44; i < len; i += madt[i + 1]) {
		assert_true(madt[i + 1] > 0);
		if (madt[i] == 0)
			assert_int_equal(madt[i + 3], cpus++);
	}
	assert_int_equal(cpus, 3);
	mcfg = find_table("MCFG");
	assert_non_null(mcfg);
	memcpy(&at, mcfg + 44, 8);
	assert_int_equal(at, GPA_ECAM);
	fadt = find_table("FACP");
	assert_non_null(fadt);
	memcpy(&at, fadt + 140, 8);
	assert_memory_equal(ram + at, "DSDT", 4);
	memcpy(&len, ram + at + 4, 4);
	assert_int_equal(sum(ram + at, len), 0);
	/* What dsdt.asl repeats of mem.h. */
	assert_true(dsdt_has(ram + at, GPA_PCI_BARS));
	assert_true(dsdt_has(ram + at, GPA_PCI_BARS + GPA_PCI_BARS_SIZE - 1));
	assert_true(dsdt_has(ram + at, GPA_ECAM));
	in.n_vcpus = 64;
	assert_int_equal(boot_write_acpi(&m, &in, &e), 0);
	in.n_vcpus = 0;
	assert_int_equal(boot_write_acpi(&m, &in, &e), -EINVAL);
	in.n_vcpus = 65;
	assert_int_equal(boot_write_acpi(&m, &in, &e), -EINVAL);
}

static uint64_t
field(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

/* What a guest reads of its nodes: each CPU, each piece of memory, each distance. */
static void
tells_cells(void **state)
{
	static const struct vmm_cell cell[3] = {
		{.distance = {10, 20, 30}},
		{.distance = {20, 10, 40}},
		{.distance = {30, 40, 10}},
	};
	struct mem m = {.region = {{.gpa = 0, .size = RAM, .hva = ram}},
			.n = 1,
			.span = {{0, 0xa0000000, 0, -1},
				 {0xa0000000, 0x20000000, 1, -1},
				 {0x100000000, 0x80000000, 1, -1},
				 {0x180000000, 0x40000000, 2, -1}},
			.n_spans = 4};
	struct vmm_vcpu *vcpu = start.vcpu;
	struct boot_params_in in = {
		.n_vcpus = 64, .topology = &topology, .vcpu = vcpu, .cell = cell, .n_cells = 3};
	unsigned int cpus = 0, spans = 0;
	uint8_t *t;

	for (unsigned int i = 0; i < 64; i++)
		vcpu[i] = (struct vmm_vcpu){.cpu = -1, .cell = i % 3};
	start.n_vcpus = 64;
	assert_int_equal(topology_make(&start, &topology), 0);
	assert_int_equal(boot_write_acpi(&m, &in, &e), 0);
	t = find_table("SRAT");
	assert_non_null(t);
	for (size_t i = 48; i < field(t + 4, 4); i += t[i + 1]) {
		const uint8_t *p = t + i;

		if (p[0] == 0) {
			assert_int_equal(p[1], 16);
			assert_int_equal(p[3], topology.cpu[cpus].apic_id);
			assert_int_equal(p[3] >> 5, p[2]); /* 22 cores at most: a package each */
			assert_int_equal(p[2], cpus++ % 3);
			assert_int_equal(field(p + 4, 4), 1);
		} else {
			assert_int_equal(p[0], 1);
			assert_int_equal(p[1], 40);
			assert_int_equal(field(p + 2, 4), m.span[spans].cell);
			assert_int_equal(field(p + 8, 8), m.span[spans].gpa);
			assert_int_equal(field(p + 16, 8), m.span[spans++].size);
			assert_int_equal(field(p + 28, 4), 1);
		}
	}
	assert_int_equal(cpus, 64);
	assert_int_equal(spans, 4);
	t = find_table("SLIT");
	assert_non_null(t);
	assert_int_equal(field(t + 4, 4), 44 + 9);
	assert_int_equal(field(t + 36, 8), 3);
	for (unsigned int i = 0; i < 9; i++)
		assert_int_equal(t[44 + i], cell[i / 3].distance[i % 3]);
	in.n_cells = VMM_CELLS_MAX + 1;
	assert_int_equal(boot_write_acpi(&m, &in, &e), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_acpi),
		cmocka_unit_test(tells_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
