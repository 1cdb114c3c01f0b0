/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing below a root, and not outside it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sysroot.h"

static char root[64];

static void
put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
make_root(void **state)
{
	static struct sysroot s;
	char path[128];

	snprintf(root, sizeof(root), "/tmp/corelane-test-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/sys", root);
	if (mkdir(path, 0700) < 0 || sysroot_open(root, &s) < 0)
		return -1;
	*state = &s;
	return 0;
}

static int
remove_root(void **state)
{
	char command[128];

	sysroot_close(*state);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command) == 0 ? 0 : -1;
}

static void
test_open_close(void **state)
{
	struct sysroot s = {.dirfd = 77};
	int fd;

	assert_int_equal(sysroot_open("/nonexistent-root", &s), -ENOENT);
	assert_int_equal(s.dirfd, 77);
	assert_int_equal(sysroot_open("/dev/null", &s), -ENOTDIR);
	assert_int_equal(sysroot_open(NULL, &s), 0);
	assert_true(sysroot_exists(&s, "/proc/%d", getpid()));
	fd = s.dirfd;
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	sysroot_close(&s);
	assert_int_equal(s.dirfd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	sysroot_close(&s); /* twice is harmless */
}

static void
test_read(void **state)
{
	const struct sysroot *s = *state;
	char buf[16] = "untouched";

	put("sys/a", "hello \t\r\n\n");
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/%s", "a"), 0);
	assert_string_equal(buf, "hello");
	put("sys/empty", "\n");
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/empty"), 0);
	assert_string_equal(buf, "");
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/none"), -ENOENT);
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys"), -EISDIR);
}

static void
test_too_big(void **state)
{
	const struct sysroot *s = *state;
	char buf[8];

	put("sys/seven", "1234567");
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/seven"), 0);
	assert_string_equal(buf, "1234567");
	put("sys/eight", "12345678");
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/eight"), -EFBIG);
}

static void
test_numbers(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t v;
	} c[] = {
		{"0\n", 0, 0},
		{"4096\n", 0, 4096},
		{"0x8086\n", 0, 0x8086},
		{"18446744073709551615\n", 0, UINT64_MAX},
		{"18446744073709551616\n", -EINVAL, 0},
		{"-1\n", -EINVAL, 0},
		{"\n", -EINVAL, 0},
		{"12 34\n", -EINVAL, 0},
		{"7fff\n", -EINVAL, 0},
		{"one\n", -EINVAL, 0},
		{" -5\n", -EINVAL, 0},
		{" 5\n", -EINVAL, 0},
	};
	const struct sysroot *s = *state;

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		uint64_t v = 4711;
		int r;

		put("sys/n", c[i].text);
		r = sysroot_read_u64(s, &v, "/sys/n");
		if (r != c[i].r || v != (r == 0 ? c[i].v : 4711))
			fail_msg("\"%s\": %d, %llu", c[i].text, r, (unsigned long long)v);
	}
	{
		uint64_t v;

		assert_int_equal(sysroot_read_u64(s, &v, "/sys/none"), -ENOENT);
	}
}

static void
test_cpuset(void **state)
{
	const struct sysroot *s = *state;
	struct cpuset set;

	put("sys/online", "0-3,7\n");
	assert_int_equal(sysroot_read_cpuset(s, &set, "/sys/online"), 0);
	assert_int_equal(cpuset_count(&set), 5);
	put("sys/online", "zero\n");
	assert_int_equal(sysroot_read_cpuset(s, &set, "/sys/online"), -EINVAL);
	assert_int_equal(sysroot_read_cpuset(s, &set, "/sys/none"), -ENOENT);
}

static void
test_write(void **state)
{
	const struct sysroot *s = *state;
	char buf[32];

	put("sys/w", "a longer text than the new one");
	assert_int_equal(sysroot_write_str(s, "new", "/sys/w"), 0);
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/w"), 0);
	assert_string_equal(buf, "new");
	/* A knob that the kernel does not have is an error, not a new file. */
	assert_int_equal(sysroot_write_str(s, "new", "/sys/none"), -ENOENT);
	assert_false(sysroot_exists(s, "/sys/none"));
}

/* What a kernel that refuses a value looks like. */
static void
test_write_fails(void **state)
{
	struct sysroot live;

	assert_int_equal(sysroot_open("/", &live), 0);
	assert_int_equal(sysroot_write_str(&live, "x", "/dev/full"), -ENOSPC);
	sysroot_close(&live);
}

static void
test_climbing(void **state)
{
	static const char *const bad[] = {"/..",     "/../etc/passwd", "/sys/../../etc",
					  "/sys/..", "sys/a",          "",
					  ".."};
	const struct sysroot *s = *state;
	char buf[16], longest[5000];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "%s", bad[i]), -EINVAL);
		assert_int_equal(sysroot_write_str(s, "x", "%s", bad[i]), -EINVAL);
		assert_int_equal(sysroot_openat(s, O_RDONLY, "%s", bad[i]), -EINVAL);
		assert_false(sysroot_exists(s, "%s", bad[i]));
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	longest[0] = '/';
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "%s", longest), -ENAMETOOLONG);
	put("sys/..b", "ok");
	put("sys/c..", "ok");
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/..b"), 0);
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/c.."), 0);
}

/* A captured host's absolute links mean its own files, not this machine's. */
static void
test_links_stay_inside(void **state)
{
	const struct sysroot *s = *state;
	char path[256], buf[64];

	put("sys/inside", "captured");
	snprintf(path, sizeof(path), "%s/sys/link", root);
	assert_int_equal(symlink("/sys/inside", path), 0);
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/link"), 0);
	assert_string_equal(buf, "captured");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(sysroot_read_str(s, buf, sizeof(buf), "/sys/link"), -ENOENT);
	assert_int_equal(sysroot_write_str(s, "x", "/sys/link"), -ENOENT);
	assert_int_equal(unlink(path), 0);
}

static void
test_openat(void **state)
{
	const struct sysroot *s = *state;
	int fd;

	assert_true(sysroot_exists(s, "/"));
	fd = sysroot_openat(s, O_RDONLY | O_DIRECTORY, "/sys");
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	fd = sysroot_openat(s, O_RDWR | O_CREAT | O_EXCL, "/sys/made");
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sysroot_openat(s, O_RDWR | O_CREAT | O_EXCL, "/sys/made"), -EEXIST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_close),  cmocka_unit_test(test_read),
		cmocka_unit_test(test_too_big),     cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_cpuset),      cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_fails), cmocka_unit_test(test_climbing),
		cmocka_unit_test(test_openat),      cmocka_unit_test(test_links_stay_inside),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
