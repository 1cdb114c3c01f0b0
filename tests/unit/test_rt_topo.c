/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topologies: this machine, a captured one, descriptions, files; and everything that is none of
 * them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <hwloc.h>

#include "rt/topo.h"
#include "test_rt_root.h"

#define SERVER "tests/golden/plan/server.xml"

static struct topo *
expect_topo(const char *spec)
{
	struct topo *t = NULL;
	struct err e = {0};

	if (topo_from(spec, &t, &e) < 0)
		fail_msg("%s", e.text);
	assert_false(t->live);
	assert_false(t->virtualised);
	return t;
}

/* Nothing but the error may come out: hwloc is not to write to our stderr. */
static void
expect_no_topo(const char *spec, int code, const char *words)
{
	char noise[64];
	struct topo *t = NULL;
	struct err e = {0};
	int pipe_fds[2], saved = dup(STDERR_FILENO), r;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(pipe_fds[1], STDERR_FILENO);
	r = topo_from(spec, &t, &e);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], noise, sizeof(noise)), 0);
	close(pipe_fds[0]);
	assert_null(t);
	if (r != -code || !strstr(e.text, words))
		fail_msg("\"%.60s\": got %d \"%s\", wanted %d with \"%s\"", spec, r, e.text, -code,
			 words);
	for (const char *p = e.text; *p; p++)
		assert_in_range(*p, 0x20, 0x7e);
}

static void
test_live(void **state)
{
	struct sysroot root;
	struct topo *t = NULL;
	struct err e = {0};
	cpu_set_t mask;
	uint64_t free_2m, sum = 0;

	assert_int_equal(sysroot_open(NULL, &root), 0);
	assert_int_equal(topo_live(&root, &t, &e), 0);
	assert_string_equal(t->source, "this machine");
	assert_true(t->live);
	assert_true(t->n_nodes >= 1);
	assert_int_equal(t->node[0].distance[0], 10);
	sched_getaffinity(0, sizeof(mask), &mask);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		const struct topo_cpu *c = topo_find_cpu(t, cpu);

		if (CPU_ISSET(cpu, &mask))
			assert_non_null(c);
		if (c)
			assert_in_range(c->node, 0, t->n_nodes - 1);
	}
	for (size_t i = 0; i < t->n_nodes; i++)
		sum += t->node[i].total_2m;
	if (sysroot_read_u64(&root, &free_2m,
			     "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages") == 0)
		assert_int_equal(sum, free_2m);
	topo_free(t);
	sysroot_close(&root);
}

/* The environment must not be able to replace the machine. */
static void
test_live_ignores_environment(void **state)
{
	struct sysroot root;
	struct topo *t = NULL;
	struct err e = {0};

	setenv("HWLOC_SYNTHETIC", "pack:8 core:8 pu:2", 1);
	setenv("HWLOC_XMLFILE", SERVER, 1);
	assert_int_equal(sysroot_open(NULL, &root), 0);
	assert_int_equal(topo_live(&root, &t, &e), 0);
	unsetenv("HWLOC_SYNTHETIC");
	unsetenv("HWLOC_XMLFILE");
	assert_true((long)t->n_cpus <= sysconf(_SC_NPROCESSORS_CONF));
	topo_free(t);
	sysroot_close(&root);
}

/* In a child whose affinity is one CPU: only that one is seen. Also with SIGCHLD ignored. */
static void
test_live_follows_affinity(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct sysroot root;
		struct topo *t = NULL;
		cpu_set_t mask;
		int cpu = 0;

		signal(SIGCHLD, SIG_IGN);
		sched_getaffinity(0, sizeof(mask), &mask);
		while (!CPU_ISSET(cpu, &mask))
			cpu++;
		CPU_ZERO(&mask);
		CPU_SET(cpu, &mask);
		if (sched_setaffinity(0, sizeof(mask), &mask) < 0 ||
		    sysroot_open(NULL, &root) < 0 || topo_live(&root, &t, NULL) < 0)
			_exit(2);
		_exit(t->n_cpus == 1 && t->cpu[0].os == cpu && t->cpu[0].core == 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_unreadable_pci(void **state)
{
	struct test_root r;
	struct topo *t = NULL;
	struct err e = {0};

	root_make(&r);
	root_put_machine(&r);
	root_put(&r, "/sys/bus/pci/devices", "no folder\n");
	assert_int_equal(topo_live(&r.root, &t, &e), -ENOTDIR);
	assert_null(t);
	assert_string_equal(e.text, "/sys/bus/pci/devices: Not a directory");
	root_remove(&r);
}

static void
test_captured(void **state)
{
	struct test_root r;
	struct topo *t = NULL;
	struct err e = {0};

	root_make(&r);
	root_put_machine(&r);
	root_put(&r, "/sys/bus/pci/devices/0000:41:00.0/class", "0x020000\n");
	root_put(&r, "/sys/bus/pci/devices/0000:41:00.0/sriov_totalvfs", "7\n");
	root_put(&r, "/sys/bus/pci/devices/0000:41:00.0/numa_node", "1\n");
	assert_int_equal(topo_live(&r.root, &t, &e), 0);
	assert_true(t->pfs_known);
	assert_int_equal(t->n_pfs, 1);
	assert_int_equal(t->pf[0].node, 1);
	assert_string_equal(t->source, "the captured host");
	assert_true(t->live);
	assert_false(t->virtualised);
	assert_int_equal(t->n_cpus, 4);
	assert_int_equal(t->n_nodes, 2);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(t->cpu[i].os, i);
		assert_int_equal(t->cpu[i].core, i);
		assert_int_equal(t->cpu[i].l3, i / 2);
		assert_int_equal(t->cpu[i].package, i / 2);
		assert_int_equal(t->cpu[i].node, i / 2);
		assert_int_equal(t->cpu[i].isolated, i >= 2);
	}
	assert_int_equal(t->node[1].free_2m, 101);
	assert_int_equal(t->node[1].total_2m, 201);
	assert_int_equal(t->node[0].free_1g, 2);
	assert_int_equal(t->node[0].total_1g, 4);
	assert_int_equal(t->node[0].distance[1], 21);
	assert_true(t->node[0].mem_bytes > 0);
	topo_free(t);

	root_put(&r, "/sys/fs/cgroup/cpuset.cpus.isolated", "1\n");
	assert_int_equal(topo_live(&r.root, &t, &e), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(t->cpu[i].isolated, i >= 1);
	topo_free(t);

	root_put(&r, "/proc/cpuinfo", "processor: 0\nflags\t: fpu hypervisor\n");
	assert_int_equal(topo_live(&r.root, &t, &e), 0);
	assert_true(t->virtualised);
	topo_free(t);
	root_put(&r, "/proc/cpuinfo",
		 "processor: 0\nflags\t: fpu not_a_hypervisor\nbugs: hypervisor x\n");
	root_put(&r, "/sys/hypervisor/type", "xen\n");
	assert_int_equal(topo_live(&r.root, &t, &e), 0);
	assert_true(t->virtualised);
	topo_free(t);
	root_put(&r, "/sys/hypervisor/type", NULL);
	assert_int_equal(topo_live(&r.root, &t, &e), 0);
	assert_false(t->virtualised);
	topo_free(t);
	root_remove(&r);
}

/* A kernel without NUMA has its pages in one place; nonsense in a file is no page. */
static void
test_captured_without_nodes(void **state)
{
	struct test_root r;
	struct topo *t = NULL;
	struct err e = {0};

	root_make(&r);
	root_put(&r, "/sys/devices/system/cpu/online", "0\n");
	root_put(&r, "/sys/devices/system/cpu/cpu0/topology/core_cpus", "1\n");
	root_put(&r, "/sys/devices/system/cpu/cpu0/topology/package_cpus", "1\n");
	root_put(&r, "/sys/devices/system/cpu/isolated", "garbage\n");
	root_put(&r, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "7\n");
	root_put(&r, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "9\n");
	root_put(&r, "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "many\n");
	assert_int_equal(topo_live(&r.root, &t, &e), 0);
	assert_int_equal(t->n_nodes, 1);
	assert_int_equal(t->node[0].free_2m, 7);
	assert_int_equal(t->node[0].total_2m, 9);
	assert_int_equal(t->node[0].free_1g, 0);
	assert_false(t->cpu[0].isolated);
	topo_free(t);
	root_remove(&r);
}

/*
 * The host of @spec with nothing in the nodes that have 7 bytes. By way of XML: newer hwlocs take
 * memory=0 in a description for "as usual".
 */
static struct topo *
expect_emptied(const char *spec)
{
	char path[] = "/tmp/corelane-topo-XXXXXX.xml";
	int fd = mkstemps(path, 4);
	hwloc_topology_t h;
	hwloc_obj_t node = NULL;
	struct topo *t;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(hwloc_topology_init(&h), 0);
	assert_int_equal(hwloc_topology_set_synthetic(h, spec), 0);
	assert_int_equal(hwloc_topology_load(h), 0);
	while ((node = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, node)))
		if (node->attr->numanode.local_memory == 7)
			node->attr->numanode.local_memory = 0;
	assert_int_equal(hwloc_topology_export_xml(h, path, 0), 0);
	hwloc_topology_destroy(h);
	t = expect_topo(path);
	assert_int_equal(unlink(path), 0);
	return t;
}

static void
test_descriptions(void **state)
{
	struct topo *t = expect_topo("pack:2 numa:2 l3:1 core:3 pu:2");

	assert_int_equal(t->n_cpus, 24);
	assert_int_equal(t->n_nodes, 4);
	assert_int_equal(t->node[0].mem_bytes, 0);
	assert_int_equal(t->node[0].distance[0], 10);
	assert_int_equal(t->node[0].distance[1], 12); /* sub-NUMA */
	assert_int_equal(t->node[0].distance[2], 20);
	assert_int_equal(t->cpu[23].core, 11);
	assert_int_equal(t->cpu[23].node, 3);
	assert_int_equal(t->cpu[23].package, 1);
	assert_int_equal(t->cpu[23].l3, 3);
	assert_null(topo_find_cpu(t, 24));
	assert_null(topo_find_cpu(t, -1));
	topo_free(t);

	t = expect_topo("pu:3"); /* no cores, no caches: each CPU is a core */
	assert_int_equal(t->n_cpus, 3);
	assert_int_equal(t->cpu[2].core, 2);
	assert_int_equal(t->cpu[2].l3, -1);
	topo_free(t);

	/* A second node in each package, without memory: not there for us. */
	t = expect_emptied("pack:2 [numa(memory=1073741824)] [numa(memory=7)] core:2 pu:1");
	assert_int_equal(t->n_nodes, 2);
	assert_int_equal(t->node[0].os, 0);
	assert_int_equal(t->node[1].os, 2);
	assert_int_equal(t->node[1].mem_bytes, 1 << 30);
	assert_int_equal(t->cpu[3].node, 1);
	topo_free(t);

	/* The only node with memory is the machine's; the packages' own are empty. */
	t = expect_emptied("[numa(memory=1024)] pack:2 [numa(memory=7)] core:2 pu:1");
	assert_int_equal(t->n_nodes, 1);
	assert_int_equal(t->cpu[3].node, 0);
	topo_free(t);
}

static void
test_largest(void **state)
{
	struct topo *t = expect_topo("pack:64 core:16 pu:1");

	assert_int_equal(t->n_cpus, 1024);
	topo_free(t);
	expect_no_topo("pack:2 core:513 pu:1", ERANGE, "more than 1024 CPUs");
	expect_no_topo("core:2 pu:1(indexes=0,1024)", ERANGE, "numbered above 1023");
	expect_no_topo("numa:65 core:1 pu:1", ERANGE, "more than 64 NUMA nodes");
}

static void
test_bad_descriptions(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"nonsense",
		"pack:",
		"pack:0 pu:1",
		"core:-1 pu:1",
		"pu:1 core:1",
		"pack:2 numa",
		"((((((((",
		"core:2\npu:1\x1b[31m\xff",
		"%s%n%s%n",
		"xml",
		".xml",
	};
	static const char *const large_ones[] = {
		"core:99999999999999999999 pu:1",
		"core:100000000 pu:1",
		"2 4 200",
		"core:100000 core:100000 pu:1",
		"pack:4294967296 core:4294967296 pu:1",
	};
	char *large = malloc(1 << 20);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_no_topo(bad[i], EINVAL, "give a file");
	for (size_t i = 0; i < ARRAY_SIZE(large_ones); i++)
		expect_no_topo(large_ones[i], ERANGE, "more than 1024 CPUs");
	memset(large, '9', 1 << 20);
	large[(1 << 20) - 1] = '\0';
	expect_no_topo(large, ERANGE, "...");
	free(large);
}

static void
test_files_that_are_none(void **state)
{
	struct test_root r;
	char path[128], deep[128], *text;
	int fd;

	root_make(&r);
	snprintf(path, sizeof(path), "%s/t.xml", r.dir);
	expect_no_topo(path, ENOENT, "cannot be read: No such file");
	mkdir(path, 0755);
	expect_no_topo(path, EISDIR, "Is a directory");
	rmdir(path);
	mkfifo(path, 0644);
	expect_no_topo(path, EINVAL, "cannot be read");
	unlink(path);
	root_put(&r, "/t.xml", "");
	expect_no_topo(path, EINVAL, "that \"lstopo --of xml\" wrote");
	root_put(&r, "/t.xml", "<?xml version=\"1.0\"?><html><body/></html>");
	expect_no_topo(path, EINVAL, "that \"lstopo --of xml\" wrote");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 2ll << 30), 0); /* sparse */
	close(fd);
	expect_no_topo(path, EFBIG, "File too large");
	/* A megabyte of nesting: hwloc's own parser recurses. */
	text = malloc(30 * 50000 + 200);
	strcpy(text, "<?xml version=\"1.0\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
		     "<topology version=\"2.0\">\n");
	for (char *p = text + strlen(text), *end = p + 30 * 50000; p < end; p += 30)
		strcpy(p, "<object type=\"Group\" depth=\"1\">");
	snprintf(deep, sizeof(deep), "/deep.xml");
	root_put(&r, deep, text);
	free(text);
	snprintf(path, sizeof(path), "%s/deep.xml", r.dir);
	expect_no_topo(path, EINVAL, "topology");
	root_remove(&r);
}

/* A real file, cut and bent in 300 ways: a topology or an error, and always our own. */
static void
test_broken_xml(void **state)
{
	static char good[1 << 16], bent[1 << 16];
	uint64_t seed = 42;
	int fd = open(SERVER, O_RDONLY | O_CLOEXEC), errors = 0;
	ssize_t n = read(fd, good, sizeof(good) - 1);
	struct test_root r;
	char path[128];

	close(fd);
	assert_true(n > 1000);
	root_make(&r);
	snprintf(path, sizeof(path), "%s/t.xml", r.dir);
	for (int i = 0; i < 300; i++) {
		size_t size = (size_t)n;
		struct topo *t = NULL;
		struct err e = {0};

		memcpy(bent, good, size);
		for (int k = 0; k < 1 + i % 5; k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			bent[(seed >> 33) % size] = "0129<>\"/f\0\xff="[(seed >> 20) % 12];
		}
		if (i % 4 == 0)
			size = (seed >> 33) % size;
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		assert_int_equal(write(fd, bent, size), size);
		close(fd);
		if (topo_from(path, &t, &e) < 0) {
			errors++;
			assert_true(e.code > 0 && strlen(e.text) > 20);
			continue;
		}
		for (size_t c = 0; c < t->n_cpus; c++) {
			assert_in_range(t->cpu[c].node, 0, t->n_nodes - 1);
			assert_true(c == 0 || t->cpu[c].os > t->cpu[c - 1].os);
		}
		topo_free(t);
	}
	print_message("%d of 300 refused\n", errors);
	assert_true(errors > 75); /* those cut short, at least */
	root_remove(&r);
}

static void
test_xml(void **state)
{
	struct topo *t = expect_topo(SERVER);

	assert_string_equal(t->source, SERVER);
	assert_int_equal(t->n_cpus, 24);
	assert_int_equal(t->node[0].mem_bytes, 32ull << 30);
	assert_int_equal(t->node[1].distance[0], 32);
	assert_int_equal(topo_find_cpu(t, 12)->core, topo_find_cpu(t, 0)->core);
	assert_int_equal(topo_find_cpu(t, 6)->node, 1);
	topo_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_live_ignores_environment),
		cmocka_unit_test(test_live_follows_affinity),
		cmocka_unit_test(test_captured),
		cmocka_unit_test(test_unreadable_pci),
		cmocka_unit_test(test_captured_without_nodes),
		cmocka_unit_test(test_descriptions),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_bad_descriptions),
		cmocka_unit_test(test_files_that_are_none),
		cmocka_unit_test(test_broken_xml),
		cmocka_unit_test(test_xml),
	};

	return cmocka_run_group_tests_name("rt/topo", tests, NULL, NULL);
}
