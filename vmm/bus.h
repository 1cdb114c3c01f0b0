/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who answers an access to a port or to MMIO: a sorted array of disjoint ranges. Lookups run on vCPU
 * threads under vm->lock; so do add and remove (a guest moves its BARs).
 */
#ifndef CORELANE_VMM_BUS_H
#define CORELANE_VMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#define BUS_RANGES_MAX 128

/*
 * @offset is from the range's base; @size is 1, 2, 4 or 8 and the access lies inside the range.
 * Values are little-endian numbers. Called with vm->lock held; must not block.
 */
struct bus_ops {
	uint64_t (*read)(void *dev, uint64_t offset, unsigned int size);
	void (*write)(void *dev, uint64_t offset, unsigned int size, uint64_t value);
};

struct bus_range {
	uint64_t base, size;
	const struct bus_ops *ops;
	void *dev;
};

struct bus {
	struct bus_range range[BUS_RANGES_MAX];
	unsigned int n;
};

/* 0, -EEXIST on overlap, -ENOSPC, -EINVAL for an empty or wrapping range. */
int bus_add(struct bus *b, uint64_t base, uint64_t size, const struct bus_ops *ops, void *dev);
/* Removes the range that starts at @base and belongs to @dev; nothing when there is none. */
void bus_remove(struct bus *b, uint64_t base, const void *dev);

/* false: nobody is there (reads give all ones). An access that crosses a range's end is nobody's. */
bool bus_read(const struct bus *b, uint64_t addr, unsigned int size, uint64_t *ret);
bool bus_write(const struct bus *b, uint64_t addr, unsigned int size, uint64_t value);

#endif
