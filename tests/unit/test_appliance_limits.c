/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a site's files fit into the limit of this process, before anything is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/limits.h"
#include "base/err.h"

static struct site_interface nics[8];
static struct site_vnf vnfs[2];
static struct site site = {.vnfs = vnfs};

/* In a child: a hard limit that was lowered stays so. What limits_files() says there, 99 when the limit is wrong after. */
static int
with_limit(rlim_t hard)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit l = {32, hard};
		int r;

		if (setrlimit(RLIMIT_NOFILE, &l) < 0)
			_exit(98);
		r = limits_files(&site);
		getrlimit(RLIMIT_NOFILE, &l);
		_exit(l.rlim_cur == (r == EXIT_OK ? hard : 32) ? r : 99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
declare(size_t n_vnfs, size_t n_nics, enum interface_kind kind)
{
	site.n_vnfs = n_vnfs;
	for (size_t i = 0; i < 8; i++)
		nics[i] = (struct site_interface){.kind = kind, .queues = 1};
	for (size_t i = 0; i < 2; i++)
		vnfs[i] = (struct site_vnf){.cpu = {.vcpus = 2},
					    .interfaces = nics,
					    .n_interfaces = n_nics};
}

static void
a_small_site(void **state)
{
	declare(1, 2, IF_SWITCH);
	assert_int_equal(with_limit(256), EXIT_OK);
	assert_int_equal(with_limit(128), EXIT_REFUSED);
}

/* A VMM has an event for each vector of its virtual functions; another VNF's are another process's. */
static void
vectors_count(void **state)
{
	declare(1, 8, IF_SRIOV);
	assert_int_equal(with_limit(576), EXIT_REFUSED); /* they alone are 512 */
	assert_int_equal(with_limit(1024), EXIT_OK);
	declare(2, 8, IF_SRIOV);
	assert_int_equal(with_limit(1024), EXIT_OK);
}

static void
queues_and_ports_count(void **state)
{
	declare(1, 8, IF_TAP);
	for (size_t i = 0; i < 8; i++)
		nics[i].queues = 16;
	assert_int_equal(with_limit(768), EXIT_REFUSED);
	assert_int_equal(with_limit(2048), EXIT_OK);
	declare(1, 0, IF_TAP);
	vnfs[0].cpu.vcpus = 128;
	vnfs[0].console.n_ports = SITE_PORTS_MAX;
	assert_int_equal(with_limit(160), EXIT_REFUSED);
	assert_int_equal(with_limit(512), EXIT_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_site),
		cmocka_unit_test(vectors_count),
		cmocka_unit_test(queues_and_ports_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
