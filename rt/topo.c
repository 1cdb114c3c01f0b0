/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what hwloc says (rt/topo_hwloc.c) and what sysfs adds to a struct topo: only CPUs that may
 * be used, dense numbers, hugepages, isolation.
 */
#include "rt/topo.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rt/cpuinfo.h"
#include "rt/topo_hwloc.h"

#define XML_SIZE_MAX (64u << 20) /* 1,024 CPUs make 2 MiB */
#define SPEC_SHOWN   80

/* @spec as it may be shown: printable, and cut. */
static const char *
shown(const char *spec, char *buf, size_t size)
{
	size_t n = strnlen(spec, size - 1);

	for (size_t i = 0; i < n; i++)
		buf[i] = isprint((unsigned char)spec[i]) ? spec[i] : '?';
	buf[n] = '\0';
	if (n == size - 1)
		memcpy(buf + size - 4, "...", 3);
	return buf;
}

/* Gives 0, 1, 2... to the values of @field in order of first use, -1 stays. */
static void
renumber(struct topo *t, size_t field)
{
	int *map = malloc(CPUSET_MAX * sizeof(*map));
	int next = 0;

	if (!map)
		return; /* the numbers stay unique, only not dense */
	memset(map, 0xff, CPUSET_MAX * sizeof(*map));
	for (size_t i = 0; i < t->n_cpus; i++) {
		int *v = (int *)((char *)&t->cpu[i] + field);

		if (*v < 0 || *v >= CPUSET_MAX)
			continue;
		if (map[*v] < 0)
			map[*v] = next++;
		*v = map[*v];
	}
	free(map);
}

/* A topology with those of @r's CPUs that are in @usable. */
static int
build(const struct hwloc_result *r, const struct cpuset *usable, const char *source,
      struct topo **ret, struct err *e)
{
	struct topo *t = malloc(sizeof(*t));

	if (!t)
		return err_set(e, ENOMEM, "topology: out of memory");
	*t = r->topo;
	t->n_cpus = 0;
	shown(source, t->source, sizeof(t->source));
	t->cpu = calloc(r->topo.n_cpus, sizeof(*t->cpu));
	if (!t->cpu) {
		free(t);
		return err_set(e, ENOMEM, "topology: out of memory");
	}
	for (size_t i = 0; i < r->topo.n_cpus; i++)
		if (!usable || cpuset_has(usable, (unsigned int)r->cpu[i].os))
			t->cpu[t->n_cpus++] = r->cpu[i];
	if (!t->n_cpus) {
		topo_free(t);
		return err_set(e, EINVAL,
			       "topology: this process may use none of the host's CPUs; "
			       "look at its cpuset and affinity");
	}
	renumber(t, offsetof(struct topo_cpu, core));
	renumber(t, offsetof(struct topo_cpu, l3));
	renumber(t, offsetof(struct topo_cpu, package));
	*ret = t;
	return 0;
}

/* Pages of one size on one node; a size that the host does not have has none. */
static void
read_pages(const struct sysroot *root, int node, unsigned int kb, uint64_t *ret_free,
	   uint64_t *ret_total)
{
	char dir[96];

	if (node >= 0)
		snprintf(dir, sizeof(dir), "/sys/devices/system/node/node%d/hugepages", node);
	else
		snprintf(dir, sizeof(dir), "/sys/kernel/mm/hugepages");
	if (sysroot_read_u64(root, ret_free, "%s/hugepages-%ukB/free_hugepages", dir, kb) < 0)
		*ret_free = 0;
	if (sysroot_read_u64(root, ret_total, "%s/hugepages-%ukB/nr_hugepages", dir, kb) < 0)
		*ret_total = 0;
}

static void
read_hugepages(const struct sysroot *root, struct topo *t)
{
	for (size_t i = 0; i < t->n_nodes; i++) {
		struct topo_node *n = &t->node[i];
		/* A kernel without CONFIG_NUMA has no node folders, and one node. */
		bool flat = t->n_nodes == 1 &&
			    !sysroot_exists(root, "/sys/devices/system/node/node%d", n->os);

		read_pages(root, flat ? -1 : n->os, 2048, &n->free_2m, &n->total_2m);
		read_pages(root, flat ? -1 : n->os, 1048576, &n->free_1g, &n->total_1g);
	}
}

/*
 * CPUID leaf 1 ECX bit 31, which the kernel shows as the flag "hypervisor"; Xen and others in
 * sysfs.
 */
static bool
is_virtualised(const struct sysroot *root)
{
	return cpuinfo_has_flag(root, "hypervisor") ||
	       sysroot_exists(root, "/sys/hypervisor/type") ||
	       sysroot_exists(root, "/proc/device-tree/hypervisor");
}

/* Whether @root is the running system: only then do this process's own limits mean anything. */
static bool
is_own_root(const struct sysroot *root)
{
	struct stat a, b;

	return fstat(root->dirfd, &a) == 0 && stat("/", &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* By isolcpus=, and by partitions of cgroup v2, which newer kernels list only there. */
static void
read_isolated(const struct sysroot *root, struct cpuset *ret)
{
	struct cpuset partitions;

	if (sysroot_read_cpuset(root, ret, "/sys/devices/system/cpu/isolated") < 0)
		cpuset_zero(ret);
	if (sysroot_read_cpuset(root, &partitions, "/sys/fs/cgroup/cpuset.cpus.isolated") == 0)
		cpuset_or(ret, &partitions);
}

int
topo_live(const struct sysroot *root, struct topo **ret, struct err *e)
{
	bool own = is_own_root(root);
	struct hwloc_source src = {.fsroot = own ? -1 : root->dirfd};
	struct cpuset isolated, usable;
	struct hwloc_result *found;
	struct topo *t = NULL;
	int r;

	r = topo_hwloc_run(&src, &found);
	if (r < 0)
		return err_sys(e, -r, "topology of this machine");
	if (found->code) {
		r = err_set(e, found->code,
			    "topology of this machine: %s; is %s/sys/devices/system/cpu readable?",
			    found->text, own ? "" : "the sysroot's ");
		goto free_found;
	}
	read_isolated(root, &isolated);
	/*
	 * isolcpus= takes CPUs out of everybody's default affinity, and exactly those are wanted
	 * here: an isolated CPU counts when this process could give it to itself.
	 */
	usable = isolated;
	cpuset_and(&usable, &found->reachable);
	cpuset_or(&usable, &found->affinity);
	r = build(found, own ? &usable : NULL, own ? "this machine" : "the captured host", &t, e);
	if (r < 0)
		goto free_found;
	for (size_t i = 0; i < t->n_cpus; i++)
		t->cpu[i].isolated = cpuset_has(&isolated, (unsigned int)t->cpu[i].os);
	t->live = true;
	t->virtualised = is_virtualised(root);
	read_hugepages(root, t);
	r = topo_read_pfs(t, root, e);
	if (r < 0)
		topo_free(t);
	else
		*ret = t;
free_found:
	topo_hwloc_free(found);
	return r;
}

/* A regular file's whole contents with a NUL behind; the caller frees. */
static int
read_file(const char *path, char **ret, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
	struct stat st;
	char *buf = NULL;
	size_t used = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else if (st.st_size > XML_SIZE_MAX)
		r = -EFBIG;
	if (r < 0)
		goto close_fd;
	buf = calloc(1, (size_t)st.st_size + 1);
	if (!buf)
		r = -ENOMEM;
	while (!r && used < (size_t)st.st_size) {
		ssize_t n = read(fd, buf + used, (size_t)st.st_size - used);

		if (n < 0 && errno != EINTR)
			r = -errno;
		if (n == 0)
			break;
		used += n > 0 ? (size_t)n : 0;
	}
	if (!r) {
		*ret = buf;
		*ret_size = used;
		buf = NULL;
	}
	free(buf);
close_fd:
	close(fd);
	return r;
}

static bool
is_xml_name(const char *spec)
{
	size_t n = strlen(spec);

	return n > 4 && strcmp(spec + n - 4, ".xml") == 0;
}

/*
 * CPUs that the synthetic description @spec makes: the product of its counts, which follow a colon
 * or stand alone; attributes in (...) and memory in [...] do not multiply. Asked first, because
 * hwloc would go and make a billion of them.
 */
static uint64_t
count_described(const char *spec)
{
	uint64_t product = 1;
	int nesting = 0;

	for (const char *p = spec; *p && product <= CPUSET_MAX; p++) {
		bool starts = p == spec || p[-1] == ':' || isspace((unsigned char)p[-1]);

		nesting += *p == '(' || *p == '[';
		nesting -= *p == ')' || *p == ']';
		if (nesting || !starts || !isdigit((unsigned char)*p))
			continue;
		/* Saturates at ULONG_MAX; the sum is only compared. */
		if (__builtin_mul_overflow(product, strtoul(p, NULL, 10), &product))
			product = UINT64_MAX;
	}
	return product;
}

/* hwloc gives nodes of a synthetic description 1 GiB each: that is no statement about memory. */
static void
forget_memory(struct topo *t)
{
	for (size_t i = 0; i < t->n_nodes; i++)
		t->node[i].mem_bytes = 0;
}

int
topo_from(const char *spec, struct topo **ret, struct err *e)
{
	struct hwloc_source src = {.fsroot = -1};
	struct hwloc_result *found;
	char name[SPEC_SHOWN], *xml = NULL;
	int r;

	shown(spec, name, sizeof(name));
	if (is_xml_name(spec)) {
		r = read_file(spec, &xml, &src.xml_size);
		if (r < 0)
			return err_sys(e, -r, "topology %s: cannot be read", name);
		src.xml = xml;
	} else if (count_described(spec) > CPUSET_MAX) {
		return err_set(e, ERANGE, "topology %s: it has more than %d CPUs", name,
			       CPUSET_MAX);
	} else {
		src.synthetic = spec;
	}
	r = topo_hwloc_run(&src, &found);
	free(xml);
	if (r < 0)
		return err_sys(e, -r, "topology %s", name);
	if (found->code) {
		r = err_set(
			e, found->code,
			"topology %s: %s; give a file that \"lstopo --of xml\" wrote and whose "
			"name ends in .xml, or a description such as \"pack:2 numa:1 core:4 pu:2\"",
			name, found->text);
		goto free_found;
	}
	r = build(found, NULL, spec, ret, e);
	if (r == 0 && src.synthetic && !strstr(spec, "memory="))
		forget_memory(*ret);
free_found:
	topo_hwloc_free(found);
	return r;
}

void
topo_free(struct topo *t)
{
	if (!t)
		return;
	free(t->cpu);
	free(t);
}

const struct topo_cpu *
topo_find_cpu(const struct topo *t, int os)
{
	size_t lo = 0, hi = t->n_cpus;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->cpu[mid].os == os)
			return &t->cpu[mid];
		if (t->cpu[mid].os < os)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
