/* SPDX-License-Identifier: Apache-2.0 */
/* Touching guest memory ahead of its use: the longest part of a start, so done by several threads. */
#ifndef CORELANE_VMM_MEM_POPULATE_H
#define CORELANE_VMM_MEM_POPULATE_H

#include "vmm/mem.h"

/*
 * Makes every page of @m present, with as many threads as the caller's CPU affinity has CPUs.
 * 0; -ENOMEM when there are not enough, -ENOTSUP on a kernel before 5.14, with words.
 */
int mem_populate(const struct mem *m, struct err *e);

/* One page of it that was given back; where the mapping is bound to. 0 or -errno. */
int mem_populate_page(const struct mem *m, uint8_t *page);

/* "2 MiB": for messages. */
const char *mem_page_name(uint64_t page_size);

#endif
