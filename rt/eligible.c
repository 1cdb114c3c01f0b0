/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of checks: each looks at one fact of the host and says what is wrong with it, in words.
 * Where a fact cannot be learnt, that is a reason too: an unknown is not a pass.
 * What should hold, and why, is in docs (tuning); the kernel parameters are from the kernel's
 * Documentation/admin-guide/kernel-parameters.txt and kernel-per-CPU-kthreads.rst.
 */
#include "rt/eligible.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/cpuinfo.h"

#define IDLE_STATES_MAX  16
#define IDLE_LATENCY_MAX 10 /* us; a claim of tens of microseconds has no room for more */
#define SMALL_TEXT       512

struct look {
	const struct sysroot *root;
	const struct topo *topo;
	const struct plan *plan;
	struct cpuset
		rt; /* CPUs that were promised to one owner: vCPUs of dedicated VNFs, the switch */
	struct cpuset fifo; /* those with a SCHED_FIFO thread */
};

/*
 * true: something is wrong. @buf, "" before, may then say where: it is put before the row's text.
 */
typedef bool check_fn(const struct look *l, char *buf, size_t size);

/* "CPU 3" or "CPUs 3-5" in @buf, unless @s is empty: then there is nothing wrong. */
static bool
name_cpus(const struct cpuset *s, char *buf, size_t size)
{
	char list[64];

	if (cpuset_empty(s))
		return false;
	cpuset_format(s, list, sizeof(list));
	snprintf(buf, size, "CPU%s %s", cpuset_count(s) == 1 ? "" : "s", list);
	return true;
}

static bool
check_live(const struct look *l, char *buf, size_t size)
{
	return !l->topo->live;
}

static bool
check_hypervisor(const struct look *l, char *buf, size_t size)
{
	return l->topo->virtualised;
}

static bool
check_kernel(const struct look *l, char *buf, size_t size)
{
	char version[SMALL_TEXT] = "";
	uint64_t rt = 0;

	if (sysroot_read_u64(l->root, &rt, "/sys/kernel/realtime") == 0 && rt == 1)
		return false;
	(void)sysroot_read_str(l->root, version, sizeof(version), "/proc/sys/kernel/version");
	return !strstr(version, "PREEMPT_RT") && !strstr(version, "PREEMPT RT");
}

/*
 * The CPUs of @l->rt that the list in the file at @path does not name; all when it cannot be read.
 */
static struct cpuset
rt_not_in(const struct look *l, const char *path)
{
	struct cpuset missing = l->rt, listed;

	if (sysroot_read_cpuset(l->root, &listed, "%s", path) == 0)
		cpuset_minus(&missing, &listed);
	return missing;
}

static bool
check_isolated(const struct look *l, char *buf, size_t size)
{
	struct cpuset missing = rt_not_in(l, "/sys/devices/system/cpu/isolated");
	struct cpuset partition = rt_not_in(l, "/sys/fs/cgroup/cpuset.cpus.isolated");

	cpuset_and(&missing, &partition);
	return name_cpus(&missing, buf, size);
}

static bool
check_tick(const struct look *l, char *buf, size_t size)
{
	struct cpuset missing = rt_not_in(l, "/sys/devices/system/cpu/nohz_full");

	return name_cpus(&missing, buf, size);
}

/* The value of @key= on the kernel's command line. */
static bool
cmdline_value(const struct look *l, const char *key, char *ret, size_t size)
{
	char line[4096], *save = NULL;
	size_t n = strlen(key);

	if (sysroot_read_str(l->root, line, sizeof(line), "/proc/cmdline") < 0)
		return false;
	for (char *w = strtok_r(line, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		if (strncmp(w, key, n) != 0 || w[n] != '=')
			continue;
		snprintf(ret, size, "%s", w + n + 1);
		return true;
	}
	return false;
}

/*
 * nohz_full= implies rcu_nocbs= (kernel/rcu/tree_nocb.h); neither list of the latter is in sysfs.
 */
static bool
check_rcu(const struct look *l, char *buf, size_t size)
{
	struct cpuset missing = rt_not_in(l, "/sys/devices/system/cpu/nohz_full"), listed;
	char value[SMALL_TEXT];

	if (cmdline_value(l, "rcu_nocbs", value, sizeof(value))) {
		if (strcmp(value, "all") == 0)
			return false;
		if (cpuset_parse(value, &listed) == 0)
			cpuset_minus(&missing, &listed);
	}
	return name_cpus(&missing, buf, size);
}

/* The index of the dedicated VNF that has a vCPU on @cpu, or -1. */
static int
vnf_on(const struct plan *plan, int cpu)
{
	for (size_t v = 0; v < plan->n_vnfs; v++)
		for (unsigned int i = 0; i < plan->vnf[v].vnf->cpu.vcpus; i++)
			if (plan->vnf[v].cpu[i] == cpu)
				return (int)v;
	return -1;
}

/* Siblings that the same VNF uses are its own choice (threads: require or prefer). */
static bool
check_smt(const struct look *l, char *buf, size_t size)
{
	struct cpuset online = {0}, siblings;

	cpuset_for_each (cpu, &l->rt) {
		if (sysroot_read_cpuset(
			    l->root, &siblings,
			    "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu) < 0)
			continue;
		cpuset_for_each (s, &siblings)
			if (s != cpu &&
			    (vnf_on(l->plan, s) < 0 || vnf_on(l->plan, s) != vnf_on(l->plan, cpu)))
				cpuset_add(&online, (unsigned int)s);
	}
	return name_cpus(&online, buf, size);
}

static bool
check_tsc(const struct look *l, char *buf, size_t size)
{
	return !cpuinfo_has_flag(l->root, "constant_tsc") ||
	       !cpuinfo_has_flag(l->root, "nonstop_tsc");
}

static bool
check_clocksource(const struct look *l, char *buf, size_t size)
{
	char name[64] = "unknown";

	(void)sysroot_read_str(l->root, name, sizeof(name),
			       "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	snprintf(buf, size, "%s", name);
	return strcmp(name, "tsc") != 0;
}

static bool
check_thp(const struct look *l, char *buf, size_t size)
{
	char mode[SMALL_TEXT] = "";

	(void)sysroot_read_str(l->root, mode, sizeof(mode),
			       "/sys/kernel/mm/transparent_hugepage/enabled");
	return strstr(mode, "[always]") != NULL;
}

static bool
check_cgroup(const struct look *l, char *buf, size_t size)
{
	char list[SMALL_TEXT] = "";

	(void)sysroot_read_str(l->root, list, sizeof(list), "/sys/fs/cgroup/cgroup.controllers");
	return !strstr(list, "cpuset");
}

/*
 * A vCPU that polls at SCHED_FIFO is stopped for the rest of each period. 1 % may be left to
 * others.
 */
static bool
check_throttling(const struct look *l, char *buf, size_t size)
{
	char runtime[32] = "unknown", period[32] = "1000000";
	long long us;

	(void)sysroot_read_str(l->root, runtime, sizeof(runtime),
			       "/proc/sys/kernel/sched_rt_runtime_us");
	(void)sysroot_read_str(l->root, period, sizeof(period),
			       "/proc/sys/kernel/sched_rt_period_us");
	us = strtoll(runtime, NULL, 10);
	snprintf(buf, size, "%s of %s us", runtime, period);
	return !cpuset_empty(&l->fifo) && us != -1 && us < strtoll(period, NULL, 10) / 100 * 99;
}

/* The slowest enabled idle state of @cpu: its exit latency in us, 0 without any. */
static uint64_t
idle_latency(const struct look *l, int cpu, char *ret_name, size_t size)
{
	uint64_t worst = 0;

	for (int i = 0; i < IDLE_STATES_MAX; i++) {
		uint64_t latency, disabled = 0;

		if (sysroot_read_u64(l->root, &latency,
				     "/sys/devices/system/cpu/cpu%d/cpuidle/state%d/latency", cpu,
				     i) < 0)
			break;
		(void)sysroot_read_u64(l->root, &disabled,
				       "/sys/devices/system/cpu/cpu%d/cpuidle/state%d/disable", cpu,
				       i);
		if (disabled || latency <= worst)
			continue;
		worst = latency;
		if (sysroot_read_str(l->root, ret_name, size,
				     "/sys/devices/system/cpu/cpu%d/cpuidle/state%d/name", cpu,
				     i) < 0)
			snprintf(ret_name, size, "state%d", i);
	}
	return worst;
}

static bool
check_idle(const struct look *l, char *buf, size_t size)
{
	cpuset_for_each (cpu, &l->rt) {
		char name[32];
		uint64_t us = idle_latency(l, cpu, name, sizeof(name));

		if (us <= IDLE_LATENCY_MAX)
			continue;
		snprintf(buf, size, "CPU %d, %s, %llu us", cpu, name, (unsigned long long)us);
		return true;
	}
	return false;
}

/* Without cpufreq the frequency is nobody's choice here: no reason against. */
static bool
check_governor(const struct look *l, char *buf, size_t size)
{
	cpuset_for_each (cpu, &l->rt) {
		char name[32];

		if (sysroot_read_str(l->root, name, sizeof(name),
				     "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor",
				     cpu) < 0 ||
		    strcmp(name, "performance") == 0)
			continue;
		snprintf(buf, size, "CPU %d, %s", cpu, name);
		return true;
	}
	return false;
}

/* Things that are there or not, and must not be on; absent is off. */
static bool
is_on(const struct look *l, const char *path)
{
	uint64_t v = 0;

	return sysroot_read_u64(l->root, &v, "%s", path) == 0 && v == 1;
}

static bool
check_numa_balancing(const struct look *l, char *buf, size_t size)
{
	return is_on(l, "/proc/sys/kernel/numa_balancing");
}

static bool
check_nmi_watchdog(const struct look *l, char *buf, size_t size)
{
	return is_on(l, "/proc/sys/kernel/nmi_watchdog");
}

static bool
check_ksm(const struct look *l, char *buf, size_t size)
{
	return is_on(l, "/sys/kernel/mm/ksm/run");
}

static const struct {
	check_fn *fn;
	const char *text;
} checks[] = {
	{check_live, "the plan is for a described topology, not for a machine"},
	{check_hypervisor, "the CPU runs under a hypervisor, which may take it away at any time"},
	{check_kernel, "the kernel is not PREEMPT_RT"},
	{check_isolated, "not isolated from the scheduler (isolcpus= or a cpuset partition)"},
	{check_tick, "the scheduler tick runs (nohz_full=)"},
	{check_rcu, "RCU callbacks run (rcu_nocbs=)"},
	{check_smt, "online on the core of a dedicated CPU (SMT)"},
	{check_tsc, "the TSC is not constant and non-stop: times cannot be trusted"},
	{check_clocksource, "the kernel's clock source is not tsc"},
	{check_thp, "transparent hugepages are always on (khugepaged interrupts threads)"},
	{check_cgroup, "no cpuset controller of cgroup v2: cores cannot be fenced at run time"},
	{check_throttling, "SCHED_FIFO threads are throttled (kernel.sched_rt_runtime_us)"},
	{check_idle, "an idle state with a long wake-up is allowed"},
	{check_governor, "the frequency governor is not performance"},
	{check_numa_balancing, "automatic NUMA balancing moves pages (kernel.numa_balancing)"},
	{check_nmi_watchdog, "the NMI watchdog interrupts every CPU (kernel.nmi_watchdog)"},
	{check_ksm, "KSM merges pages, and writing to them then faults (mm/ksm/run)"},
};

_Static_assert(PLAN_REASONS_MAX + ARRAY_SIZE(checks) <= ELIGIBLE_REASONS_MAX,
	       "every reason has a place");

static void
collect_cpus(struct look *l)
{
	const struct plan *p = l->plan;

	for (unsigned int i = 0; p->has_switch && i < p->n_lanes; i++)
		cpuset_add(&l->rt, (unsigned int)p->lane_cpu[i]);
	for (size_t v = 0; v < p->n_vnfs; v++) {
		for (unsigned int i = 0; i < p->vnf[v].vnf->cpu.vcpus; i++) {
			if (p->vnf[v].cpu[i] < 0)
				continue;
			cpuset_add(&l->rt, (unsigned int)p->vnf[v].cpu[i]);
			if (p->vnf[v].priority[i] > 0)
				cpuset_add(&l->fifo, (unsigned int)p->vnf[v].cpu[i]);
		}
	}
}

void
eligibility_check(const struct sysroot *root, const struct topo *topo, const struct plan *plan,
		  struct eligibility *ret)
{
	struct look l = {.root = root, .topo = topo, .plan = plan};

	memset(ret, 0, sizeof(*ret));
	collect_cpus(&l);
	for (size_t i = 0; i < plan->n_reasons; i++)
		memcpy(ret->reason[ret->n++], plan->reason[i], sizeof(ret->reason[0]));
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		char where[96] = "";

		if (checks[i].fn(&l, where, sizeof(where)))
			snprintf(ret->reason[ret->n++], sizeof(ret->reason[0]), "%s%s%s", where,
				 where[0] ? ": " : "", checks[i].text);
	}
}
