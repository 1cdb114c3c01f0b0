/* SPDX-License-Identifier: Apache-2.0 */
/* IOMMU groups that can be handed out, and those that cannot: by name, with a remedy. */
#include "tests/unit/vfio_host_world.h"

#include "vfio/group.h"
#include "vfio/pcidev.h"
#include "vfio/sriov.h"

#define CARD "0000:05:00.0"

static const struct pci_addr card = {.bus = 5};

static void
put_card(unsigned int group)
{
	root_put(&world->r, "/sys/bus/pci/devices/" CARD "/class", "0x020000\n");
	world_group(CARD, group);
}

static void
put_other(const char *dev, const char *class, const char *driver)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", dev);
	root_put(&world->r, path, class);
	world_driver(dev, driver);
	world_group(dev, 9);
}

static void
test_alone(void **state)
{
	struct err e = {0};

	put_card(9);
	assert_int_equal(group_check(&world->r.root, &card, &e), 0);
	assert_int_equal(group_foresee(&world->r.root, &card, &e), 0);
	assert_int_equal(world->writes, 0);
}

static void
test_harmless_neighbours(void **state)
{
	struct err e = {0};

	put_card(9);
	put_other("0000:04:00.0", "0x060400\n", "pcieport");
	put_other("0000:05:00.1", "0x020000\n", NULL);
	put_other("0000:05:00.2", "0x020000\n", "vfio-pci");
	put_other("0000:05:00.3", "0x020000\n", "pci-stub");
	assert_int_equal(group_check(&world->r.root, &card, &e), 0);
}

static void
test_neighbours_of_the_host(void **state)
{
	struct err e = {0};

	put_card(9);
	put_other("0000:05:00.1", "0x020000\n", "e1000e");
	put_other("0000:06:00.0", "0x010802\n", "nvme");
	assert_int_equal(group_check(&world->r.root, &card, &e), -EBUSY);
	assert_non_null(strstr(e.text, "device " CARD " shares IOMMU group 9 with "));
	assert_non_null(strstr(e.text, "0000:05:00.1 (e1000e)"));
	assert_non_null(strstr(e.text, "0000:06:00.0 (nvme)"));
	assert_non_null(strstr(e.text, "another slot"));
	/* Functions of one card in one group, no bridge among them: new ones get their own groups. */
	assert_int_equal(group_foresee(&world->r.root, &card, &e), 0);
}

/* More neighbours than fit into a message. */
static void
test_many_neighbours(void **state)
{
	struct err e = {0};

	put_card(9);
	for (unsigned int i = 0; i < 64; i++) {
		char dev[PCI_ADDR_LEN];

		snprintf(dev, sizeof(dev), "0000:%02x:00.0", 0x10 + i);
		put_other(dev, "0x020000\n", "a_driver_with_a_long_name");
	}
	put_other("0000:04:00.0", "0x060400\n", "pcieport");
	assert_int_equal(group_check(&world->r.root, &card, &e), -EBUSY);
	assert_non_null(strstr(e.text, "another slot"));
	assert_int_equal(group_foresee(&world->r.root, &card, &e), -EBUSY);
	assert_non_null(strstr(e.text, "another slot"));
}

static void
test_no_iommu(void **state)
{
	struct err e = {0};

	root_put(&world->r, "/sys/bus/pci/devices/" CARD "/class", "0x020000\n");
	assert_int_equal(group_check(&world->r.root, &card, &e), -ENODEV);
	assert_non_null(strstr(e.text, "this host has no IOMMU in use"));
	assert_non_null(strstr(e.text, "intel_iommu=on"));
	root_put(&world->r, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	assert_int_equal(group_check(&world->r.root, &card, &e), -ENODEV);
	assert_non_null(strstr(e.text, "no-IOMMU mode is refused"));
	/* The kernel's imitation of a group. */
	put_card(0);
	root_put(&world->r, "/sys/kernel/iommu_groups/0/name", "vfio-noiommu\n");
	assert_int_equal(group_check(&world->r.root, &card, &e), -ENODEV);
	assert_non_null(strstr(e.text, "no-IOMMU mode is refused"));
	assert_int_equal(group_foresee(&world->r.root, &card, &e), -ENODEV);
}

static void
test_strange_groups(void **state)
{
	struct err e = {0};

	root_put(&world->r, "/sys/bus/pci/devices/" CARD "/class", "0x020000\n");
	world_link("/sys/bus/pci/devices/" CARD "/iommu_group", "../../nothing/of-a-number");
	assert_int_equal(group_check(&world->r.root, &card, &e), -EINVAL);
	world_link("/sys/bus/pci/devices/" CARD "/iommu_group", "../../99999999999");
	assert_int_equal(group_check(&world->r.root, &card, &e), -EINVAL);
	world_link("/sys/bus/pci/devices/" CARD "/iommu_group", "../../77");
	assert_int_equal(group_check(&world->r.root, &card, &e), -ENOENT); /* without a folder */
}

static void
test_numbers_of_functions(void **state)
{
	const struct pci_addr pf = {.bus = 1};
	struct pci_addr vf;
	unsigned int n;

	assert_int_equal(sriov_totalvfs(&world->r.root, &pf, &n), 0);
	assert_int_equal(n, 8);
	assert_int_equal(pcidev_vf(&world->r.root, &pf, 0, &vf), -ENOENT);
	root_put(&world->r, PF_PATH "/sriov_totalvfs", "65536\n");
	assert_int_equal(sriov_totalvfs(&world->r.root, &pf, &n), -EINVAL);
	root_put(&world->r, PF_PATH "/sriov_totalvfs", "many\n");
	assert_int_equal(sriov_totalvfs(&world->r.root, &pf, &n), -EINVAL);
	root_put(&world->r, PF_PATH "/sriov_totalvfs", NULL);
	assert_int_equal(sriov_totalvfs(&world->r.root, &pf, &n), -ENOENT);
	world_link(PF_PATH "/virtfn0", "../not-an-address");
	assert_int_equal(pcidev_vf(&world->r.root, &pf, 0, &vf), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alone, world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_harmless_neighbours, world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_neighbours_of_the_host, world_make,
						world_drop),
		cmocka_unit_test_setup_teardown(test_many_neighbours, world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_no_iommu, world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_strange_groups, world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_numbers_of_functions, world_make, world_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
