/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a thread fit for real time, and reading back that it is. The one part of rt/ that vmm/ may use.
 */
#ifndef CORELANE_RT_THREAD_H
#define CORELANE_RT_THREAD_H

#include <stddef.h>

#include "base/cpuset.h"

/* Pins the calling thread and reads it back. 0, -errno; -EINVAL when the kernel kept another mask. */
int thread_pin(const struct cpuset *cpus);
int thread_pin_one(int cpu);

/* SCHED_FIFO at @priority (1..98), or SCHED_OTHER for 0, read back. -EPERM without the right. */
int thread_set_priority(int priority);

/* mlockall(current and future, on fault is not used). -errno. */
int thread_lock_memory(void);

/* Touches @bytes of the calling thread's stack so that it takes no fault later. */
void thread_prefault_stack(size_t bytes);

#endif
