/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/heap.h"

#include "bench/probe/layout.h"
#include "bench/probe/str.h"

#define GIB 0x40000000ull

extern char __end[];

static uint64_t start, next, end;

void
heap_init(const struct boot *b)
{
	struct boot_range r = boot_largest_free(b, (uint64_t)(uintptr_t)__end, 3 * GIB);

	start = next = r.addr;
	end = r.addr + r.size;
}

uint64_t
heap_left(void)
{
	return end - next;
}

bool
heap_has(uint64_t addr)
{
	return addr >= start && addr < next;
}

uint64_t
heap_mark(void)
{
	return next;
}

void
heap_release(uint64_t mark)
{
	next = mark;
}

void *
heap_alloc(size_t size)
{
	void *p = (void *)(uintptr_t)next;

	if (size > end - next)
		return NULL;
	size = (size + 0xfff) & ~0xfffull;
	if (size > end - next)
		return NULL;
	next += size;
	return memset(p, 0, size);
}

int
heap_map(uint64_t addr, uint64_t size)
{
	volatile uint64_t *pdpt = (volatile uint64_t *)PDPT_BASE;
	uint64_t last;

	if (!size)
		return 0;
	if (__builtin_add_overflow(addr, size - 1, &last) || last >= 512 * GIB)
		return -1;
	for (uint64_t g = addr / GIB; g <= last / GIB; g++) {
		uint64_t *pd;

		if (pdpt[g] & 1)
			continue;
		pd = heap_alloc(4096);
		if (!pd)
			return -1;
		for (uint64_t i = 0; i < 512; i++)
			pd[i] = (g * GIB + i * 0x200000) | 0xe7;
		/* From not present to present: nothing to flush. */
		pdpt[g] = (uint64_t)(uintptr_t)pd | 0x27;
	}
	return 0;
}
