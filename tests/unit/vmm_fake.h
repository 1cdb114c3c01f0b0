/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine without KVM for the unit tests of vmm/: memory in two regions, buses, a loop, statistics and
 * the starter's end of the socket. And a driver's pseudo-random numbers, by seed.
 */
#ifndef CORELANE_TESTS_VMM_FAKE_H
#define CORELANE_TESTS_VMM_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/vm.h"

#define FAKE_LOW  (2ull << 20)
#define FAKE_HIGH (1ull << 20)

struct fake {
	struct vm vm;
	struct vmm_start start;
	struct vmm_stats stats;
	int starter; /* the other end of vm.start_fd */
};

static inline void
fake_region(struct mem *m, uint64_t gpa, uint64_t size)
{
	struct mem_region *r = &m->region[m->n++];

	*r = (struct mem_region){.gpa = gpa, .size = size, .fd = memfd_create("fake", MFD_CLOEXEC)};
	assert_true(r->fd >= 0);
	assert_int_equal(ftruncate(r->fd, (off_t)size), 0);
	r->hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	assert_true(r->hva != MAP_FAILED);
}

static inline struct fake *
fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));
	int pair[2];

	assert_non_null(f);
	f->start.n_vcpus = 1;
	f->vm.start = &f->start;
	f->vm.stats = &f->stats;
	f->vm.kvm_fd = f->vm.vm_fd = -1;
	f->vm.mem.page_size = 4096;
	fake_region(&f->vm.mem, 0, FAKE_LOW);
	fake_region(&f->vm.mem, GPA_HIGH_RAM, FAKE_HIGH);
	assert_int_equal(pthread_mutex_init(&f->vm.lock, NULL), 0);
	assert_int_equal(irq_init(&f->vm), 0);
	assert_int_equal(loop_init(&f->vm.loop), 0);
	assert_int_equal(fdmsg_pair(pair), 0);
	f->vm.start_fd = pair[0];
	f->starter = pair[1];
	for (int i = 0; i < FDMSG_FDS_MAX; i++)
		f->vm.fds[i] = -1;
	return f;
}

static inline void
fake_free(struct fake *f)
{
	irq_fini(&f->vm);
	loop_fini(&f->vm.loop);
	for (unsigned int i = 0; i < f->vm.mem.n; i++) {
		munmap(f->vm.mem.region[i].hva, f->vm.mem.region[i].size);
		close(f->vm.mem.region[i].fd);
	}
	close(f->vm.start_fd);
	close(f->starter);
	free(f);
}

struct rnd {
	uint64_t s;
};

/* splitmix64 */
static inline uint64_t
rnd(struct rnd *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline uint32_t
rnd_to(struct rnd *r, uint32_t n)
{
	return (uint32_t)(rnd(r) % n);
}

#endif
