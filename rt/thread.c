/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread set-up for real time. Linked by corelane-vmm, so it needs libc and base/ only. Nothing
 * here trusts that a call that succeeded also had the effect: each one is read back, because a
 * cpuset silently narrows an affinity mask.
 */
#include "rt/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"

#define STACK_MARGIN                                                                               \
	16384 /* left below a prefault for the callee's frame and the guard's alignment */
#define STACK_BLIND 65536 /* touched at most when the stack's bounds cannot be learnt */

int
thread_pin(const struct cpuset *cpus)
{
	/*
	 * The kernel's mask is an array of unsigned long; struct cpuset has that layout on 64-bit
	 * hosts.
	 */
	struct cpuset kept;
	cpu_set_t mask;

	_Static_assert(sizeof(cpu_set_t) == sizeof(struct cpuset), "CPUSET_MAX is CPU_SETSIZE");
	if (cpuset_empty(cpus))
		return -EINVAL;
	memcpy(&mask, cpus, sizeof(mask));
	if (sched_setaffinity(0, sizeof(mask), &mask) < 0)
		return -errno;
	CPU_ZERO(&mask);
	if (sched_getaffinity(0, sizeof(mask), &mask) < 0)
		return -errno;
	memcpy(&kept, &mask, sizeof(kept));
	return cpuset_equal(&kept, cpus) ? 0 : -EINVAL;
}

int
thread_pin_one(int cpu)
{
	struct cpuset one;

	if (cpu < 0 || cpu >= CPUSET_MAX)
		return -EINVAL;
	cpuset_zero(&one);
	cpuset_add(&one, (unsigned int)cpu);
	return thread_pin(&one);
}

int
thread_set_priority(int priority)
{
	int policy = priority ? SCHED_FIFO : SCHED_OTHER;
	struct sched_param want = {.sched_priority = priority}, kept = {0};
	int got;

	if (priority < 0 || priority > 98)
		return -EINVAL;
	if (sched_setscheduler(0, policy, &want) < 0)
		return -errno;
	got = sched_getscheduler(0);
	if (got < 0 || sched_getparam(0, &kept) < 0)
		return -errno;
	return got == policy && kept.sched_priority == priority ? 0 : -EINVAL;
}

int
thread_lock_memory(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE) < 0 ? -errno : 0;
}

/* Bytes of stack that may still be used below @sp, or STACK_BLIND when nobody knows. */
static size_t
stack_left(uintptr_t sp)
{
	size_t left = STACK_BLIND, size;
	pthread_attr_t attr;
	void *base;

	if (pthread_getattr_np(pthread_self(), &attr) != 0)
		return left;
	if (pthread_attr_getstack(&attr, &base, &size) == 0 && sp > (uintptr_t)base &&
	    sp - (uintptr_t)base <= size)
		left = sp - (uintptr_t)base;
	pthread_attr_destroy(&attr);
	return left > STACK_MARGIN ? left - STACK_MARGIN : 0;
}

/*
 * A frame of its own, so that the space is given back when it returns and is not inlined into a
 * loop.
 */
static __attribute__((noinline)) void
touch_below(size_t bytes, size_t page)
{
	volatile char *p = __builtin_alloca(bytes);

	/* From the top down: the kernel grows a main thread's stack by faults near its end. */
	for (size_t at = bytes; at >= page; at -= page)
		p[at - page] = 0;
	p[0] = 0;
}

void
thread_prefault_stack(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t left = stack_left((uintptr_t)__builtin_frame_address(0));

	bytes = MIN_OF(bytes, left);
	if (bytes)
		touch_below(bytes, page);
}
