/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels say of devices that an IOMMU stopped. The lines are those of Linux 4.19 to 6.12. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "vfio/fault.h"

static const struct {
	const char *record;
	struct iommu_fault fault;
} good[] = {
	{"3,1234,56789,-;DMAR: [DMA Write NO_PASID] Request device [21:10.0] fault addr "
	 "0x4000000000 [fault reason 0x05] PTE Write access is not set\n",
	 {.dev = {.bus = 0x21, .slot = 0x10}, .address = 0x4000000000}},
	{"3,1,2,-;DMAR: [DMA Read] Request device [01:10.7] fault addr dead000 [fault reason 06] "
	 "PTE Read access is not set\n",
	 {.dev = {.bus = 1, .slot = 0x10, .function = 7}, .address = 0xdead000}},
	{"3,1,2,-;DMAR: [DMA Read PASID 0x7] Request device [01:10.7] fault addr 0x0 [fault reason "
	 "0x06] x",
	 {.dev = {.bus = 1, .slot = 0x10, .function = 7}}},
	{"3,1,2,-;DMAR: [INTR-REMAP] Request device [01:00.0] fault index 0x1f [fault reason 0x22] "
	 "Present field in the IRTE entry is clear\n",
	 {.dev = {.bus = 1}, .address = 0x1f, .interrupt = true}},
	{"3,1,2,-;AMD-Vi: Event logged [IO_PAGE_FAULT device=41:10.2 domain=0x0010 "
	 "address=0xfffff000 flags=0x0020]\n",
	 {.dev = {.bus = 0x41, .slot = 0x10, .function = 2}, .address = 0xfffff000}},
	{"3,1,2,-;AMD-Vi: Event logged [IO_PAGE_FAULT device=0001:41:10.2 pasid=0x00000 "
	 "address=0xfffff000 flags=0x0020]\n",
	 {.dev = {.domain = 1, .bus = 0x41, .slot = 0x10, .function = 2},
	  .has_domain = true,
	  .address = 0xfffff000}},
	{"3,1,2,-;vfio-pci 0000:41:10.2: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000e "
	 "address=0x1000 flags=0x0030]\n SUBSYSTEM=pci\n DEVICE=+pci:0000:41:10.2\n",
	 {.dev = {.bus = 0x41, .slot = 0x10, .function = 2},
	  .has_domain = true,
	  .address = 0x1000}},
};

static const char *const bad[] = {
	"",
	"3,1,2,-",
	"3,1,2,-;",
	"3,1,2,-;DMAR: ",
	"3,1,2,-;DMAR: DRHD: handling fault status reg 2",
	"3,1,2,-;DMAR: Request device [",
	"3,1,2,-;DMAR: Request device []",
	"3,1,2,-;DMAR: Request device [21:10.0",
	"3,1,2,-;DMAR: Request device [21:10.0] fault addr ",
	"3,1,2,-;DMAR: Request device [21:10.0] fault addr zzz",
	"3,1,2,-;DMAR: Request device [21:10.0] fault addr -1",
	"3,1,2,-;DMAR: Request device [21:10.0] fault addr 11112222333344445",
	"3,1,2,-;DMAR: Request device [21:20.0] fault addr 1",
	"3,1,2,-;DMAR: Request device [21:10.8] fault addr 1",
	"3,1,2,-;DMAR: Request device [000000000000000000000000000021:10.8] fault addr 1",
	"3,1,2,-;AMD-Vi: Event logged [IO_PAGE_FAULT",
	"3,1,2,-;AMD-Vi: Event logged [IO_PAGE_FAULT domain=1 address=0x1000 flags=0]",
	"3,1,2,-; AMD-Vi: Event logged [IO_PAGE_FAULT domain=1 address=0x1000 flags=0]",
	"3,1,2,-;: AMD-Vi: Event logged [IO_PAGE_FAULT domain=1 address=0x1000 flags=0]",
	"3,1,2,-;vfio-pci: AMD-Vi: Event logged [IO_PAGE_FAULT domain=1 address=0x1000 flags=0]",
	"3,1,2,-;AMD-Vi: Event logged [IO_PAGE_FAULT device=41:10.2",
	"3,1,2,-;igb: DMAR: Request device [21:10.0] fault addr 1",
	/* Written by a program into /dev/kmsg: not the kernel's word. */
	"12,1,2,-;DMAR: [DMA Read] Request device [01:10.7] fault addr dead000 [fault reason 06] x",
};

static void
test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct iommu_fault f;

		memset(&f, 0xaa, sizeof(f));
		assert_true(fault_parse(good[i].record, &f));
		assert_true(pci_addr_equal(&f.dev, &good[i].fault.dev));
		assert_int_equal(f.address, good[i].fault.address);
		assert_int_equal(f.has_domain, good[i].fault.has_domain);
		assert_int_equal(f.interrupt, good[i].fault.interrupt);
	}
}

static void
test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct iommu_fault f = {.address = 77};

		if (fault_parse(bad[i], &f))
			fail_msg("taken for a fault: %s", bad[i]);
		assert_int_equal(f.address, 77);
	}
}

/* Any part of a record is survived: the kernel cuts long ones. */
static void
test_cut(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char text[512];

		for (size_t n = strlen(good[i].record); n-- > 0;) {
			struct iommu_fault f;

			memcpy(text, good[i].record, n);
			text[n] = '\0';
			fault_parse(text, &f);
		}
	}
}

static void
test_whose(void **state)
{
	struct pci_addr a = {.domain = 3, .bus = 1, .slot = 2};
	struct iommu_fault f = {.dev = {.bus = 1, .slot = 2}};

	assert_true(fault_matches(&f, &a));
	f.has_domain = true;
	assert_false(fault_matches(&f, &a));
	f.dev.domain = 3;
	assert_true(fault_matches(&f, &a));
	a.function = 1;
	assert_false(fault_matches(&f, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_whose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
