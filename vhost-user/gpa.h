/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A front end's memory as mapped here: the one gate from an address that a guest chose to a pointer.
 */
#ifndef CORELANE_VHOST_USER_GPA_H
#define CORELANE_VHOST_USER_GPA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GPA_REGIONS_MAX 8 /* DPDK's VHOST_MEMORY_MAX_NREGIONS */

struct gpa_region {
	uint64_t gpa, size;
	uint8_t *hva;
};

/* The largest region first: nearly every address lies there. */
struct gpa_map {
	uint32_t n;
	struct gpa_region region[GPA_REGIONS_MAX];
};

/* @len bytes at @gpa that lie in one region, or NULL. */
static inline uint8_t *
gpa_ptr(const struct gpa_map *m, uint64_t gpa, uint64_t len)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct gpa_region *r = &m->region[i];
		uint64_t at = gpa - r->gpa;

		if (at < r->size && len <= r->size - at)
			return r->hva + at;
	}
	return NULL;
}

/* What begins at @gpa, as far as one region goes: *ret_len (<= @len, > 0) bytes; NULL: nothing. */
uint8_t *gpa_piece(const struct gpa_map *m, uint64_t gpa, uint64_t len, uint64_t *ret_len);

/* Copies @len bytes from @gpa, from several regions if need be. false: not all of it is memory. */
bool gpa_read(const struct gpa_map *m, uint64_t gpa, void *ret, uint64_t len);

/* Whether @len bytes at @ptr, a pointer of ours, lie in one region. */
bool gpa_holds(const struct gpa_map *m, const void *ptr, uint64_t len);

/* Adds a region, in its place; false: no room, empty, or its addresses wrap. */
bool gpa_add(struct gpa_map *m, uint64_t gpa, uint64_t size, void *hva);

#endif
