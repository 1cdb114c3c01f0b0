/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rt/thread.c against the real kernel. Every test runs in a child, so that the test program's own
 * affinity, policy and locked memory stay as they were; the child's exit status is the verdict.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rt/thread.h"

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			return __LINE__;                                                           \
	} while (0)

#define SKIPPED 77

#ifndef __has_feature
#define __has_feature(x) 0 /* gcc before 14 says it with macros of its own */
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
	__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MLOCK_IS_IGNORED 1 /* these runtimes replace mlockall() by nothing */
#else
#define MLOCK_IS_IGNORED 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define THREADS_IN_CHILD 0 /* its runtime crashes when a forked child starts threads */
#else
#define THREADS_IN_CHILD 1
#endif

/* Runs @fn in a child: 0, SKIPPED, or the line that failed (its low byte). */
static void
in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int line = fn();

		if (line && line != SKIPPED)
			fprintf(stderr, "failed at line %d (errno %s)\n", line, strerror(errno));
		_exit(line == 0 ? 0 : line == SKIPPED ? SKIPPED : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED) {
		print_message("skipped: this needs CAP_SYS_NICE or CAP_IPC_LOCK\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int
allowed(struct cpuset *ret)
{
	cpu_set_t mask;

	if (sched_getaffinity(0, sizeof(mask), &mask) < 0)
		return -1;
	cpuset_zero(ret);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &mask))
			cpuset_add(ret, (unsigned int)cpu);
	return 0;
}

static int
pins(void)
{
	struct cpuset all, now, one;

	CHECK(allowed(&all) == 0);
	cpuset_for_each (cpu, &all) {
		CHECK(thread_pin_one(cpu) == 0);
		CHECK(sched_getcpu() == cpu);
		CHECK(allowed(&now) == 0);
		cpuset_zero(&one);
		cpuset_add(&one, (unsigned int)cpu);
		CHECK(cpuset_equal(&now, &one));
	}
	CHECK(thread_pin(&all) == 0);
	CHECK(allowed(&now) == 0);
	CHECK(cpuset_equal(&now, &all));
	return 0;
}

static int
refuses_wrong_cpus(void)
{
	struct cpuset all, some;

	CHECK(allowed(&all) == 0);
	CHECK(thread_pin_one(-1) == -EINVAL);
	CHECK(thread_pin_one(CPUSET_MAX) == -EINVAL);
	CHECK(thread_pin_one(CPUSET_MAX - 1) == -EINVAL); /* no such CPU */
	cpuset_zero(&some);
	CHECK(thread_pin(&some) == -EINVAL);
	/* The kernel takes a mask with one missing CPU and drops it: only reading back tells. */
	some = all;
	cpuset_add(&some, CPUSET_MAX - 1);
	CHECK(thread_pin(&some) == -EINVAL);
	return 0;
}

static int
takes_fifo_and_gives_it_back(void)
{
	struct sched_param p;
	int r = thread_set_priority(1);

	if (r == -EPERM)
		return SKIPPED;
	CHECK(r == 0);
	CHECK(sched_getscheduler(0) == SCHED_FIFO);
	CHECK(sched_getparam(0, &p) == 0 && p.sched_priority == 1);
	CHECK(thread_set_priority(98) == 0);
	CHECK(sched_getparam(0, &p) == 0 && p.sched_priority == 98);
	CHECK(thread_set_priority(99) == -EINVAL);
	CHECK(thread_set_priority(-1) == -EINVAL);
	CHECK(sched_getscheduler(0) == SCHED_FIFO);
	CHECK(thread_set_priority(0) == 0);
	CHECK(sched_getscheduler(0) == SCHED_OTHER);
	return 0;
}

static int
is_refused_without_the_right(void)
{
	struct rlimit none = {0, 0};

	CHECK(setrlimit(RLIMIT_RTPRIO, &none) == 0);
	if (geteuid() == 0) {
		CHECK(setgid(65534) == 0);
		CHECK(setuid(65534) == 0);
	}
	CHECK(thread_set_priority(1) == -EPERM);
	CHECK(sched_getscheduler(0) == SCHED_OTHER);
	CHECK(thread_set_priority(0) == 0);
	return 0;
}

/* Value in kB of a line of /proc/self/status. */
static long
status_kb(const char *key)
{
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			sscanf(line + strlen(key), "%ld", &kb);
	fclose(f);
	return kb;
}

static int
locks_memory(void)
{
	long before = status_kb("VmLck:");
	void *later;
	int r = thread_lock_memory();

	if (r == -EPERM || r == -ENOMEM)
		return SKIPPED;
	CHECK(r == 0);
	CHECK(before == 0);
	CHECK(status_kb("VmLck:") > 100);
	before = status_kb("VmLck:");
	later = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(later != MAP_FAILED);
	CHECK(status_kb("VmLck:") >= before + 1024);
	return 0;
}

/* Faults taken by touching @bytes of stack. */
static __attribute__((noinline)) long
faults_of_touching(size_t bytes)
{
	struct rusage before, after;
	volatile char *p;

	getrusage(RUSAGE_THREAD, &before);
	p = __builtin_alloca(bytes);
	for (size_t at = bytes; at >= 4096; at -= 4096)
		p[at - 4096] = 1;
	getrusage(RUSAGE_THREAD, &after);
	return after.ru_minflt - before.ru_minflt;
}

static void *
faults_with_prefault(void *arg)
{
	thread_prefault_stack(512 << 10);
	*(long *)arg = faults_of_touching(256 << 10);
	return NULL;
}

static void *
faults_without(void *arg)
{
	*(long *)arg = faults_of_touching(256 << 10);
	return NULL;
}

static void *
asks_too_much(void *arg)
{
	thread_prefault_stack(SIZE_MAX);
	thread_prefault_stack(0);
	return NULL;
}

/* A fresh, never used stack of 1 MiB: glibc keeps and reuses those that it maps itself. */
static int
run_thread(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t t;
	void *stack =
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(stack != MAP_FAILED);
	CHECK(madvise(stack, 1 << 20, MADV_NOHUGEPAGE) == 0 || errno == EINVAL);
	CHECK(pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstack(&attr, stack, 1 << 20) == 0);
	CHECK(pthread_create(&t, &attr, fn, arg) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	pthread_attr_destroy(&attr);
	return 0;
}

static int
prefaults(void)
{
	long with = -1, without = -1;

	CHECK(run_thread(faults_without, &without) == 0);
	CHECK(run_thread(faults_with_prefault, &with) == 0);
	CHECK(without >= 32); /* 64 pages; the kernel may fault some in groups */
	CHECK(with <= 2);
	return 0;
}

/* More than there is must be cut, not crash. */
static int
prefault_is_bounded(void)
{
	CHECK(run_thread(asks_too_much, NULL) == 0);
	thread_prefault_stack(SIZE_MAX);
	return 0;
}

static void
test_pin(void **state)
{
	in_child(pins);
}

static void
test_pin_wrong(void **state)
{
	in_child(refuses_wrong_cpus);
}

static void
test_fifo(void **state)
{
	in_child(takes_fifo_and_gives_it_back);
}

static void
test_fifo_refused(void **state)
{
	in_child(is_refused_without_the_right);
}

static void
test_lock(void **state)
{
	if (MLOCK_IS_IGNORED) {
		print_message("skipped: the sanitizer ignores mlockall()\n");
		skip();
	}
	in_child(locks_memory);
}

static void
test_prefault(void **state)
{
	if (!THREADS_IN_CHILD) {
		print_message("skipped: the thread sanitizer and fork do not mix\n");
		skip();
	}
	in_child(prefaults);
}

static void
test_prefault_bounded(void **state)
{
	if (!THREADS_IN_CHILD) {
		print_message("skipped: the thread sanitizer and fork do not mix\n");
		skip();
	}
	in_child(prefault_is_bounded);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pin),
		cmocka_unit_test(test_pin_wrong),
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_fifo_refused),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_prefault),
		cmocka_unit_test(test_prefault_bounded),
	};

	return cmocka_run_group_tests_name("rt/thread", tests, NULL, NULL);
}
