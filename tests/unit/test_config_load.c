/* SPDX-License-Identifier: Apache-2.0 */
/* Files, folders and streams, also hostile ones: size, depth, bytes that are not text. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/config_util.h"

#define HOST    "apiVersion: corelane/v1\nkind: Host\nmetadata: {name: h}\n"
#define NETWORK "apiVersion: corelane/v1\nkind: Network\nmetadata: {name: n}\n"

static char folder[64];

static int
enter_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/corelane-test-XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int
leave_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void
assert_load(const char *path, int want_r, const char *want)
{
	struct config_problems problems;
	struct site *site = NULL;
	int r;

	r = config_load(path, &site, &problems);
	assert_int_equal(r, want_r);
	assert_int_equal(problems.n, want ? 1 : 0);
	if (want)
		assert_string_equal(problems.item[0].text, want);
	assert_int_equal(site != NULL, r == 0);
	config_problems_free(&problems);
	site_free(site);
}

static void
test_missing(void **state)
{
	char longest[2 * PATH_MAX];

	assert_load("no.yaml", -ENOENT, "no.yaml: No such file or directory");
	assert_load("", -ENOENT, ": No such file or directory");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	longest[0] = '/';
	{
		struct config_problems problems;
		struct site *site = NULL;

		assert_int_equal(config_load(longest, &site, &problems), -ENAMETOOLONG);
		assert_int_equal(problems.n, 1);
		config_problems_free(&problems);
		assert_int_equal(config_load_buffer("t", longest, "", 0, &site, &problems),
				 -ENAMETOOLONG);
		assert_string_equal(problems.item[0].text, "t: File name too long");
		config_problems_free(&problems);
	}
	config_problems_free(NULL);
	site_free(NULL);
}

static void
test_empty(void **state)
{
	write_text("empty.yaml", "", 0);
	assert_load("empty.yaml", -EINVAL, "empty.yaml: no document in it");
	write_text("comment.yaml", "# nothing\n---\n---\n", 18);
	assert_load("comment.yaml", -EINVAL, "comment.yaml: no document in it");
	assert_load("/dev/null", -EINVAL, "/dev/null: no document in it");
}

static void
test_too_large(void **state)
{
	static const off_t size[] = {(4 << 20) + 1, INT64_C(2) << 30};
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(size); i++) {
		fd = open("sparse.yaml", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, size[i]), 0);
		close(fd);
		assert_load("sparse.yaml", -EFBIG,
			    "sparse.yaml: larger than 4 MiB; no declaration is");
	}
	assert_load("/dev/zero", -EFBIG, "/dev/zero: larger than 4 MiB; no declaration is");
	assert_int_equal(truncate("sparse.yaml", 4 << 20), 0);
	assert_load(
		"sparse.yaml", -EINVAL,
		"sparse.yaml:1:1: not UTF-8 text: control characters are not allowed (byte 0x00)");
	{
		struct config_problems problems;
		struct site *site = NULL;

		assert_int_equal(config_load_buffer("t", ".", "x", (4 << 20) + 1, &site, &problems),
				 -EFBIG);
		assert_int_equal(problems.n, 1);
		config_problems_free(&problems);
	}
	unlink("sparse.yaml");
}

static void
test_folder(void **state)
{
	struct config_problems problems;
	struct site *site = NULL;

	assert_int_equal(mkdir("site", 0700), 0);
	assert_load("site", -EINVAL, "site: no *.yaml or *.yml in this folder");
	write_text("site/b.yml", NETWORK, strlen(NETWORK));
	write_text("site/a.yaml", HOST, strlen(HOST));
	write_text("site/.hidden.yaml", "]", 1);
	write_text("site/notes.txt", "]", 1);
	write_text("site/c.yaml", "", 0);
	assert_int_equal(config_load("site/", &site, &problems), 0);
	assert_int_equal(site->n_networks, 1);
	assert_string_equal(site->networks[0].where.file, "site/b.yml");
	assert_string_equal(site->host.where.file, "site/a.yaml");
	assert_int_equal(site->host.where.line, 3);
	assert_int_equal(site->host.where.column, 18);
	config_problems_free(&problems);
	site_free(site);
	site = NULL;

	/* Every file is reported, in name order; one that cannot be read stops no other. */
	write_text("site/a.yaml", HOST "spec: {a: b}\n", strlen(HOST) + 13);
	write_text("site/d.yaml", HOST, strlen(HOST));
	assert_int_equal(mkfifo("site/e.yaml", 0600), 0);
	write_text("site/f.yaml", "kind: Host\n", 11);
	assert_int_equal(config_load("site", &site, &problems), -EMEDIUMTYPE);
	assert_null(site);
	assert_int_equal(problems.n, 4);
	assert_string_equal(problems.item[0].text,
			    "site/a.yaml:4:8: host h: unknown key a in spec");
	assert_string_equal(problems.item[1].text,
			    "site/d.yaml:2:7: host h: a site is one host; the other Host document "
			    "is at site/a.yaml:1:1");
	assert_string_equal(problems.item[2].text, "site/e.yaml: not a regular file");
	assert_string_equal(problems.item[3].text,
			    "site/f.yaml:1:7: host: a site is one host; the other Host document is "
			    "at site/a.yaml:1:1");
	config_problems_free(&problems);
}

static void
test_folder_limits(void **state)
{
	char name[64];

	assert_int_equal(mkdir("many", 0700), 0);
	for (int i = 0; i < 1001; i++) {
		snprintf(name, sizeof(name), "many/%04d.yaml", i);
		write_text(name, "", 0);
	}
	assert_load("many", -E2BIG, "many: more than 1000 files");
	assert_int_equal(unlink("many/0000.yaml"), 0);
	assert_load("many", -EINVAL, "many: no document in it");
}

/* Many files that each stay within the limits do not get past them together. */
static void
test_folder_values(void **state)
{
	const size_t size = 2 * 100000;
	char *text = malloc(size), name[64];

	assert_non_null(text);
	for (size_t i = 0; i < size; i += 2)
		memcpy(text + i, ",1", 2);
	text[0] = '[';
	text[size - 1] = ']';
	assert_int_equal(mkdir("values", 0700), 0);
	for (int i = 0; i < 4; i++) {
		struct config_problems problems;
		struct site *site = NULL;

		snprintf(name, sizeof(name), "values/%d.yaml", i);
		write_text(name, text, size);
		assert_int_equal(config_load("values", &site, &problems), -EINVAL);
		assert_int_equal(problems.n, i + 1);
		if (i < 2)
			assert_string_equal(problems.item[i].text + 13,
					    ":1:1: a document needs a kind: Host, Network or VNF");
		else
			assert_non_null(strstr(problems.item[i].text,
					       ": more than 262144 values in one site"));
		config_problems_free(&problems);
	}
	free(text);
}

static void
test_unreadable_folder(void **state)
{
	assert_int_equal(mkdir("closed", 0700), 0);
	if (geteuid() == 0) {
		/* root opens any folder: one that vanishes behind a link shows the same path */
		assert_int_equal(symlink("closed/gone", "closed/x.yaml"), 0);
		assert_load("closed", -ENOENT, "closed/x.yaml: No such file or directory");
		return;
	}
	assert_int_equal(chmod("closed", 0), 0);
	assert_load("closed", -EACCES, "closed: Permission denied");
}

static void
test_base_dir(void **state)
{
	static const char vnf[] = "apiVersion: corelane/v1\nkind: VNF\nmetadata: {name: v}\n"
				  "spec: {boot: {probe: }, memory: {size: 2Mi}}\n";
	static const struct {
		const char *path, *want;
	} c[] = {{"v.yaml", "."}, {"./v.yaml", "."}, {"dir/v.yaml", "dir"}, {"dir", "dir"}};
	struct config_problems problems;
	struct site *site;

	assert_int_equal(mkdir("dir", 0700), 0);
	write_text("v.yaml", vnf, sizeof(vnf) - 1);
	write_text("dir/v.yaml", vnf, sizeof(vnf) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		assert_int_equal(config_load(c[i].path, &site, &problems), 0);
		assert_string_equal(site->vnfs[0].base_dir, c[i].want);
		assert_string_equal(site->host.name, "default");
		assert_true(site->host.housekeeping_auto);
		assert_null(site->host.where.file);
		site_free(site);
		config_problems_free(&problems);
	}
	assert_load("/none.yaml", -ENOENT, "/none.yaml: No such file or directory");
}

static void
test_stdin(void **state)
{
	struct config_problems problems;
	struct site *site = NULL;
	int pipe_fd[2], saved = dup(STDIN_FILENO);

	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(write(pipe_fd[1], NETWORK "...\n---\n[", strlen(NETWORK) + 9),
			 strlen(NETWORK) + 9);
	close(pipe_fd[1]);
	assert_true(dup2(pipe_fd[0], STDIN_FILENO) >= 0);
	assert_int_equal(config_load("-", &site, &problems), -EINVAL);
	assert_int_equal(problems.n, 1);
	assert_string_equal(problems.item[0].text,
			    "stdin:7:1: not YAML: did not find expected node content (while "
			    "parsing a flow node from line 7)");
	config_problems_free(&problems);
	/* At the end of the pipe, and still open: config_load() closes only what it opened. */
	assert_int_equal(config_load("-", &site, &problems), -EINVAL);
	assert_string_equal(problems.item[0].text, "stdin: no document in it");
	config_problems_free(&problems);
	close(STDIN_FILENO);
	assert_int_equal(config_load("-", &site, &problems), -EBADF);
	assert_string_equal(problems.item[0].text, "stdin: Bad file descriptor");
	config_problems_free(&problems);
	assert_true(dup2(saved, STDIN_FILENO) >= 0);
	close(saved);
	close(pipe_fd[0]);
}

static void
test_dump_fails(void **state)
{
	struct config_problems problems;
	struct site *site;
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	assert_int_equal(config_load_buffer("t", ".", HOST, strlen(HOST), &site, &problems), 0);
	assert_int_equal(config_dump(site, full), -EIO);
	fclose(full);
	site_free(site);
	config_problems_free(&problems);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_folder_limits),
		cmocka_unit_test(test_folder_values),
		cmocka_unit_test(test_unreadable_folder),
		cmocka_unit_test(test_base_dir),
		cmocka_unit_test(test_stdin),
		cmocka_unit_test(test_dump_fails),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
