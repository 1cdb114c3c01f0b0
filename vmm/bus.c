/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/bus.h"

#include <errno.h>
#include <string.h>

/* The index of the first range whose last byte is at or above @addr. */
static unsigned int
first_not_below(const struct bus *b, uint64_t addr)
{
	unsigned int lo = 0, hi = b->n;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (b->range[mid].base + (b->range[mid].size - 1) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
bus_add(struct bus *b, uint64_t base, uint64_t size, const struct bus_ops *ops, void *dev)
{
	uint64_t last;
	unsigned int i;

	if (size == 0 || !ops || __builtin_add_overflow(base, size - 1, &last))
		return -EINVAL;
	i = first_not_below(b, base);
	if (i < b->n && b->range[i].base <= last)
		return -EEXIST;
	if (b->n == BUS_RANGES_MAX)
		return -ENOSPC;
	memmove(&b->range[i + 1], &b->range[i], (b->n - i) * sizeof(b->range[0]));
	b->range[i] = (struct bus_range){.base = base, .size = size, .ops = ops, .dev = dev};
	b->n++;
	return 0;
}

void
bus_remove(struct bus *b, uint64_t base, const void *dev)
{
	unsigned int i = first_not_below(b, base);

	if (i == b->n || b->range[i].base != base || b->range[i].dev != dev)
		return;
	b->n--;
	memmove(&b->range[i], &b->range[i + 1], (b->n - i) * sizeof(b->range[0]));
}

/* The range that holds all of [@addr, @addr + @size), or NULL. */
static const struct bus_range *
find(const struct bus *b, uint64_t addr, unsigned int size)
{
	unsigned int i = first_not_below(b, addr);
	const struct bus_range *r = &b->range[i];

	if (i == b->n || addr < r->base)
		return NULL;
	if (size > r->size || addr - r->base > r->size - size)
		return NULL;
	return r;
}

bool
bus_read(const struct bus *b, uint64_t addr, unsigned int size, uint64_t *ret)
{
	const struct bus_range *r = find(b, addr, size);

	if (!r || !r->ops->read)
		return false;
	*ret = r->ops->read(r->dev, addr - r->base, size);
	return true;
}

bool
bus_write(const struct bus *b, uint64_t addr, unsigned int size, uint64_t value)
{
	const struct bus_range *r = find(b, addr, size);

	if (!r || !r->ops->write)
		return false;
	/* A device may move or remove its own range here: @r is dead after the call. */
	r->ops->write(r->dev, addr - r->base, size, value);
	return true;
}
