/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "vmm/mem_populate.h"

#define PAGE_SMALL 4096ull
#define NODES_MAX  1024

/* memfd_create(2) and mmap(2) take the page size as its binary logarithm, in the same bits. */
static unsigned int
huge_bits(uint64_t page_size)
{
	return (unsigned int)__builtin_ctzll(page_size) << 26;
}

/*
 * How many hugepages could be had now, up to @want: asked by reserving them for a moment, because a
 * VMM opens no path and so cannot read the kernel's own count. Only called when there were too few.
 */
static uint64_t
count_free(uint64_t page_size, uint64_t want)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (int)huge_bits(page_size);
	uint64_t lo = 0, hi = want;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo + 1) / 2;
		void *p = mmap(NULL, mid * page_size, PROT_READ | PROT_WRITE, flags, -1, 0);

		if (p == MAP_FAILED) {
			hi = mid - 1;
		} else {
			munmap(p, mid * page_size);
			lo = mid;
		}
	}
	return lo;
}

static int
too_few(const struct mem *m, uint64_t size, struct err *e)
{
	uint64_t need = size / m->page_size, have = 0;

	for (unsigned int i = 0; i < m->n; i++)
		have += m->region[i].size / m->page_size; /* reserved by this very guest */
	have += count_free(m->page_size, need);
	return err_set(e, ENOMEM,
		       "memory: %llu hugepages of %s are needed and %llu are free: reserve %llu "
		       "more, or give the guest less memory",
		       (unsigned long long)need, mem_page_name(m->page_size),
		       (unsigned long long)have,
		       (unsigned long long)(need > have ? need - have : 1));
}

/* A span lies in one region: the PCI hole is where spans and regions end. */
static int
bind_span(const struct mem *m, const struct mem_span *s, struct err *e)
{
	int node = s->node;
	unsigned long mask[NODES_MAX / (8 * sizeof(long))] = {0};

	if (node < 0)
		return 0;
	if (node >= NODES_MAX)
		return err_set(e, EINVAL, "memory: there is no NUMA node %d", node);
	mask[(unsigned int)node / (8 * sizeof(long))] |= 1ul
							 << (unsigned int)node % (8 * sizeof(long));
	/*
	 * Of small pages the policy sticks to the memfd, so it also holds for those that a back end touches
	 * first; huge ones are populated through this mapping, whose it is.
	 */
	if (syscall(SYS_mbind, mem_at(m, s->gpa, s->size), s->size, MPOL_BIND, mask,
		    (unsigned long)NODES_MAX, 0) < 0)
		return err_sys(e, errno, "memory: cannot bind to NUMA node %d", node);
	return 0;
}

static int
make_memfd(const struct mem *m, const char *name, uint64_t size, struct err *e)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd, r;

	if (m->page_size != PAGE_SMALL)
		flags |= MFD_HUGETLB | huge_bits(m->page_size);
	fd = memfd_create(name, flags);
	if (fd < 0)
		return err_sys(e, errno, "memory: this kernel has no pages of %s",
			       mem_page_name(m->page_size));
	/* A back end holds this fd too: sealed, it cannot pull pages from under the VMM. */
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		r = err_sys(e, errno, "memory: %llu bytes", (unsigned long long)size);
		close(fd);
		return r;
	}
	return fd;
}

static int
add_region(struct mem *m, uint64_t gpa, uint64_t size, uint64_t total, struct err *e)
{
	struct mem_region *r = &m->region[m->n];
	char name[32];
	void *p;
	int fd, rc;

	snprintf(name, sizeof(name), "guest-%llx", (unsigned long long)gpa);
	fd = make_memfd(m, name, size, e);
	if (fd < 0)
		return fd;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		rc = m->page_size == PAGE_SMALL ? err_sys(e, errno, "memory: mmap")
						: too_few(m, total, e);
		close(fd);
		return rc;
	}
	*r = (struct mem_region){.gpa = gpa, .size = size, .hva = p, .fd = fd};
	m->n++;
	/* A core dump with the guest's whole memory helps nobody. */
	(void)madvise(p, size, MADV_DONTDUMP);
	return 0;
}

/* One behind the other, round the hole. The sizes are not zero. */
static void
lay_out(struct mem *m, const struct mem_cell *cell, size_t n)
{
	uint64_t at = 0;

	for (size_t i = 0; i < n; i++)
		for (uint64_t left = cell[i].size, part; left > 0; left -= part, at += part) {
			part = at < GPA_LOW_RAM_MAX ? MIN_OF(left, GPA_LOW_RAM_MAX - at) : left;
			m->span[m->n_spans++] = (struct mem_span){
				.gpa = at < GPA_LOW_RAM_MAX ? at
							    : at - GPA_LOW_RAM_MAX + GPA_HIGH_RAM,
				.size = part,
				.cell = (unsigned int)i,
				.node = cell[i].node,
			};
		}
}

int
mem_create(struct mem *m, const struct mem_cell *cell, size_t n, uint64_t page_size, struct err *e)
{
	uint64_t size = 0, low;
	int r;

	*m = (struct mem){.page_size = page_size};
	if (n == 0 || n > MEM_CELLS_MAX || page_size < PAGE_SMALL || (page_size & (page_size - 1)))
		return err_set(e, EINVAL, "memory: %zu cells, pages of %llu bytes", n,
			       (unsigned long long)page_size);
	for (size_t i = 0; i < n; i++)
		if (cell[i].size == 0 || cell[i].size % page_size ||
		    __builtin_add_overflow(size, cell[i].size, &size))
			return err_set(e, EINVAL,
				       "memory: size is not a multiple of the page size");
	low = MIN_OF(size, GPA_LOW_RAM_MAX);
	r = add_region(m, 0, low, size, e);
	if (r == 0 && size > low)
		r = add_region(m, GPA_HIGH_RAM, size - low, size, e);
	lay_out(m, cell, n);
	for (unsigned int i = 0; r == 0 && i < m->n_spans; i++)
		r = bind_span(m, &m->span[i], e);
	if (r == 0)
		r = mem_populate(m, e);
	if (r < 0)
		mem_destroy(m);
	return r;
}

void
mem_destroy(struct mem *m)
{
	for (unsigned int i = 0; i < m->n; i++) {
		munmap(m->region[i].hva, m->region[i].size);
		close(m->region[i].fd);
	}
	m->n = m->n_spans = 0;
}

/* The region that holds byte @gpa, or NULL. */
static const struct mem_region *
region_of(const struct mem *m, uint64_t gpa)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (gpa >= m->region[i].gpa && gpa - m->region[i].gpa < m->region[i].size)
			return &m->region[i];
	return NULL;
}

void *
mem_at(const struct mem *m, uint64_t gpa, uint64_t len)
{
	const struct mem_region *r = region_of(m, gpa);

	if (!r || len > r->size - (gpa - r->gpa))
		return NULL;
	return r->hva + (gpa - r->gpa);
}

/* Whether all of [@gpa, @gpa + @len) is RAM, in however many regions. */
static bool
is_ram(const struct mem *m, uint64_t gpa, size_t len)
{
	while (len > 0) {
		const struct mem_region *r = region_of(m, gpa);
		uint64_t part;

		if (!r)
			return false;
		part = MIN_OF((uint64_t)len, r->size - (gpa - r->gpa));
		len -= part;
		if (len > 0 && __builtin_add_overflow(gpa, part, &gpa))
			return false;
	}
	return true;
}

int
mem_read(const struct mem *m, uint64_t gpa, void *dst, size_t len)
{
	uint8_t *to = dst;

	if (!is_ram(m, gpa, len))
		return -EFAULT;
	while (len > 0) {
		const struct mem_region *r = region_of(m, gpa);
		size_t part = MIN_OF(len, r->size - (gpa - r->gpa));

		memcpy(to, r->hva + (gpa - r->gpa), part);
		to += part;
		gpa += part;
		len -= part;
	}
	return 0;
}

int
mem_write(const struct mem *m, uint64_t gpa, const void *src, size_t len)
{
	const uint8_t *from = src;

	if (!is_ram(m, gpa, len))
		return -EFAULT;
	while (len > 0) {
		const struct mem_region *r = region_of(m, gpa);
		size_t part = MIN_OF(len, r->size - (gpa - r->gpa));

		memcpy(r->hva + (gpa - r->gpa), from, part);
		from += part;
		gpa += part;
		len -= part;
	}
	return 0;
}
