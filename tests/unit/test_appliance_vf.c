/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's virtual functions from their making to the start message of a VMM, and back, on a host of
 * files: linked with --wrap for writes to it, rtnl_open() and ioctl().
 */
#include "tests/unit/vfio_host_world.h"

#include <fcntl.h>
#include <linux/vfio.h>

#include "appliance/sriov_apply.h"
#include "appliance/vnf_vf.h"

static struct site site;
static struct site_device device = {.name = "wan0"};
static struct site_vnf vnf;
static struct site_interface nics[3];
static struct plan_vnf planned = {.vnf = &vnf};
static struct plan_pf pf;
static struct plan_vf vfs[2];
static struct plan plan;
static struct rundir dir;
static struct run_env env;
static struct handin h;
static unsigned long fails;
static unsigned int spared; /* so many times it does not */

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_rtnl_open(struct rtnl *ret);

int
__wrap_rtnl_open(struct rtnl *ret)
{
	return rtnl_open_with(ret, world_answer, NULL);
}

int
__wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == fails && (spared == 0 || spared-- == 0)) {
		errno = EIO;
		return -1;
	}
	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags = VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_CHECK_EXTENSION:
		return 1;
	case VFIO_GROUP_GET_DEVICE_FD:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	default:
		return 0; /* the API's version, too */
	}
}

static int
fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int
make(void **state)
{
	static const char *const name[] = {"wan", "lan", "wan2"};
	struct err e = {0};
	char path[128];

	world_make(state);
	fails = 0;
	vnf = (struct site_vnf){.name = "fw1", .interfaces = nics, .n_interfaces = 3};
	for (size_t i = 0; i < 3; i++)
		snprintf(nics[i].name, sizeof(nics[i].name), "%s", name[i]);
	pf = (struct plan_pf){.device = &device, .known = true, .pci = {.bus = 1}, .vfs = 3};
	vfs[0] = (struct plan_vf){.number = 0, .cfg = {.mac = {2, 0, 0, 0, 0, 1}, .vlan = 7}};
	vfs[1] = (struct plan_vf){.interface = 2,
				  .number = 2,
				  .cfg = {.mac = {2, 0, 0, 0, 0, 3}, .trust = true}};
	plan = (struct plan){.site = &site,
			     .vnf = &planned,
			     .n_vnfs = 1,
			     .pf = &pf,
			     .n_pfs = 1,
			     .vf = vfs,
			     .n_vfs = 2};
	env = (struct run_env){.plan = &plan, .root = &world->r.root};
	root_put(&world->r, "/dev/vfio/vfio", "");
	root_put(&world->r, "/dev/vfio/20", "");
	root_put(&world->r, "/dev/vfio/22", "");
	memset(&h, 0, sizeof(h));
	snprintf(path, sizeof(path), "%s/run", world->r.dir);
	return rundir_open(path, "test", &dir, &e);
}

static int
drop(void **state)
{
	rundir_close(&dir);
	return world_drop(state);
}

static void
close_handed(void)
{
	for (uint32_t i = 0; i < h.start.n_fds; i++)
		close(h.fd[i]);
	h.start.n_fds = 0;
}

static void
test_apply_and_undo(void **state)
{
	struct err e = {0};

	assert_int_equal(sriov_check(&plan, &world->r.root, NULL, NULL), EXIT_OK);
	assert_int_equal(sriov_apply(&plan, &world->r.root, &dir, &e), 0);
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "3");
	assert_int_equal(world->vf[0].vlan, 7);
	assert_true(world->vf[2].trust);
	assert_string_equal(world_driver_of(world_vf(2)), "vfio-pci");
	assert_int_equal(sriov_undo(&world->r.root, &dir), 5);
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "0");
	assert_int_equal(sriov_undo(&world->r.root, &dir), 0);
}

/* Half-way: what was done by then is on record, and the words say whose it was. */
static void
test_half_way(void **state)
{
	struct err e = {0};

	world->unsupported = 1u << VF_TRUST;
	assert_int_equal(sriov_apply(&plan, &world->r.root, &dir, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "vnf fw1, interface wan2: driver igb of device wan0"));
	assert_true(sriov_undo(&world->r.root, &dir) > 0);
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "0");
	assert_false(world->up);
}

static void
test_into_the_start_message(void **state)
{
	struct vnf_vfs v = VNF_VFS_CLOSED;
	struct err e = {0};
	int before = fds(), fd = -1;

	assert_int_equal(sriov_apply(&plan, &world->r.root, &dir, &e), 0);
	assert_int_equal(vnf_vf_hand_in(&env, 0, &v, &h, &e), 0); /* nothing is open */
	assert_int_equal(h.start.n_fds, 0);
	assert_int_equal(vnf_vf_open(&env, 0, &v, &e), 0);
	assert_int_equal(vnf_vf_open(&env, 0, &v, &e), 0); /* no-op */
	assert_int_equal(fds(), before + 3);
	assert_int_equal(vnf_vf_hand_in(&env, 0, &v, &h, &e), 0);
	assert_int_equal(h.start.iommu_kind, VMM_IOMMU_TYPE1);
	assert_int_equal(h.start.n_fds, 3);
	assert_int_equal(h.start.fd[0].role, VMM_FD_IOMMU);
	assert_int_equal(h.start.fd[1].role, VMM_FD_NIC);
	assert_int_equal(h.start.fd[1].index, 0);
	assert_int_equal(h.start.fd[2].index, 2);
	close_handed();
	/* A guest that changed its address, taken out, put in again. */
	world->vf[2].mac[5] = 9;
	assert_int_equal(vnf_vf_attach(&env, 0, 2, &v, &fd, &e), 0);
	assert_int_equal(world->vf[2].mac[5], 3);
	close(fd);
	assert_int_equal(vnf_vf_attach(&env, 0, 1, &v, &fd, &e), -EINVAL);
	vnf_vf_close(&v);
	assert_int_equal(fds(), before);
	/* The next life of the VMM finds its settings as declared. */
	world->vf[0].vlan = 8;
	assert_int_equal(vnf_vf_open(&env, 0, &v, &e), 0);
	assert_int_equal(world->vf[0].vlan, 7);
	vnf_vf_close(&v);
}

static void
test_what_cannot_be_opened(void **state)
{
	struct vnf_vfs v = VNF_VFS_CLOSED;
	struct err e = {0};
	int before = fds();

	assert_int_equal(vnf_vf_open(&env, 0, &v, &e), -ENOENT); /* not made yet */
	assert_string_equal(e.text, "vnf fw1, interface wan: virtual function 0 of device wan0: "
				    "No such file or directory");
	assert_int_equal(sriov_apply(&plan, &world->r.root, &dir, &e), 0);
	fails = VFIO_GROUP_SET_CONTAINER;
	assert_int_equal(vnf_vf_open(&env, 0, &v, &e), -EIO);
	assert_non_null(strstr(e.text, "vnf fw1, interface wan: IOMMU group 20"));
	spared = 1; /* the second one's */
	assert_int_equal(vnf_vf_open(&env, 0, &v, &e), -EIO);
	assert_non_null(strstr(e.text, "vnf fw1, interface wan2: IOMMU group 22"));
	fails = VFIO_CHECK_EXTENSION; /* nobody's in particular */
	assert_int_equal(vnf_vf_open(&env, 0, &v, &e), -ENODEV);
	assert_non_null(strstr(e.text, "vnf fw1: its virtual functions: "));
	fails = VFIO_GROUP_GET_DEVICE_FD;
	assert_int_equal(vnf_vf_open(&env, 0, &v, &e), 0);
	assert_int_equal(vnf_vf_hand_in(&env, 0, &v, &h, &e), -EIO);
	assert_non_null(strstr(e.text, "vnf fw1, interface wan: device 0000:01:10.0"));
	close_handed();
	fails = 0;
	h.start.n_fds = FDMSG_FDS_MAX; /* no room for one more */
	assert_int_equal(vnf_vf_hand_in(&env, 0, &v, &h, &e), -ENOSPC);
	h.start.n_fds = 0;
	vnf_vf_close(&v);
	assert_int_equal(fds(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_apply_and_undo, make, drop),
		cmocka_unit_test_setup_teardown(test_half_way, make, drop),
		cmocka_unit_test_setup_teardown(test_into_the_start_message, make, drop),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_opened, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
