/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IOMMU context of a VNF, on device nodes that are files: the test is linked with --wrap=ioctl and
 * plays the kernel, type 1 and iommufd. It shows the order of the calls and what refusals become; that
 * the real kernel agrees about type 1 the lab shows.
 */
#include "tests/unit/vfio_host_world.h"

#include <fcntl.h>
#include <linux/vfio.h>

#include "vfio/iommu.h"
#include "vfio/iommufd_abi.h"

static char calls[512];     /* one letter a call */
static unsigned long fails; /* the request that is refused */
static int fails_with;
static unsigned int group_flags;
static int api_version;

static bool taken; /* group 21, by somebody else */

int __wrap_ioctl(int fd, unsigned long request, void *arg);
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
	return taken && strcmp(path, "/dev/vfio/21") == 0
		       ? -EBUSY
		       : __real_sysroot_openat(s, flags, "%s", path);
}

static void
called(const char *what)
{
	strncat(calls, what, sizeof(calls) - strlen(calls) - 1);
}

static int
iommufd_ioctl(unsigned long request, void *arg)
{
	if (request == IOMMUFD_IOAS_ALLOC) {
		struct iommufd_ioas_alloc *a = arg;

		called("alloc ");
		assert_int_equal(a->size, 12);
		assert_int_equal(a->flags, 0);
		a->ioas_id = 42;
	} else if (request == IOMMUFD_DEVICE_BIND) {
		struct iommufd_device_bind *b = arg;

		called("bind ");
		assert_int_equal(b->argsz, 16);
		assert_true(fcntl(b->iommufd, F_GETFD) >= 0);
	} else {
		struct iommufd_device_attach *a = arg;

		assert_int_equal(request, IOMMUFD_DEVICE_ATTACH);
		called("attach ");
		assert_int_equal(a->argsz, 12);
		assert_int_equal(a->pt_id, 42);
	}
	return 0;
}

int
__wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == fails) {
		errno = fails_with;
		return -1;
	}
	switch (request) {
	case VFIO_GET_API_VERSION:
		return api_version;
	case VFIO_CHECK_EXTENSION:
		return (long)arg == VFIO_TYPE1v2_IOMMU;
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags = group_flags;
		called("status ");
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		assert_true(fcntl(*(int *)arg, F_GETFD) >= 0);
		called("enter ");
		return 0;
	case VFIO_SET_IOMMU:
		assert_int_equal((long)arg, VFIO_TYPE1v2_IOMMU);
		called("type ");
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		called(arg);
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	default:
		return iommufd_ioctl(request, arg);
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
	world_make(state);
	calls[0] = '\0';
	fails = 0;
	api_version = 0;
	group_flags = VFIO_GROUP_FLAGS_VIABLE;
	world_numvfs(3);
	world_group(world_vf(2), 20); /* in one group with the first */
	return 0;
}

static const struct pci_addr three[] = {{.bus = 1, .slot = 16},
					{.bus = 1, .slot = 16, .function = 1},
					{.bus = 1, .slot = 16, .function = 2}};

static void
put_type1(void)
{
	root_put(&world->r, "/dev/vfio/vfio", "");
	root_put(&world->r, "/dev/vfio/20", "");
	root_put(&world->r, "/dev/vfio/21", "");
}

static void
test_type1(void **state)
{
	struct iommu c = IOMMU_CLOSED;
	struct err e = {0};
	int before = fds(), fd = -1;

	put_type1();
	assert_int_equal(iommu_open(&world->r.root, three, 3, &c, &e), 0);
	assert_int_equal(c.kind, VMM_IOMMU_TYPE1);
	assert_string_equal(calls, "status enter type status enter "); /* a group once */
	assert_int_equal(c.n_groups, 2);
	assert_int_equal(fds(), before + 3);
	assert_int_equal(iommu_device(&c, &world->r.root, &three[2], &fd, &e), 0);
	assert_non_null(strstr(calls, "0000:01:10.2"));
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	/* After a detach, once more. */
	assert_int_equal(iommu_device(&c, &world->r.root, &three[2], &fd, &e), 0);
	close(fd);
	world_group(world_vf(2), 22); /* one that was not opened */
	assert_int_equal(iommu_device(&c, &world->r.root, &three[2], &fd, &e), -ENOENT);
	iommu_close(&c);
	assert_int_equal(fds(), before);
	iommu_close(&c);
}

static int
refused(unsigned long request, int error, struct err *e)
{
	struct iommu c = IOMMU_CLOSED;
	int before = fds(), r;

	fails = request;
	fails_with = error;
	r = iommu_open(&world->r.root, three, 3, &c, e);
	assert_int_equal(fds(), before);
	assert_int_equal(c.fd, -1);
	return r;
}

static void
test_type1_refusals(void **state)
{
	struct err e = {0};

	put_type1();
	assert_int_equal(refused(VFIO_SET_IOMMU, EPERM, &e), -EPERM);
	assert_non_null(strstr(e.text, "cannot remap interrupts"));
	assert_non_null(strstr(e.text, "allow_unsafe_interrupts"));
	assert_int_equal(refused(VFIO_SET_IOMMU, ENODEV, &e), -ENODEV);
	assert_int_equal(refused(VFIO_GROUP_SET_CONTAINER, EBUSY, &e), -EBUSY);
	assert_int_equal(refused(VFIO_GROUP_GET_STATUS, EIO, &e), -EIO);
	assert_int_equal(refused(VFIO_CHECK_EXTENSION, ENOTTY, &e), -ENODEV);
	assert_non_null(strstr(e.text, "modprobe vfio_iommu_type1"));
	api_version = 1;
	assert_int_equal(refused(0, 0, &e), -ENODEV);
	api_version = 0;
	group_flags = 0;
	assert_int_equal(refused(0, 0, &e), -EINVAL);
	assert_non_null(strstr(e.text, "IOMMU group 20 is not viable"));
}

/* Who has it is said, and whose device it was about. */
static void
test_taken(void **state)
{
	struct iommu c = IOMMU_CLOSED;
	struct err e = {0};

	put_type1();
	root_put(&world->r, "/proc/4711/comm", "qemu-system-x86\n");
	world_dir("/proc/4711/fd");
	world_link("/proc/4711/fd/9", "/dev/vfio/21");
	taken = true;
	assert_int_equal(iommu_open(&world->r.root, three, 3, &c, &e), -EBUSY);
	taken = false;
	assert_string_equal(e.text,
			    "IOMMU group 21 is in use: process 4711 (qemu-system-x86) has it; end "
			    "it, or choose another device");
	assert_int_equal(c.failed, 1);
	assert_int_equal(refused(VFIO_GET_API_VERSION, ENOTTY, &e), -ENODEV);
}

static void
test_device_refused(void **state)
{
	struct iommu c = IOMMU_CLOSED;
	struct err e = {0};
	int fd = -1;

	put_type1();
	assert_int_equal(iommu_open(&world->r.root, three, 3, &c, &e), 0);
	fails = VFIO_GROUP_GET_DEVICE_FD;
	fails_with = EBUSY;
	assert_int_equal(iommu_device(&c, &world->r.root, &three[0], &fd, &e), -EBUSY);
	assert_int_equal(fd, -1);
	assert_non_null(strstr(e.text, "device 0000:01:10.0"));
	iommu_close(&c);
}

static void
test_nothing_there(void **state)
{
	struct err e = {0};

	assert_int_equal(refused(0, 0, &e), -ENODEV);
	assert_non_null(strstr(e.text, "modprobe vfio-pci"));
	root_put(&world->r, "/dev/iommu", ""); /* without a node for each device it is no use */
	assert_int_equal(refused(0, 0, &e), -ENODEV);
}

static void
put_iommufd(void)
{
	root_put(&world->r, "/dev/iommu", "");
	for (unsigned int i = 0; i < 3; i++) {
		char path[128];

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev/vfio%u/dev",
			 world_vf(i), 4 + i);
		root_put(&world->r, path, "511:4\n");
		snprintf(path, sizeof(path), "/dev/vfio/devices/vfio%u", 4 + i);
		root_put(&world->r, path, "");
	}
}

static void
test_iommufd(void **state)
{
	struct iommu c = IOMMU_CLOSED;
	struct err e = {0};
	int before = fds(), fd = -1;

	put_iommufd();
	assert_int_equal(iommu_open(&world->r.root, three, 3, &c, &e), 0);
	assert_int_equal(c.kind, VMM_IOMMU_IOMMUFD);
	assert_int_equal(c.ioas_id, 42);
	assert_int_equal(iommu_device(&c, &world->r.root, &three[1], &fd, &e), 0);
	assert_string_equal(calls, "alloc bind attach ");
	close(fd);
	fails = IOMMUFD_DEVICE_ATTACH;
	fails_with = EINVAL;
	assert_int_equal(iommu_device(&c, &world->r.root, &three[1], &fd, &e), -EINVAL);
	fails = IOMMUFD_DEVICE_BIND;
	fails_with = EBUSY;
	assert_int_equal(iommu_device(&c, &world->r.root, &three[1], &fd, &e), -EBUSY);
	assert_int_equal(fds(), before + 1);
	iommu_close(&c);
	assert_int_equal(refused(IOMMUFD_IOAS_ALLOC, ENOMEM, &e), -ENOMEM);
	assert_int_equal(fds(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_type1, make, world_drop),
		cmocka_unit_test_setup_teardown(test_type1_refusals, make, world_drop),
		cmocka_unit_test_setup_teardown(test_taken, make, world_drop),
		cmocka_unit_test_setup_teardown(test_device_refused, make, world_drop),
		cmocka_unit_test_setup_teardown(test_nothing_there, make, world_drop),
		cmocka_unit_test_setup_teardown(test_iommufd, make, world_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
