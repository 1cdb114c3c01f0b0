/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/gpa.h"

#include <string.h>

uint8_t *
gpa_piece(const struct gpa_map *m, uint64_t gpa, uint64_t len, uint64_t *ret_len)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct gpa_region *r = &m->region[i];
		uint64_t at = gpa - r->gpa;

		if (at >= r->size)
			continue;
		*ret_len = len < r->size - at ? len : r->size - at;
		return r->hva + at;
	}
	return NULL;
}

bool
gpa_read(const struct gpa_map *m, uint64_t gpa, void *ret, uint64_t len)
{
	uint8_t *to = ret;

	while (len > 0) {
		uint64_t n;
		const uint8_t *from = gpa_piece(m, gpa, len, &n);

		if (!from)
			return false;
		memcpy(to, from, n);
		to += n;
		gpa += n;
		len -= n;
	}
	return true;
}

bool
gpa_holds(const struct gpa_map *m, const void *ptr, uint64_t len)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct gpa_region *r = &m->region[i];
		uint64_t at = (uintptr_t)ptr - (uintptr_t)r->hva;

		if (at < r->size && len <= r->size - at)
			return true;
	}
	return false;
}

bool
gpa_add(struct gpa_map *m, uint64_t gpa, uint64_t size, void *hva)
{
	uint64_t end;
	uint32_t at;

	if (m->n == GPA_REGIONS_MAX || size == 0 || __builtin_add_overflow(gpa, size - 1, &end))
		return false;
	for (at = m->n; at > 0 && m->region[at - 1].size < size; at--)
		m->region[at] = m->region[at - 1];
	m->region[at] = (struct gpa_region){.gpa = gpa, .size = size, .hva = hva};
	m->n++;
	return true;
}
