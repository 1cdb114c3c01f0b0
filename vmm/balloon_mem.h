/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory that is given back to the host, and taken again. Guests name pages of 4 KiB; what the host
 * has given is a page of mem->page_size, and only whole ones go back: so there is an account.
 *
 * A small page that was given back is there again, zeroed, when somebody touches it. A huge one is
 * there again only if the host still has one: the guest's touch would be its end. So it is had first.
 */
#ifndef CORELANE_VMM_BALLOON_MEM_H
#define CORELANE_VMM_BALLOON_MEM_H

#include <stdbool.h>

#include "vmm/mem.h"

#define BALLOON_PAGE 4096u

struct balloon_mem {
	const struct mem *mem;
	bool give;        /* false: nothing ever goes back */
	uint8_t *in;      /* huge pages: a bit a small page that is in the balloon; owned */
	uint8_t *given;   /* a bit a huge page that the host has back; owned */
	uint64_t n_given; /* bits set in it */
	bool owing;       /* some that are given are not in the balloon any more */
	uint64_t next;    /* huge page that balloon_mem_regain() looks at first */
};

/* 0 or -ENOMEM. */
int balloon_mem_init(struct balloon_mem *b, const struct mem *m, bool give);
void balloon_mem_fini(struct balloon_mem *b);

/* Pages [@pfn, @pfn + @n) go into the balloon. -EFAULT: not RAM, nothing was done. */
int balloon_mem_inflate(struct balloon_mem *b, uint64_t pfn, uint64_t n);
/* One page comes out. -EFAULT; -ENOMEM: the host has no page for it now; try again. */
int balloon_mem_deflate(struct balloon_mem *b, uint64_t pfn);
/* @len bytes at @p, inside one region, are not used for now. With huge pages: nothing. Bytes given back. */
uint64_t balloon_mem_report(struct balloon_mem *b, const void *p, uint64_t len);

/*
 * The guest started over without telling: the balloon is empty. Huge pages that the host has are owed to
 * the guest, which may touch any from now on.
 */
void balloon_mem_forget(struct balloon_mem *b);
/* Takes one that is owed from the host. 1: had; 0: none is owed; -ENOMEM: it has none for it now. */
int balloon_mem_regain(struct balloon_mem *b);

#endif
