/* SPDX-License-Identifier: Apache-2.0 */
/* Images that are opened, locked and refused; seeds that cloud-init will read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "appliance/check.h"
#include "appliance/disk_image.h"
#include "appliance/seed.h"

static char dir[] = "/tmp/corelane-disk.XXXXXX";

static int
set_up(void **state)
{
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int
tear_down(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") == 0 ? system(command) : -1;
}

static void
make(const char *name, const char *head, size_t head_len, off_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, head, head_len), head_len);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void
refused(const char *path, bool read_only, const char *words)
{
	struct err e = {0};
	int fd = -1;

	if (disk_image_open(path, read_only, false, 0, &fd, &e) == 0)
		fail_msg("%s was opened", path);
	assert_int_equal(fd, -1);
	if (!strstr(e.text, words))
		fail_msg("%s: \"%s\" does not say \"%s\"", path, e.text, words);
}

static void
images(void **state)
{
	make("empty", "", 0, 0);
	make("odd", "", 0, 1000);
	make("qcow2", "QFI\xfb", 4, 65536);
	make("gzip", "\x1f\x8b\x08", 3, 65536);
	make("xz",
	     "\xfd"
	     "7zXZ",
	     6, 65536);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	refused("nothing", false, "no such file; put it beside the declaration");
	refused("empty", false,
		"has 0 bytes, which is not one or more sectors of 512 (truncate -s 1048576");
	refused("odd", true, "has 1000 bytes");
	refused("qcow2", false, "is a qcow2 image, not a raw one; qemu-img convert -O raw");
	refused("gzip", true, "is packed or not raw (gzip)");
	refused("xz", true, "is packed or not raw (xz)");
	refused(".", true, "neither a regular file nor a block device");
	refused("fifo", false, "neither a regular file nor a block device");
	refused("/dev/null", false, "neither a regular file nor a block device");
}

static int
open_one(bool read_only)
{
	struct err e = {0};
	int fd, r = disk_image_open("raw", read_only, false, 0, &fd, &e);

	if (r == 0)
		return fd;
	assert_int_equal(r, -EBUSY);
	assert_non_null(strstr(e.text, "is used by another process"));
	return -1;
}

static void
one_writer_or_many_readers(void **state)
{
	int a, b;

	make("raw", "", 0, 4096);
	a = open_one(false);
	assert_true(a >= 0);
	assert_int_equal(fcntl(a, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
	assert_int_equal(open_one(false), -1);
	assert_int_equal(open_one(true), -1);
	close(a);
	a = open_one(true);
	b = open_one(true);
	assert_true(a >= 0 && b >= 0);
	assert_int_equal(fcntl(a, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(open_one(false), -1);
	close(a);
	assert_int_equal(open_one(false), -1);
	close(b);
	a = open_one(false);
	assert_true(a >= 0);
	close(a);
}

/* Somebody who is about to let go is waited for. */
static void
a_lock_that_goes_away(void **state)
{
	struct err e = {0};
	int holder, fd, status;
	pid_t child;

	make("raw", "", 0, 4096);
	holder = open_one(false);
	assert_true(holder >= 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
		_exit(0);
	}
	close(holder); /* the child has it now */
	assert_int_equal(open_one(false), -1);
	assert_int_equal(disk_image_open("raw", false, false, 10000, &fd, &e), 0);
	close(fd);
	assert_int_equal(waitpid(child, &status, 0), child);
}

static void
direct(void **state)
{
	struct err e = {0};
	int fd;

	make("raw", "", 0, 4096);
	if (disk_image_open("raw", false, true, 0, &fd, &e) < 0) {
		if (!strstr(e.text, "say \"direct: false\""))
			fail_msg("%s", e.text);
		return;
	}
	assert_true(fcntl(fd, F_GETFL) & O_DIRECT);
	close(fd);
	/* A file system that has no such thing. */
	assert_true(disk_image_open("/proc/version", true, true, 0, &fd, &e) < 0);
	assert_non_null(strstr(e.text, "takes no direct I/O"));
}

/* --- check_disks --- */

static char said[2048];

static void
listen_to(void *arg, const char *text)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

static int
check(struct site_disk *a, struct site_disk *b)
{
	struct site_vnf vnf[2] = {{.name = "fw1", .disks = a, .n_disks = 1},
				  {.name = "fw2", .disks = b, .n_disks = 1}};
	struct plan_vnf in_plan[2] = {{.vnf = &vnf[0]}, {.vnf = &vnf[1]}};
	struct plan plan = {.vnf = in_plan, .n_vnfs = 2};
	struct sysroot root;
	const struct check c = {.plan = &plan, .say = listen_to, .root = &root};
	int status = EXIT_OK;

	assert_int_equal(sysroot_open(dir, &root), 0);
	said[0] = '\0';
	check_disks(&c, &status);
	sysroot_close(&root);
	return status;
}

static void
two_users(void **state)
{
	struct site_disk a = {.name = "root",
			      .image = "raw",
			      .queues = 1,
			      .image_where = {"s.yaml", 3, 5}};
	struct site_disk b = a;
	int fd;

	make("raw", "", 0, 4096);
	make("other", "", 0, 4096);
	snprintf(b.name, sizeof(b.name), "data");
	b.image_where.line = 9;
	assert_int_equal(symlink("raw", "link"), 0);
	snprintf(b.image, sizeof(b.image), "link");
	assert_int_equal(check(&a, &b), EXIT_INVALID);
	assert_string_equal(said,
			    "s.yaml:9:5: vnf fw2, disk data: image link is disk root of vnf fw1 "
			    "too; give one of them a copy, or both \"readOnly: true\"\n");
	a.read_only = true;
	assert_int_equal(check(&a, &b), EXIT_INVALID);
	b.read_only = true;
	assert_int_equal(check(&a, &b), EXIT_OK);
	assert_string_equal(said, "");
	a.read_only = b.read_only = false;
	snprintf(b.image, sizeof(b.image), "other");
	assert_int_equal(check(&a, &b), EXIT_OK);
	/* Nothing stays locked; but what somebody else has is refused. */
	fd = open_one(false);
	assert_true(fd >= 0);
	assert_int_equal(check(&a, &b), EXIT_REFUSED);
	assert_string_equal(
		said, "s.yaml:3:5: vnf fw1, disk root: image raw: is used by another process; "
		      "stop that first (lsof says which it is)\n");
	close(fd);
	assert_int_equal(
		system("mkdir -p proc/sys/kernel; echo 2 >proc/sys/kernel/io_uring_disabled"), 0);
	assert_int_equal(check(&a, &b), EXIT_REFUSED);
	assert_string_equal(said, "this host forbids io_uring, which disks need; sysctl "
				  "kernel.io_uring_disabled=0 allows it\n");
	assert_int_equal(system("echo 1 >proc/sys/kernel/io_uring_disabled"), 0);
	assert_int_equal(check(&a, &b), EXIT_OK);
	snprintf(b.image, sizeof(b.image), "gone");
	assert_int_equal(check(&a, &b), EXIT_INVALID);
	assert_non_null(strstr(said, "s.yaml:9:5: vnf fw2, disk data: image gone: no such file"));
}

/* --- seeds --- */

static char *
contents(int fd, size_t *ret_n)
{
	struct stat st;
	char *p;

	assert_int_equal(fstat(fd, &st), 0);
	p = malloc((size_t)st.st_size);
	assert_int_equal(pread(fd, p, (size_t)st.st_size, 0), st.st_size);
	*ret_n = (size_t)st.st_size;
	return p;
}

/* The text of file @name in the image, as a reader of ISO 9660 sees it; NULL: there is none. */
static char *
file_in(const char *image, size_t n, const char *name)
{
	struct archive *a = archive_read_new();
	struct archive_entry *f;
	char *text = NULL;

	archive_read_support_format_iso9660(a);
	assert_int_equal(archive_read_open_memory(a, image, n), ARCHIVE_OK);
	while (!text && archive_read_next_header(a, &f) == ARCHIVE_OK) {
		size_t size = (size_t)archive_entry_size(f);

		if (strcmp(archive_entry_pathname(f), name) != 0)
			continue;
		assert_int_equal(archive_entry_mtime(f), 0);
		text = calloc(1, size + 1);
		assert_int_equal(archive_read_data(a, text, size), size);
	}
	archive_read_free(a);
	return text;
}

static void
seed(const char *user_data, const char *network_data)
{
	const struct site_disk d = {.name = "seed",
				    .kind = DISK_CLOUD_INIT,
				    .user_data = (char *)user_data,
				    .network_data = (char *)network_data};
	struct err e = {0};
	char *image, *text;
	size_t n;
	int fd = -1;

	if (seed_make("fw1", &d, &fd, &e) < 0)
		fail_msg("%s", e.text);
	image = contents(fd, &n);
	assert_int_equal(n % 2048, 0);
	assert_memory_equal(image + 32768, "\1CD001\1", 7);
	/* Capitals are all that the one descriptor may have; cloud-init takes both. */
	assert_memory_equal(image + 32768 + 40, "CIDATA  ", 8);
	assert_memory_equal(image + 34816 + 40, "\0c\0i\0d\0a\0t\0a", 12);
	text = file_in(image, n, "meta-data");
	assert_string_equal(text, "instance-id: \"fw1\"\nlocal-hostname: \"fw1\"\n");
	free(text);
	text = file_in(image, n, "user-data");
	assert_string_equal(text, user_data ? user_data : "");
	free(text);
	text = file_in(image, n, "network-config");
	if (network_data)
		assert_string_equal(text, network_data);
	else
		assert_null(text);
	free(text);
	free(image);
	/* Nobody can change it. */
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE);
	close(fd);
}

static void
seeds(void **state)
{
	char *big = malloc((1 << 20) + 1);

	seed("#cloud-config\nhostname: x\n", "{\"version\": 2}");
	seed(NULL, NULL);
	seed("", "");
	seed("x", NULL);
	for (size_t n = 2047; n <= 2049; n++) {
		memset(big, 'n', n);
		big[n] = '\0';
		seed(big, big);
	}
	memset(big, 'u', 1 << 20);
	big[1 << 20] = '\0';
	seed(big, "{}");
	free(big);
}

static void
same_bytes(void **state)
{
	const struct site_disk d = {.kind = DISK_CLOUD_INIT,
				    .user_data = (char *)"#cloud-config\n",
				    .network_data = (char *)"{}"};
	struct err e = {0};
	char *a, *b;
	size_t n, m;
	int fd;

	assert_int_equal(seed_make("fw1", &d, &fd, &e), 0);
	a = contents(fd, &n);
	close(fd);
	nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100000000}, NULL);
	assert_int_equal(seed_make("fw1", &d, &fd, &e), 0);
	b = contents(fd, &m);
	close(fd);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
	free(a);
	free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images),
		cmocka_unit_test(one_writer_or_many_readers),
		cmocka_unit_test(a_lock_that_goes_away),
		cmocka_unit_test(direct),
		cmocka_unit_test(two_users),
		cmocka_unit_test(seeds),
		cmocka_unit_test(same_bytes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
