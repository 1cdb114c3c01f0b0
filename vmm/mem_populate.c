/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/mem_populate.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/util.h"

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

#define CHUNK       (8ull << 20)
#define PAGE_SMALL  4096ull
#define THREADS_MAX 16
#define STACK_SIZE  (64 * 1024ul)

struct job {
	const struct mem *m;
	uint64_t chunk;     /* bytes, a multiple of the page size */
	atomic_ullong next; /* chunk to be taken, counted through all regions */
	atomic_bool failed;
};

/* The @index-th chunk of all regions. false: there are no more. */
static bool
find_chunk(const struct job *j, uint64_t index, uint8_t **ret_addr, uint64_t *ret_len)
{
	for (unsigned int i = 0; i < j->m->n; i++) {
		const struct mem_region *r = &j->m->region[i];
		uint64_t chunks = (r->size + j->chunk - 1) / j->chunk;

		if (index < chunks) {
			*ret_addr = r->hva + index * j->chunk;
			*ret_len = MIN_OF(j->chunk, r->size - index * j->chunk);
			return true;
		}
		index -= chunks;
	}
	return false;
}

static int
touch(uint8_t *addr, uint64_t len)
{
	int r;

	do
		r = madvise(addr, len, MADV_POPULATE_WRITE);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int
mem_populate_page(const struct mem *m, uint8_t *page)
{
	return touch(page, m->page_size);
}

/*
 * A hugepage is asked for by its last 4 KiB: Linux clears the part that was asked for last, so that it
 * is in the cache, and goes towards it. Upwards, that takes less than half the time of downwards.
 */
static int
populate(uint8_t *addr, uint64_t len, uint64_t page_size)
{
	bool huge = page_size > PAGE_SMALL;
	uint64_t step = huge ? page_size : len, part = huge ? PAGE_SMALL : len;

	int r = 0;

	for (uint64_t end = step; end <= len && r == 0; end += step)
		r = touch(addr + end - part, part);
	return r;
}

static void *
work(void *arg)
{
	struct job *j = arg;
	uint8_t *addr;
	uint64_t len;

	/* Relaxed: the numbers only share out work; the memory is published by pthread_join(). */
	while (!atomic_load_explicit(&j->failed, memory_order_relaxed) &&
	       find_chunk(j, atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed), &addr,
			  &len))
		if (populate(addr, len, j->m->page_size) < 0)
			atomic_store_explicit(&j->failed, true, memory_order_relaxed);
	return NULL;
}

/* How many helpers are worth having beside the caller. */
static unsigned int
count_helpers(const struct job *j)
{
	uint64_t chunks = 0;
	cpu_set_t cpus;
	int n;

	for (unsigned int i = 0; i < j->m->n; i++)
		chunks += (j->m->region[i].size + j->chunk - 1) / j->chunk;
	n = sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ? 1 : CPU_COUNT(&cpus);
	n = MIN_OF(n, THREADS_MAX);
	return (unsigned int)(MIN_OF((uint64_t)n, chunks) - 1);
}

static void
run(struct job *j)
{
	pthread_t helper[THREADS_MAX];
	unsigned int want = count_helpers(j), n = 0;
	pthread_attr_t attr;

	if (pthread_attr_init(&attr) == 0) {
		if (pthread_attr_setstacksize(&attr, STACK_SIZE) == 0)
			while (n < want && pthread_create(&helper[n], &attr, work, j) == 0)
				n++;
		pthread_attr_destroy(&attr);
	}
	work(j);
	while (n > 0)
		pthread_join(helper[--n], NULL);
}

/* Page by page, to say how far it goes on a span; what is there already costs little. */
static uint64_t
count_span(const struct mem *m, const struct mem_span *s, int *ret_error)
{
	uint8_t *hva = mem_at(m, s->gpa, s->size);
	uint64_t n = 0;

	for (uint64_t at = 0; at < s->size; at += m->page_size, n++)
		if (madvise(hva + at, m->page_size, MADV_POPULATE_WRITE) < 0 && errno != EINTR) {
			*ret_error = errno;
			break;
		}
	return n;
}

/* Looks for a host node that has too few pages: how many it has, and how many the guest needs of it. */
static int
find_short(const struct mem *m, int *ret_node, uint64_t *ret_have, uint64_t *ret_need)
{
	for (unsigned int i = 0; i < m->n_spans; i++) {
		int node = m->span[i].node, error = 0;
		uint64_t have = 0, need = 0;

		for (unsigned int k = 0; k < m->n_spans; k++) {
			if (m->span[k].node != node)
				continue;
			need += m->span[k].size / m->page_size;
			have += count_span(m, &m->span[k], &error);
		}
		if (error == 0)
			continue;
		*ret_node = node;
		*ret_have = have;
		*ret_need = need;
		return error;
	}
	return 0;
}

const char *
mem_page_name(uint64_t page_size)
{
	switch (page_size) {
	case 2ull << 20:
		return "2 MiB";
	case 1ull << 30:
		return "1 GiB";
	default:
		return "4 KiB";
	}
}

int
mem_populate(const struct mem *m, struct err *e)
{
	struct job j = {.m = m, .chunk = MAX_OF(CHUNK, m->page_size)};
	uint64_t have, need;
	char where[32] = "this host";
	int error, node;

	atomic_init(&j.next, 0);
	atomic_init(&j.failed, false);
	run(&j);
	if (!atomic_load(&j.failed))
		return 0;
	error = find_short(m, &node, &have, &need);
	if (error == 0)
		return 0; /* it was short for a moment only */
	if (error == EINVAL)
		return err_set(e, ENOTSUP,
			       "memory: this kernel cannot populate memory ahead: Linux 5.14 or "
			       "later is needed");
	if (node >= 0)
		snprintf(where, sizeof(where), "NUMA node %d", node);
	return err_set(e, ENOMEM,
		       "memory: %llu pages of %s are needed and %s has only %llu: reserve more "
		       "there, or give the guest less memory",
		       (unsigned long long)need, mem_page_name(m->page_size), where,
		       (unsigned long long)have);
}
