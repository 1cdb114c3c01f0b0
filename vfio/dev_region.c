/* SPDX-License-Identifier: Apache-2.0 */
/* Which parts of a BAR can be mapped: from the kernel's list to page-aligned, disjoint areas, and their mmap. */
#include "vfio/dev_region.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE       4096ull
#define INFO_MAX   65536u /* bytes of one region's description */
#define CHAIN_MAX  16     /* capabilities in it */
#define SPARSE_MAX 64     /* areas in it */

/* Adds [@from, @to) shrunk to whole pages; what overlaps or comes out of order is left out. */
static void
add_area(struct vfio_bar *b, uint64_t from, uint64_t to)
{
	struct vfio_area *last = b->n_areas ? &b->area[b->n_areas - 1] : NULL;

	from = align_up(from, PAGE);
	to = align_down(to, PAGE);
	if (to <= from || b->n_areas == VFIO_AREAS_MAX)
		return;
	if (last && from < last->offset + last->size)
		return;
	b->area[b->n_areas++] = (struct vfio_area){.offset = from, .size = to - from};
}

static void
add_sparse(struct vfio_bar *b, const uint8_t *cap, uint32_t room)
{
	struct vfio_region_info_cap_sparse_mmap s;
	struct vfio_region_sparse_mmap_area a;

	if (room < sizeof(s))
		return;
	memcpy(&s, cap, sizeof(s));
	for (uint32_t i = 0; i < s.nr_areas && i < SPARSE_MAX; i++) {
		if (room - sizeof(s) < (i + 1) * sizeof(a))
			return;
		memcpy(&a, cap + sizeof(s) + i * sizeof(a), sizeof(a));
		if (a.offset < b->size && a.size <= b->size - a.offset)
			add_area(b, a.offset, a.offset + a.size);
	}
}

/* Whether there is a sparse list; then its areas are in @b. */
static bool
find_sparse(struct vfio_bar *b, const uint8_t *info, uint32_t len, uint32_t at)
{
	struct vfio_info_cap_header h;

	for (int i = 0; i < CHAIN_MAX && at != 0; i++, at = h.next) {
		if (at < sizeof(struct vfio_region_info) || at > len || len - at < sizeof(h))
			return false;
		memcpy(&h, info + at, sizeof(h));
		if (h.id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			continue;
		add_sparse(b, info + at, len - at);
		return true;
	}
	return false;
}

void
vfio_region_areas(struct vfio_dev *d, unsigned int bar, uint32_t argsz)
{
	struct vfio_bar *b = &d->bar[bar];
	struct vfio_region_info *info;
	bool sparse = false;

	if (argsz > sizeof(*info) && argsz <= INFO_MAX) {
		info = calloc(1, argsz);
		if (!info)
			return; /* then it is trapped */
		*info = (struct vfio_region_info){.argsz = argsz, .index = bar};
		if (d->io->ioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, info) == 0 &&
		    (info->flags & VFIO_REGION_INFO_FLAG_CAPS))
			sparse = find_sparse(b, (const uint8_t *)info, argsz, info->cap_offset);
		free(info);
	}
	if (!sparse)
		add_area(b, 0, b->size);
}

/* Takes the pages that @hole touches out of the areas. */
static void
cut(struct vfio_bar *b, const struct vfio_range *hole)
{
	uint64_t from = align_down(hole->offset, PAGE);
	uint64_t to = align_up(hole->offset + hole->size, PAGE);
	struct vfio_bar old = *b;

	b->n_areas = 0;
	for (unsigned int i = 0; i < old.n_areas; i++) {
		uint64_t start = old.area[i].offset, end = start + old.area[i].size;

		if (to <= start || from >= end) {
			add_area(b, start, end);
			continue;
		}
		if (from > start)
			add_area(b, start, from);
		if (to < end)
			add_area(b, to, end);
	}
}

void
vfio_dev_map(struct vfio_dev *d, unsigned int bar, const struct vfio_range *hole, unsigned int n)
{
	struct vfio_bar *b = &d->bar[bar];
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++)
		if (hole[i].size > 0 && hole[i].offset < b->size &&
		    hole[i].size <= b->size - hole[i].offset)
			cut(b, &hole[i]);
	for (unsigned int i = 0; i < b->n_areas; i++) {
		struct vfio_area a = b->area[i];

		if (d->io->map(d->fd, b->offset + a.offset, a.size, &a.map) == 0)
			b->area[kept++] = a;
	}
	b->n_areas = kept;
}
