/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/balloon_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vmm/mem_populate.h"

static bool
huge(const struct balloon_mem *b)
{
	return b->mem->page_size > BALLOON_PAGE;
}

static bool
get(const uint8_t *bits, uint64_t i)
{
	return bits[i / 8] & 1u << i % 8;
}

static void
set(uint8_t *bits, uint64_t i, bool on)
{
	if (on)
		bits[i / 8] |= (uint8_t)(1u << i % 8);
	else
		bits[i / 8] &= (uint8_t) ~(1u << i % 8);
}

static uint64_t
bytes_of(const struct mem *m)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < m->n; i++)
		sum += m->region[i].size;
	return sum;
}

/* The region of @gpa, and the number of its page among all RAM. NULL: not RAM. */
static const struct mem_region *
find(const struct mem *m, uint64_t gpa, uint64_t *ret_page)
{
	uint64_t before = 0;

	for (unsigned int i = 0; i < m->n; i++) {
		const struct mem_region *r = &m->region[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size) {
			*ret_page = (before + gpa - r->gpa) / BALLOON_PAGE;
			return r;
		}
		before += r->size;
	}
	return NULL;
}

static int
punch(const struct mem_region *r, uint64_t offset, uint64_t len)
{
	return fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)(r->fd_offset + offset), (off_t)len) < 0
		       ? -errno
		       : 0;
}

int
balloon_mem_init(struct balloon_mem *b, const struct mem *m, bool give)
{
	uint64_t bytes = bytes_of(m);

	*b = (struct balloon_mem){.mem = m, .give = give};
	if (!give || !huge(b))
		return 0;
	b->in = calloc(1, bytes / BALLOON_PAGE / 8 + 1);
	b->given = calloc(1, bytes / m->page_size / 8 + 1);
	if (b->in && b->given)
		return 0;
	balloon_mem_fini(b);
	return -ENOMEM;
}

void
balloon_mem_fini(struct balloon_mem *b)
{
	free(b->in);
	free(b->given);
	b->in = b->given = NULL;
}

/* All small pages of the huge page that starts with number @first are in the balloon. */
static bool
all_in(const struct balloon_mem *b, uint64_t first)
{
	uint64_t bytes = b->mem->page_size / BALLOON_PAGE / 8;
	const uint8_t *p = b->in + first / 8;

	/* Regions are multiples of the page size, so a huge page's bits are whole bytes. */
	return p[0] == 0xff && memcmp(p, p + 1, bytes - 1) == 0;
}

static void
inflate_huge(struct balloon_mem *b, const struct mem_region *r, uint64_t gpa, uint64_t page)
{
	uint64_t per = b->mem->page_size / BALLOON_PAGE, first = align_down(page, per);

	set(b->in, page, true);
	if (get(b->given, page / per) || !all_in(b, first))
		return;
	if (punch(r, align_down(gpa - r->gpa, b->mem->page_size), b->mem->page_size) < 0)
		return; /* the host does not want it: the guest does without it all the same */
	set(b->given, page / per, true);
	b->n_given++;
}

int
balloon_mem_inflate(struct balloon_mem *b, uint64_t pfn, uint64_t n)
{
	uint64_t gpa = pfn * BALLOON_PAGE, page = 0;
	const struct mem_region *r = find(b->mem, gpa, &page);

	if (!r || n == 0 || r->size - (gpa - r->gpa) < n * BALLOON_PAGE)
		return -EFAULT;
	if (!b->give)
		return 0;
	if (!huge(b))
		(void)punch(r, gpa - r->gpa, n * BALLOON_PAGE);
	for (uint64_t i = 0; huge(b) && i < n; i++)
		inflate_huge(b, r, gpa + i * BALLOON_PAGE, page + i);
	return 0;
}

int
balloon_mem_deflate(struct balloon_mem *b, uint64_t pfn)
{
	uint64_t gpa = pfn * BALLOON_PAGE, size = b->mem->page_size, page = 0;
	const struct mem_region *r = find(b->mem, gpa, &page);

	if (!r)
		return -EFAULT;
	if (!b->give || !huge(b))
		return 0;
	if (get(b->given, page / (size / BALLOON_PAGE))) {
		/* Through the mapping: fallocate(2) knows nothing of the node that it is bound to. */
		if (mem_populate_page(b->mem, r->hva + align_down(gpa - r->gpa, size)) < 0)
			return -ENOMEM;
		set(b->given, page / (size / BALLOON_PAGE), false);
		b->n_given--;
	}
	set(b->in, page, false);
	return 0;
}

uint64_t
balloon_mem_report(struct balloon_mem *b, const void *p, uint64_t len)
{
	const uint8_t *at = p;

	if (!b->give || huge(b))
		return 0;
	for (unsigned int i = 0; i < b->mem->n; i++) {
		const struct mem_region *r = &b->mem->region[i];
		uint64_t from, to;

		if (at < r->hva || at >= r->hva + r->size)
			continue;
		from = align_up((uint64_t)(at - r->hva), BALLOON_PAGE);
		to = align_down((uint64_t)(at - r->hva) + MIN_OF(len, r->size), BALLOON_PAGE);
		to = MIN_OF(to, r->size);
		return from < to && punch(r, from, to - from) == 0 ? to - from : 0;
	}
	return 0;
}

void
balloon_mem_forget(struct balloon_mem *b)
{
	uint64_t bytes = bytes_of(b->mem);

	if (!b->in)
		return;
	memset(b->in, 0, bytes / BALLOON_PAGE / 8 + 1);
	b->owing = b->n_given > 0;
}

static uint8_t *
huge_page(const struct mem *m, uint64_t i)
{
	uint64_t at = i * m->page_size;
	unsigned int k = 0;

	for (; at >= m->region[k].size; k++) /* what was given is in one of them */
		at -= m->region[k].size;
	return m->region[k].hva + at;
}

int
balloon_mem_regain(struct balloon_mem *b)
{
	uint64_t size = b->mem->page_size, n = bytes_of(b->mem) / size;

	for (uint64_t k = 0; b->owing && k < n; k++) {
		uint64_t i = (b->next + k) % n;

		/* The guest may have put it into its new balloon meanwhile: there it may stay. */
		if (!get(b->given, i) || all_in(b, i * (size / BALLOON_PAGE)))
			continue;
		b->next = i + 1; /* another node may have one where this one's has none */
		if (mem_populate_page(b->mem, huge_page(b->mem, i)) < 0)
			return -ENOMEM;
		set(b->given, i, false);
		b->n_given--;
		return 1;
	}
	b->owing = false;
	return 0;
}
