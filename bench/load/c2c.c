/* SPDX-License-Identifier: Apache-2.0 */
/* Core-to-core latency by ping-pong on one cache line; see c2c.h. */
#include "bench/load/c2c.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define MIDDLE  13
#define BATCHES (2 * MIDDLE - 1)
#define TRIPS   200

struct ball {
	/* Odd: the peer's turn. Even: ours. Each side's release pairs with the other's acquire. */
	_Atomic uint32_t turn __attribute__((aligned(64)));
	char pad[60];
};

static void *
answer(void *arg)
{
	struct ball *b = arg;

	for (uint32_t i = 0; i < (BATCHES + 1) * TRIPS; i++) {
		while (atomic_load_explicit(&b->turn, memory_order_acquire) != 2 * i + 1)
			;
		atomic_store_explicit(&b->turn, 2 * i + 2, memory_order_release);
	}
	return NULL;
}

static int
start_peer(pthread_t *thread, int cpu, struct ball *b)
{
	const struct sched_param fifo = {.sched_priority = 1};
	pthread_attr_t attr;
	cpu_set_t set;
	int r;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &fifo);
	r = pthread_create(thread, &attr, answer, b);
	if (r == EPERM) {
		/* Without the right to it, the scheduler's mercy: slower, and still a median. */
		pthread_attr_setinheritsched(&attr, PTHREAD_INHERIT_SCHED);
		r = pthread_create(thread, &attr, answer, b);
	}
	pthread_attr_destroy(&attr);
	return -r;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

double
c2c_measure(int peer_cpu, double ns_per_tick)
{
	uint64_t ticks[BATCHES + 1], start;
	struct ball b = {.turn = 0};
	pthread_t thread;
	uint32_t i = 0;
	int r;

	if (peer_cpu < 0 || peer_cpu == sched_getcpu())
		return -EINVAL;
	r = start_peer(&thread, peer_cpu, &b);
	if (r < 0)
		return r;
	for (unsigned int batch = 0; batch <= BATCHES; batch++) {
		start = __builtin_ia32_rdtsc();
		for (unsigned int t = 0; t < TRIPS; t++, i++) {
			atomic_store_explicit(&b.turn, 2 * i + 1, memory_order_release);
			while (atomic_load_explicit(&b.turn, memory_order_acquire) != 2 * i + 2)
				;
		}
		ticks[batch] = __builtin_ia32_rdtsc() - start;
	}
	pthread_join(thread, NULL);
	/* The first batch includes the thread's start. */
	qsort(ticks + 1, BATCHES, sizeof(ticks[0]), by_value);
	return (double)ticks[MIDDLE] * ns_per_tick / (2.0 * TRIPS);
}
