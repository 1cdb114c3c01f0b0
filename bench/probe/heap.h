/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for rings and buffers: taken once, never given back. And the map of what lies above 4 GiB. */
#ifndef CORELANE_PROBE_HEAP_H
#define CORELANE_PROBE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/probe/boot.h"

void heap_init(const struct boot *b);
/* Zeroed, aligned to 4 KiB; NULL when there is no more. */
void *heap_alloc(size_t size);
uint64_t heap_left(void);
/* Whether @addr is memory that was handed out. */
bool heap_has(uint64_t addr);
/* Gives back everything taken since heap_mark(). */
uint64_t heap_mark(void);
void heap_release(uint64_t mark);

/* Makes [addr, addr + size) reachable. 0, or -1 beyond 512 GiB or without memory for tables. */
int heap_map(uint64_t addr, uint64_t size);

#endif
