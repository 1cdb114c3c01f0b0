/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pci.h"
#include "base/util.h"

static void
round_trip(void **state)
{
	static const char *const good[] = {"0000:01:10.0", "ffff:ff:1f.7", "10000:02:00.1",
					   "ffffffff:00:00.0"};
	struct pci_addr a;
	char buf[PCI_ADDR_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(pci_addr_parse(good[i], &a), 0);
		assert_string_equal(pci_addr_format(&a, buf), good[i]);
	}
	assert_int_equal(pci_addr_parse("0000:0A:1f.3", &a), 0);
	assert_int_equal(a.bus, 10);
	assert_int_equal(a.slot, 31);
	assert_int_equal(a.function, 3);
}

static void
refused(void **state)
{
	static const char *const bad[] = {"",
					  "0000",
					  "01:10.0",
					  "000:01:10.0",
					  "0000:1:10.0",
					  "0000:01:10",
					  "0000:01:10.",
					  "0000:01:20.0",
					  "0000:01:10.8",
					  "0000:01:10.0 ",
					  " 0000:01:10.0",
					  "0000:01:1g.0",
					  "000000000:01:10.0"};
	struct pci_addr a = {1, 2, 3, 4};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(pci_addr_parse(bad[i], &a), -EINVAL);
	assert_int_equal(a.bus, 2); /* untouched on failure */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
