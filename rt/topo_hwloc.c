/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/topo_hwloc.h"

#include <errno.h>
#include <fcntl.h>
#include <hwloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Beside what the process has already: hwloc takes about 1 KiB an object, 1,024 CPUs have 10,000.
 */
#define CHILD_MEMORY  (512ull << 20)
#define CHILD_SECONDS 10

struct shared {
	int done; /* set last by the child; read after it has ended */
	struct hwloc_result result;
};

static void
fail(struct hwloc_result *r, int code, const char *text)
{
	r->code = code;
	snprintf(r->text, sizeof(r->text), "%s", text);
}

/* A child that grows past all bounds dies of ENOMEM or SIGXCPU instead of taking the host along. */
static void
limit_child(void)
{
	struct rlimit lim = {.rlim_cur = CHILD_SECONDS, .rlim_max = CHILD_SECONDS};
	unsigned long long pages;
	char line[128];
	FILE *f = fopen("/proc/self/statm", "re");

	setrlimit(RLIMIT_CPU, &lim);
	lim.rlim_cur = lim.rlim_max = 0;
	setrlimit(RLIMIT_CORE, &lim);
	if (f && fgets(line, sizeof(line), f)) {
		pages = strtoull(line, NULL, 10); /* the first field: the whole address space */
		lim.rlim_cur = pages * (unsigned long long)sysconf(_SC_PAGESIZE) + CHILD_MEMORY;
		lim.rlim_max = lim.rlim_cur;
		setrlimit(RLIMIT_AS, &lim);
	}
	if (f)
		fclose(f);
}

static void
silence_child(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	/* HWLOC_XMLFILE, HWLOC_SYNTHETIC and others would replace what was asked for. */
	clearenv();
}

static void
read_affinity(struct cpuset *ret)
{
	cpu_set_t mask;

	CPU_ZERO(&mask);
	cpuset_zero(ret);
	if (sched_getaffinity(0, sizeof(mask), &mask) < 0)
		return;
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &mask))
			cpuset_add(ret, cpu);
}

/*
 * The kernel narrows a full mask to what the cpuset allows: isolcpus= is not in the default mask.
 */
static void
probe_affinity(struct hwloc_result *r)
{
	cpu_set_t old, all;

	read_affinity(&r->affinity);
	memset(&all, 0xff, sizeof(all));
	if (sched_getaffinity(0, sizeof(old), &old) < 0)
		return;
	r->reachable = r->affinity;
	if (sched_setaffinity(0, sizeof(all), &all) < 0)
		return;
	read_affinity(&r->reachable);
	sched_setaffinity(0, sizeof(old), &old);
}

/* NULL, or what is wrong. */
static const char *
load(hwloc_topology_t t, const struct hwloc_source *src)
{
	if (src->xml && (src->xml_size >= INT32_MAX ||
			 hwloc_topology_set_xmlbuffer(t, src->xml, (int)src->xml_size + 1) < 0))
		return "it is not XML that hwloc (lstopo --of xml) wrote";
	if (src->synthetic && hwloc_topology_set_synthetic(t, src->synthetic) < 0)
		return "it is not a synthetic description";
	if (hwloc_topology_load(t) < 0)
		return src->xml ? "it is not a topology that hwloc can load"
				: "hwloc cannot load the topology";
	return NULL;
}

static int
dense(hwloc_topology_t t, hwloc_obj_t pu, hwloc_obj_type_t type)
{
	hwloc_obj_t o = hwloc_get_ancestor_obj_by_type(t, type, pu);

	return o ? (int)o->logical_index : -1;
}

static int
by_os(const void *a, const void *b)
{
	const struct topo_cpu *x = a, *y = b;

	return (x->os > y->os) - (x->os < y->os);
}

static void
take_cpus(hwloc_topology_t t, struct hwloc_result *r)
{
	int n = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);

	if (n < 1 || n > CPUSET_MAX) {
		fail(r, n < 1 ? EINVAL : ERANGE,
		     n < 1 ? "it has no CPUs" : "it has more than 1024 CPUs");
		return;
	}
	for (int i = 0; i < n; i++) {
		hwloc_obj_t pu = hwloc_get_obj_by_type(t, HWLOC_OBJ_PU, (unsigned int)i);
		struct topo_cpu *c = &r->cpu[i];

		if (pu->os_index >= CPUSET_MAX) {
			fail(r, ERANGE, "it has a CPU numbered above 1023");
			return;
		}
		c->os = (int)pu->os_index;
		c->core = dense(t, pu, HWLOC_OBJ_CORE);
		c->l3 = dense(t, pu, HWLOC_OBJ_L3CACHE);
		c->package = dense(t, pu, HWLOC_OBJ_PACKAGE);
		if (c->core < 0) /* a description without cores: each CPU is one */
			c->core = i;
		c->package = c->package < 0 ? 0 : c->package;
	}
	r->topo.n_cpus = (size_t)n;
	qsort(r->cpu, (size_t)n, sizeof(r->cpu[0]), by_os);
	for (int i = 1; i < n; i++)
		if (r->cpu[i].os == r->cpu[i - 1].os)
			fail(r, EINVAL, "it has a CPU number twice");
}

static uint64_t
local_memory(hwloc_obj_t node)
{
	return node->attr ? node->attr->numanode.local_memory : 0;
}

static bool
any_memory(hwloc_topology_t t)
{
	hwloc_obj_t node = NULL;

	while ((node = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, node)))
		if (local_memory(node))
			return true;
	return false;
}

/*
 * The nodes worth placing memory on; @ret_obj runs parallel. A description without sizes has them
 * all.
 */
static void
take_nodes(hwloc_topology_t t, struct hwloc_result *r, hwloc_obj_t ret_obj[TOPO_NODES_MAX])
{
	bool sized = any_memory(t);
	hwloc_obj_t node = NULL;

	while ((node = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, node))) {
		if (sized && !local_memory(node))
			continue;
		if (r->topo.n_nodes == TOPO_NODES_MAX) {
			fail(r, ERANGE, "it has more than 64 NUMA nodes");
			return;
		}
		r->topo.node[r->topo.n_nodes].os = (int)node->os_index;
		r->topo.node[r->topo.n_nodes].mem_bytes = local_memory(node);
		ret_obj[r->topo.n_nodes++] = node;
	}
	if (!r->topo.n_nodes)
		fail(r, EINVAL, "it has no NUMA node");
}

/* What the firmware says (ACPI SLIT), or an assumption in its terms: 12 in a package, 20 beyond. */
static void
take_distances(hwloc_topology_t t, struct hwloc_result *r, hwloc_obj_t obj[])
{
	struct hwloc_distances_s *d = NULL;
	unsigned int n = 1;

	if (hwloc_distances_get_by_type(t, HWLOC_OBJ_NUMANODE, &n, &d,
					HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) < 0)
		n = 0;
	for (size_t i = 0; i < r->topo.n_nodes; i++) {
		for (size_t j = 0; j < r->topo.n_nodes; j++) {
			hwloc_obj_t a =
				hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_PACKAGE, obj[i]);
			hwloc_obj_t b =
				hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_PACKAGE, obj[j]);
			hwloc_uint64_t there = 0, back = 0;

			if (n && d)
				(void)hwloc_distances_obj_pair_values(d, obj[i], obj[j], &there,
								      &back);
			if (there < 1 || there > 255) /* a byte in the SLIT */
				there = i == j ? 10 : a && a == b ? 12 : 20;
			r->topo.node[i].distance[j] = (int)there;
		}
	}
	if (n && d)
		hwloc_distances_release(t, d);
}

/*
 * The smallest node that holds the CPU; of equals (DRAM and HBM side by side) the first. A CPU
 * whose own node has no memory goes to the nearest by what hwloc's tree says, which is any in its
 * package.
 */
static void
nodes_of_cpus(hwloc_topology_t t, struct hwloc_result *r, hwloc_obj_t obj[])
{
	for (size_t i = 0; i < r->topo.n_cpus; i++) {
		struct topo_cpu *c = &r->cpu[i];
		int best_weight = 0, same_package = -1;

		c->node = -1;
		for (size_t n = 0; n < r->topo.n_nodes; n++) {
			hwloc_obj_t pkg =
				hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_PACKAGE, obj[n]);
			int weight = hwloc_bitmap_weight(obj[n]->cpuset);

			if (same_package < 0 && pkg && (int)pkg->logical_index == c->package)
				same_package = (int)n;
			if (!hwloc_bitmap_isset(obj[n]->cpuset, (unsigned int)c->os))
				continue;
			if (c->node < 0 || weight < best_weight) {
				c->node = (int)n;
				best_weight = weight;
			}
		}
		if (c->node < 0)
			c->node = same_package < 0 ? 0 : same_package;
	}
}

static void
child(const struct hwloc_source *src, struct hwloc_result *r)
{
	hwloc_obj_t nodes[TOPO_NODES_MAX];
	hwloc_topology_t t;
	const char *wrong;
	char path[64];

	limit_child();
	silence_child();
	if (!src->xml && !src->synthetic && src->fsroot < 0)
		probe_affinity(r);
	if (src->fsroot >= 0) { /* hwloc has no other way in; the environment is the child's own */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", src->fsroot);
		setenv("HWLOC_FSROOT", path, 1);
		setenv("HWLOC_COMPONENTS", "linux,stop", 1);
	}
	if (hwloc_topology_init(&t) < 0) {
		fail(r, ENOMEM, "hwloc cannot start");
		return;
	}
	wrong = load(t, src);
	if (wrong) {
		fail(r, EINVAL, wrong);
		return;
	}
	take_cpus(t, r);
	if (!r->code)
		take_nodes(t, r, nodes);
	if (!r->code) {
		take_distances(t, r, nodes);
		nodes_of_cpus(t, r, nodes);
	}
}

static void
explain_death(struct hwloc_result *r, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		fail(r, EINVAL, "hwloc did not finish within 10 s: too large or malformed");
	else
		fail(r, EINVAL, "hwloc gave up on it: too large or malformed");
}

int
topo_hwloc_run(const struct hwloc_source *src, struct hwloc_result **ret)
{
	int status = 0;
	struct shared *s;
	pid_t pid;

	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		munmap(s, sizeof(*s));
		return r;
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		child(src, &s->result);
		s->done = 1;
		_exit(0);
	}
	/* Whoever ignores SIGCHLD gets ECHILD here, after the child has ended: the flag decides. */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!s->done)
		explain_death(&s->result, status);
	*ret = &s->result;
	return 0;
}

void
topo_hwloc_free(struct hwloc_result *r)
{
	if (r)
		munmap((char *)r - offsetof(struct shared, result), sizeof(struct shared));
}
