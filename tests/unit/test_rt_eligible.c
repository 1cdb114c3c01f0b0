/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eligibility on a host made of files: one that is tuned has no reason against it; then one fact at
 * a time is spoilt and exactly one reason must appear.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rt/eligible.h"
#include "test_rt_root.h"
#include "test_rt_site.h"

struct fixture {
	struct test_root r;
	struct test_site s;
	struct topo *t;
	struct plan *p;
};

/* Four cores, no siblings; CPU 0 for housekeeping, 1 for the switch, 2 and 3 for one VNF. */
static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	static const char *const files[][2] = {
		{"/sys/kernel/realtime", "1\n"},
		{"/proc/sys/kernel/version", "#1 SMP PREEMPT_RT Debian 6.12\n"},
		{"/sys/devices/system/cpu/isolated", "1-3\n"},
		{"/sys/devices/system/cpu/nohz_full", "1-3\n"},
		{"/proc/cmdline", "root=/dev/sda1 nohz_full=1-3 quiet\n"},
		{"/proc/cpuinfo", "processor\t: 0\nflags\t\t: constant_tsc rep_good nonstop_tsc\n"},
		{"/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"},
		{"/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"},
		{"/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory\n"},
		{"/proc/sys/kernel/sched_rt_runtime_us", "-1\n"},
		{"/proc/sys/kernel/sched_rt_period_us", "1000000\n"},
		{"/sys/devices/system/cpu/cpu2/cpuidle/state0/latency", "0\n"},
		{"/sys/devices/system/cpu/cpu2/cpuidle/state0/name", "POLL\n"},
		{"/sys/devices/system/cpu/cpu2/cpuidle/state1/latency", "133\n"},
		{"/sys/devices/system/cpu/cpu2/cpuidle/state1/name", "C6\n"},
		{"/sys/devices/system/cpu/cpu2/cpuidle/state1/disable", "1\n"},
		{"/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance\n"},
		{"/proc/sys/kernel/numa_balancing", "0\n"},
		{"/proc/sys/kernel/nmi_watchdog", "0\n"},
		{"/sys/kernel/mm/ksm/run", "2\n"},
		{"/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2\n"},
	};

	root_make(&f->r);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		root_put(&f->r, files[i][0], files[i][1]);
	site_init(&f->s);
	site_add(&f->s, 2, 64 * MIB, true);
	f->t = host_make(1, 4, 1);
	host_pages(f->t, 0, 1000, 0);
	if (plan_make(&f->s.site, f->t, &f->p, NULL) < 0)
		return -1;
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	plan_free(f->p);
	topo_free(f->t);
	root_remove(&f->r);
	free(f);
	return 0;
}

static void
expect(struct fixture *f, const char *reason)
{
	struct eligibility el;

	eligibility_check(&f->r.root, f->t, f->p, &el);
	if (reason && (el.n != 1 || strcmp(el.reason[0], reason) != 0))
		fail_msg("%zu reasons, \"%s\", wanted \"%s\"", el.n, el.reason[0], reason);
	if (!reason && el.n)
		fail_msg("unexpected: %s", el.reason[0]);
}

struct spoilt {
	const char *path, *text, *reason;
};

static const struct spoilt spoilt[] = {
	{"/sys/devices/system/cpu/isolated", "1,3\n",
	 "CPU 2: not isolated from the scheduler (isolcpus= or a cpuset partition)"},
	{"/sys/devices/system/cpu/isolated", NULL,
	 "CPUs 1-3: not isolated from the scheduler (isolcpus= or a cpuset partition)"},
	{"/proc/cpuinfo", "flags: constant_tsc\n",
	 "the TSC is not constant and non-stop: times cannot be trusted"},
	{"/proc/cpuinfo", NULL, "the TSC is not constant and non-stop: times cannot be trusted"},
	{"/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n",
	 "hpet: the kernel's clock source is not tsc"},
	{"/sys/devices/system/clocksource/clocksource0/current_clocksource", NULL,
	 "unknown: the kernel's clock source is not tsc"},
	{"/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n",
	 "transparent hugepages are always on (khugepaged interrupts threads)"},
	{"/sys/fs/cgroup/cgroup.controllers", "cpu io memory\n",
	 "no cpuset controller of cgroup v2: cores cannot be fenced at run time"},
	{"/sys/fs/cgroup/cgroup.controllers", NULL,
	 "no cpuset controller of cgroup v2: cores cannot be fenced at run time"},
	{"/proc/sys/kernel/sched_rt_runtime_us", "950000\n",
	 "950000 of 1000000 us: SCHED_FIFO threads are throttled (kernel.sched_rt_runtime_us)"},
	{"/proc/sys/kernel/sched_rt_runtime_us", "990000\n", NULL},
	{"/proc/sys/kernel/sched_rt_runtime_us", NULL,
	 "unknown of 1000000 us: SCHED_FIFO threads are throttled (kernel.sched_rt_runtime_us)"},
	{"/sys/devices/system/cpu/cpu2/cpuidle/state1/disable", "0\n",
	 "CPU 2, C6, 133 us: an idle state with a long wake-up is allowed"},
	{"/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "powersave\n",
	 "CPU 2, powersave: the frequency governor is not performance"},
	{"/proc/sys/kernel/numa_balancing", "1\n",
	 "automatic NUMA balancing moves pages (kernel.numa_balancing)"},
	{"/proc/sys/kernel/nmi_watchdog", "1\n",
	 "the NMI watchdog interrupts every CPU (kernel.nmi_watchdog)"},
	{"/sys/kernel/mm/ksm/run", "1\n",
	 "KSM merges pages, and writing to them then faults (mm/ksm/run)"},
	{"/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2,6\n",
	 "CPU 6: online on the core of a dedicated CPU (SMT)"},
	{"/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2-3\n", NULL}, /* its own */
	{"/sys/kernel/realtime", NULL, NULL}, /* the version still says it */
};

static void
test_tuned(void **state)
{
	expect(*state, NULL);
}

static void
test_each(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(spoilt); i++) {
		char good[512] = "";

		(void)sysroot_read_str(&f->r.root, good, sizeof(good), "%s", spoilt[i].path);
		root_put(&f->r, spoilt[i].path, spoilt[i].text);
		expect(f, spoilt[i].reason);
		root_put(&f->r, spoilt[i].path, good);
		expect(f, NULL);
	}
}

static void
test_kernel(void **state)
{
	struct fixture *f = *state;

	root_put(&f->r, "/sys/kernel/realtime", NULL);
	root_put(&f->r, "/proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC\n");
	expect(f, "the kernel is not PREEMPT_RT");
	root_put(&f->r, "/sys/kernel/realtime", "0\n");
	expect(f, "the kernel is not PREEMPT_RT");
}

/* A cpuset partition isolates as well as isolcpus= does. */
static void
test_partition(void **state)
{
	struct fixture *f = *state;

	root_put(&f->r, "/sys/devices/system/cpu/isolated", "\n");
	root_put(&f->r, "/sys/fs/cgroup/cpuset.cpus.isolated", "1-3\n");
	expect(f, NULL);
}

/* Without nohz_full, rcu_nocbs= counts by itself; with neither there are two reasons. */
static void
test_tick_and_rcu(void **state)
{
	struct fixture *f = *state;
	struct eligibility el;

	root_put(&f->r, "/sys/devices/system/cpu/nohz_full", "(null)\n");
	eligibility_check(&f->r.root, f->t, f->p, &el);
	assert_int_equal(el.n, 2);
	assert_string_equal(el.reason[0], "CPUs 1-3: the scheduler tick runs (nohz_full=)");
	assert_string_equal(el.reason[1], "CPUs 1-3: RCU callbacks run (rcu_nocbs=)");
	root_put(&f->r, "/proc/cmdline", "quiet rcu_nocbs=all rcu_nocb_poll\n");
	expect(f, "CPUs 1-3: the scheduler tick runs (nohz_full=)");
	root_put(&f->r, "/proc/cmdline", "quiet rcu_nocbs=1-2\n");
	eligibility_check(&f->r.root, f->t, f->p, &el);
	assert_int_equal(el.n, 2);
	assert_string_equal(el.reason[1], "CPU 3: RCU callbacks run (rcu_nocbs=)");
	root_put(&f->r, "/proc/cmdline", "rcu_nocbs=nonsense rcu_nocbs_x=1-3");
	eligibility_check(&f->r.root, f->t, f->p, &el);
	assert_int_equal(el.n, 2);
}

/* What the topology and the plan say comes along. */
static void
test_plan_and_topology(void **state)
{
	struct fixture *f = *state;
	struct eligibility el;

	f->t->virtualised = true;
	expect(f, "the CPU runs under a hypervisor, which may take it away at any time");
	f->t->virtualised = false;
	f->t->live = false;
	expect(f, "the plan is for a described topology, not for a machine");
	f->t->live = true;
	snprintf(f->p->reason[f->p->n_reasons++], 160, "as the plan says");
	f->t->virtualised = true;
	eligibility_check(&f->r.root, f->t, f->p, &el);
	assert_int_equal(el.n, 2);
	assert_string_equal(el.reason[0], "as the plan says");
}

/*
 * Throttling does not matter to a plan without SCHED_FIFO, nor anything of CPUs to one without any.
 */
static void
test_no_fifo(void **state)
{
	struct fixture *f = *state;

	root_put(&f->r, "/proc/sys/kernel/sched_rt_runtime_us", "950000\n");
	f->p->vnf[0].priority[0] = f->p->vnf[0].priority[1] = 0;
	expect(f, NULL);
}

/* An empty root: nothing is known, nothing is taken for granted, nothing crashes. */
static void
test_unknown(void **state)
{
	struct fixture *f = *state;
	struct eligibility el;
	struct test_root empty;

	root_make(&empty);
	eligibility_check(&empty.root, f->t, f->p, &el);
	assert_int_equal(el.n, 8);
	for (size_t i = 0; i < el.n; i++)
		assert_true(strlen(el.reason[i]) > 10);
	root_remove(&empty);
}

#define ELIGIBLE_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ELIGIBLE_TEST(test_tuned),        ELIGIBLE_TEST(test_each),
		ELIGIBLE_TEST(test_kernel),       ELIGIBLE_TEST(test_partition),
		ELIGIBLE_TEST(test_tick_and_rcu), ELIGIBLE_TEST(test_plan_and_topology),
		ELIGIBLE_TEST(test_no_fifo),      ELIGIBLE_TEST(test_unknown),
	};

	return cmocka_run_group_tests_name("rt/eligible", tests, NULL, NULL);
}
