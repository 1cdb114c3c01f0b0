/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual functions made, set, bound and put back, on a host of files whose kernel reacts. */
#include "tests/unit/vfio_host_world.h"

#include <time.h>

#include "vfio/provision.h"

#define UNDOS_MAX 64

/* The group of VFIO that another program has, or NULL. */
static const char *taken;

int __real_sysroot_openat(const struct sysroot *s, int flags, const char *fmt, ...);
int __wrap_sysroot_openat(const struct sysroot *s, int flags, const char *fmt, ...);

int
__wrap_sysroot_openat(const struct sysroot *s, int flags, const char *fmt, ...)
{
	char path[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return taken && strcmp(path, taken) == 0 ? -EBUSY
						 : __real_sysroot_openat(s, flags, "%s", path);
}

static struct undo undos[UNDOS_MAX];
static size_t n_undos;
static char said[2048];

static int
record(void *arg, const struct undo *u, struct err *e)
{
	char line[UNDO_LINE_MAX];

	assert_true(n_undos < UNDOS_MAX);
	/* As the record does: through text. */
	assert_int_equal(undo_parse(undo_format(u, line), &undos[n_undos++]), 0);
	return 0;
}

static void
say(void *arg, const char *text)
{
	strncat(said, text, sizeof(said) - strlen(said) - 2);
	strcat(said, "\n");
}

static struct provision_vf vf[2];

static struct provision_pf
wanted(unsigned int vfs)
{
	vf[0] = (struct provision_vf){
		.number = 0,
		.who = "vnf fw1, interface wan",
		.cfg = {.mac = {2, 0, 0, 0, 1, 1}, .vlan = 120, .qos = 5, .trust = true}};
	vf[1] = (struct provision_vf){.number = 2,
				      .who = "vnf fw2, interface wan",
				      .cfg = {.mac = {2, 0, 0, 0, 1, 2},
					      .spoof_check = true,
					      .max_tx_mbps = 500}};
	n_undos = 0;
	said[0] = '\0';
	return (struct provision_pf){
		.pci = {.bus = 1}, .name = "wan0", .vfs = vfs, .vf = vf, .n_vfs = 2};
}

static int
apply(const struct provision_pf *pf, unsigned int *ret_changes, struct err *e)
{
	struct provision p = {.root = &world->r.root, .rtnl = &world->rtnl, .record = record};
	int r = provision_apply(&p, pf, e);

	*ret_changes = p.changes;
	return r;
}

static void
undo_all(void)
{
	while (n_undos > 0) {
		struct err e = {0};

		n_undos--;
		assert_int_equal(undo_run(&undos[n_undos], &world->r.root, &world->rtnl, &e), 0);
	}
}

static void
test_from_nothing_and_back(void **state)
{
	struct provision_pf pf = wanted(3);
	struct err e = {0};
	unsigned int n;

	assert_int_equal(provision_check(&world->r.root, &pf, say, NULL), 0);
	assert_int_equal(apply(&pf, &n, &e), 0);
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "3");
	assert_string_equal(world_read(PF_PATH "/sriov_drivers_autoprobe"), "0");
	assert_true(world->up);
	assert_string_equal(world_driver_of(world_vf(0)), "vfio-pci");
	assert_string_equal(world_driver_of(world_vf(1)), ""); /* nobody's */
	assert_string_equal(world_driver_of(world_vf(2)), "vfio-pci");
	assert_int_equal(world->vf[0].mac[5], 1);
	assert_int_equal(world->vf[0].vlan, 120);
	assert_int_equal(world->vf[0].qos, 5);
	assert_true(world->vf[0].trust);
	assert_false(world->vf[0].spoof_check);
	assert_int_equal(world->vf[2].max_tx_mbps, 500);
	assert_true(world->vf[2].spoof_check);
	undo_all();
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "0");
	assert_string_equal(world_read(PF_PATH "/sriov_drivers_autoprobe"), "1");
	assert_false(world->up);
}

static void
test_what_is_right_is_left_alone(void **state)
{
	struct provision_pf pf = wanted(3);
	struct err e = {0};
	unsigned int n, writes, sets;

	assert_int_equal(apply(&pf, &n, &e), 0);
	assert_int_equal(n, n_undos + 6); /* settings of functions that we made need no undo */
	writes = world->writes;
	sets = world->sets;
	pf = wanted(3);
	assert_int_equal(apply(&pf, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(n_undos, 0);
	assert_int_equal(world->writes, writes);
	assert_int_equal(world->sets, sets);
	assert_int_equal(world->rtnl.writes, sets); /* the counter that users see */
}

/* The number is right, the settings are somebody's: they come back as they were. */
static void
test_settings_of_functions_that_stay(void **state)
{
	struct provision_pf pf = wanted(3);
	struct vf_state before;
	struct err e = {0};
	unsigned int n;

	world_numvfs(3);
	world->up = world->carrier = true;
	world->vf[0].vlan = 77;
	world->vf[0].mac[0] = 0x12;
	before = world->vf[0];
	assert_string_equal(world_driver_of(world_vf(0)), "igbvf");
	world_netdev(world_vf(0), "eth1", "0x1002\n");
	world_netdev(world_vf(2), "eth2", "0x1002\n");
	assert_int_equal(provision_check(&world->r.root, &pf, say, NULL), 0);
	assert_int_equal(apply(&pf, &n, &e), 0);
	assert_int_equal(world->vf[0].vlan, 120);
	assert_string_equal(world_driver_of(world_vf(0)), "vfio-pci");
	assert_string_equal(world_driver_of(world_vf(1)), "igbvf");
	assert_string_equal(world_read(PF_PATH "/sriov_drivers_autoprobe"), "1");
	undo_all();
	before.known = world->vf[0].known;
	assert_memory_equal(&world->vf[0], &before, sizeof(before));
	assert_string_equal(world_driver_of(world_vf(0)), "igbvf");
	assert_string_equal(world_driver_of(world_vf(2)), "igbvf");
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "3");
	assert_true(world->up);
	assert_string_equal(world_read("/sys/bus/pci/devices/0000:01:10.0/driver_override"),
			    "(null)");
}

/* Another number, nobody uses them: all of what they were comes back with them. */
static void
test_another_number(void **state)
{
	struct provision_pf pf = wanted(3);
	struct err e = {0};
	unsigned int n;

	world_numvfs(1);
	world_driver(world_vf(0), NULL);
	world->vf[0].vlan = 77;
	assert_int_equal(provision_check(&world->r.root, &pf, say, NULL), 0);
	assert_int_equal(apply(&pf, &n, &e), 0);
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "3");
	undo_all();
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "1");
	assert_int_equal(world->vf[0].vlan, 77);
	assert_string_equal(world_driver_of(world_vf(0)), "");
}

static void
test_a_setting_that_the_driver_does_not_have(void **state)
{
	struct provision_pf pf = wanted(3);
	struct err e = {0};
	unsigned int n;

	world->unsupported = 1u << VF_LINK_STATE | 1u << VF_TRUST;
	vf[0].cfg.trust = false; /* what it is anyway: no error */
	assert_int_equal(apply(&pf, &n, &e), 0);
	undo_all();
	pf = wanted(3);
	vf[0].cfg.trust = false;
	vf[1].cfg.link = VF_LINK_DOWN;
	assert_int_equal(apply(&pf, &n, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "vnf fw2, interface wan: driver igb of device wan0 has no such "
				    "setting as linkState disable for virtual function 2; leave "
				    "linkState out: not in this card?");
	undo_all();
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "0");
	/* Of functions that stay the setting is in the record: what cannot be set cannot be put back. */
	world_numvfs(3);
	for (unsigned int i = 0; i < 3; i++)
		world_driver(world_vf(i), NULL);
	pf = wanted(3);
	vf[0].cfg.trust = false;
	vf[0].cfg.link = VF_LINK_DOWN;
	assert_int_equal(apply(&pf, &n, &e), -EOPNOTSUPP);
	assert_int_equal(undos[n_undos - 1].which, VF_LINK_STATE);
	undo_all();
}

/* How many of the record's things are left, as the record keeps them. */
static size_t
undo_what_can_be(char *words, size_t size)
{
	size_t left = n_undos;

	words[0] = '\0';
	for (size_t i = n_undos; i-- > 0;) {
		struct err e = {0};

		if (undo_run(&undos[i], &world->r.root, &world->rtnl, &e) == 0)
			continue;
		snprintf(words + strlen(words), size - strlen(words), "%s\n", e.text);
		undos[--left] = undos[i];
	}
	memmove(undos, undos + left, (n_undos - left) * sizeof(undos[0]));
	n_undos -= left;
	return n_undos;
}

/* Another site took a function of the same card meanwhile: its link and its settings stay. */
static void
test_what_others_use_by_now_stays(void **state)
{
	struct provision_pf pf = wanted(3);
	char words[2048];
	struct err e = {0};
	unsigned int n;

	assert_int_equal(apply(&pf, &n, &e), 0);
	taken = "/dev/vfio/22";
	assert_true(undo_what_can_be(words, sizeof(words)) >= 2);
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "3");
	assert_true(world->up);
	assert_non_null(strstr(words, "device " PF " stays up: device 0000:01:10.2 is in use: "
				      "another program has its IOMMU group 22"));
	taken = NULL;
	assert_int_equal(undo_what_can_be(words, sizeof(words)), 0);
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "0");
	assert_false(world->up);
}

static void
test_settings_that_are_others_by_now_stay(void **state)
{
	struct provision_pf pf = wanted(3);
	char words[2048];
	struct err e = {0};
	unsigned int n;

	world_numvfs(3);
	world->up = world->carrier = true;
	for (unsigned int i = 0; i < 3; i++)
		world_driver(world_vf(i), NULL);
	world->vf[2].mac[5] = 7;
	assert_int_equal(apply(&pf, &n, &e), 0);
	taken = "/dev/vfio/22";
	world->vf[2].mac[5] = 9; /* as that other site has it */
	assert_true(undo_what_can_be(words, sizeof(words)) >= 2);
	assert_int_equal(world->vf[2].mac[5], 9);
	assert_int_equal(world->vf[0].vlan, 0);
	assert_non_null(strstr(words, "virtual function 2: mac is not put back: device "
				      "0000:01:10.2 is in use"));
	taken = NULL;
	assert_int_equal(undo_what_can_be(words, sizeof(words)), 0);
	assert_int_equal(world->vf[2].mac[5], 7);
}

static void
test_what_is_in_use_is_refused(void **state)
{
	struct provision_pf pf = wanted(3);

	world_numvfs(3);
	world_netdev(world_vf(0), "eth1", "0x1003\n");
	world->writes = 0;
	assert_int_equal(provision_check(&world->r.root, &pf, say, NULL), -EBUSY);
	assert_non_null(strstr(said, "vnf fw1, interface wan: device 0000:01:10.0 is in use: it is "
				     "the host's network device eth1, which is up"));
	/* In a network namespace of somebody else's: not to be seen. */
	assert_non_null(strstr(said, "vnf fw2, interface wan: device 0000:01:10.2 is in use: the "
				     "host's driver igbvf has it"));
	pf = wanted(5);
	assert_int_equal(provision_check(&world->r.root, &pf, say, NULL), -EBUSY);
	assert_non_null(strstr(said, "device wan0 has 3 virtual functions, 5 are declared: the "
				     "number can only be changed when nobody uses them: device "
				     "0000:01:10.0 is in use"));
	assert_int_equal(world->writes, 0);
}

static void
test_what_is_not_there_is_refused(void **state)
{
	struct provision_pf pf = wanted(9);
	struct err e = {0};
	unsigned int n;

	assert_int_equal(provision_check(&world->r.root, &pf, say, NULL), -ERANGE);
	assert_string_equal(said, "device wan0 (" PF "): 9 virtual functions are declared, it can "
				  "have 8\n");
	pf = wanted(2);
	pf.pci.bus = 9;
	assert_int_equal(provision_check(&world->r.root, &pf, say, NULL), -ENODEV);
	assert_non_null(strstr(said, "there is no PCI device 0000:09:00.0"));
	root_put(&world->r, PF_PATH "/net/eth0/ifindex", NULL);
	pf = wanted(2);
	assert_int_equal(apply(&pf, &n, &e), -ENODEV);
	assert_non_null(strstr(e.text, "device wan0 has no network device"));
	world->numvfs_error = ENOSPC;
	root_put(&world->r, PF_PATH "/net/eth0/ifindex", "7\n");
	assert_int_equal(apply(&pf, &n, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "no room for 2 virtual functions"));
}

static void
test_shared_groups_are_refused(void **state)
{
	struct provision_pf pf = wanted(3);
	struct err e = {0};
	unsigned int n;

	/* Without ACS the group reaches up to the root port: known before there are any functions. */
	root_put(&world->r, "/sys/bus/pci/devices/0000:00:02.0/class", "0x060400\n");
	world_driver("0000:00:02.0", "pcieport");
	world_group("0000:00:02.0", 4);
	assert_int_equal(provision_check(&world->r.root, &pf, say, NULL), -EBUSY);
	assert_non_null(strstr(said, "device wan0: virtual functions of " PF " would share IOMMU "
				     "group 4 with " PF " (igb), in use by the host;"));
	assert_int_equal(world->writes, 0);
	/* What could not be foreseen is seen when they are there. */
	world->shared_group = true;
	assert_int_equal(apply(&pf, &n, &e), -EBUSY);
	assert_non_null(strstr(e.text, "vnf fw1, interface wan: device 0000:01:10.0 shares IOMMU "
				       "group 4 with " PF " (igb), in use by the host;"));
	undo_all();
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "0");
}

static void
test_a_driver_that_is_faster(void **state)
{
	struct pci_addr a = {.bus = 1, .slot = 16};
	struct binding before;
	struct err e = {0};

	root_put(&world->r, PF_PATH "/sriov_drivers_autoprobe", "0\n");
	world_numvfs(1);
	bind_read(&world->r.root, &a, &before);
	assert_string_equal(before.driver, "");
	assert_string_equal(before.override, "");
	world->races = true;
	assert_int_equal(bind_vfio(&world->r.root, &a, &e), 0);
	assert_string_equal(world_driver_of(world_vf(0)), "vfio-pci");
	assert_int_equal(bind_restore(&world->r.root, &a, &before, &e), 0);
	assert_string_equal(world_driver_of(world_vf(0)), "");
	/* Gone in the meantime: nothing to put back. */
	world_numvfs(0);
	assert_int_equal(bind_restore(&world->r.root, &a, &before, &e), 0);
}

static void
test_again_puts_back_what_a_guest_changed(void **state)
{
	struct provision_pf pf = wanted(3);
	struct provision p = {.root = &world->r.root, .rtnl = &world->rtnl, .record = record};
	struct err e = {0};
	unsigned int n, sets;

	assert_int_equal(apply(&pf, &n, &e), 0);
	world->vf[0].mac[5] = 9;
	sets = world->sets;
	assert_int_equal(provision_again(&p, &pf, &vf[0], &e), 0);
	assert_int_equal(world->vf[0].mac[5], 1);
	assert_int_equal(world->sets, sets + 1);
}

/* As without an IOMMU: its probe fails. */
static void
test_vfio_does_not_take_it(void **state)
{
	struct provision_pf pf = wanted(3);
	struct err e = {0};
	unsigned int n;

	world->no_probe = true;
	assert_int_equal(apply(&pf, &n, &e), -EINVAL);
	assert_string_equal(e.text,
			    "vnf fw1, interface wan: device 0000:01:10.0: driver vfio-pci does not "
			    "take it (Invalid argument), no driver has it now; the kernel's log "
			    "(dmesg) says why: no IOMMU in use, for instance");
	undo_all();
}

/* It is called while other guests run: without a link it is refused at once. */
static void
test_again_waits_for_no_link(void **state)
{
	struct provision_pf pf = wanted(3);
	struct provision p = {.root = &world->r.root, .rtnl = &world->rtnl, .record = record};
	struct timespec a, b;
	struct err e = {0};
	unsigned int n;

	assert_int_equal(apply(&pf, &n, &e), 0);
	world->carrier = false;
	world->vf[2].max_tx_mbps = 0;
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(provision_again(&p, &pf, &vf[1], &e), -EINVAL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(b.tv_sec - a.tv_sec <= 2); /* it would be 5 s */
	assert_non_null(strstr(e.text, "(its link is down)"));
	world->carrier = true;
	assert_int_equal(provision_again(&p, &pf, &vf[1], &e), 0);
	assert_int_equal(world->vf[2].max_tx_mbps, 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_from_nothing_and_back, world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_what_is_right_is_left_alone, world_make,
						world_drop),
		cmocka_unit_test_setup_teardown(test_settings_of_functions_that_stay, world_make,
						world_drop),
		cmocka_unit_test_setup_teardown(test_another_number, world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_a_setting_that_the_driver_does_not_have,
						world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_what_others_use_by_now_stays, world_make,
						world_drop),
		cmocka_unit_test_setup_teardown(test_settings_that_are_others_by_now_stay,
						world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_what_is_in_use_is_refused, world_make,
						world_drop),
		cmocka_unit_test_setup_teardown(test_what_is_not_there_is_refused, world_make,
						world_drop),
		cmocka_unit_test_setup_teardown(test_shared_groups_are_refused, world_make,
						world_drop),
		cmocka_unit_test_setup_teardown(test_a_driver_that_is_faster, world_make,
						world_drop),
		cmocka_unit_test_setup_teardown(test_vfio_does_not_take_it, world_make, world_drop),
		cmocka_unit_test_setup_teardown(test_again_waits_for_no_link, world_make,
						world_drop),
		cmocka_unit_test_setup_teardown(test_again_puts_back_what_a_guest_changed,
						world_make, world_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
