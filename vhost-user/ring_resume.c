/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed rings after a switch was killed: where it was, from what it left behind (struct ring_inflight)
 * and from the ring itself, exactly. (A split ring's position is its used index.)
 *
 * In a batch that was being written, descriptors behind the first may have been overwritten, and the
 * driver still waits for the first. They are finished, not taken back: what they held is gone.
 */
#include "vhost-user/ring_mem.h"

struct spot {
	uint16_t at;
	bool wrap;
};

static void
advance(const struct ring *r, struct spot *s, uint16_t slots)
{
	uint32_t at = (uint32_t)s->at + slots;

	if (at >= r->size) {
		at -= r->size;
		s->wrap = !s->wrap;
	}
	s->at = (uint16_t)at;
}

/*
 * The first descriptor of a batch was available in this lap, with the USED bit of the lap before. Once
 * it is used it has the lap's, and keeps it when the driver makes it available for the next (2.8.1).
 */
static bool
was_published(const struct ring *r, struct spot s)
{
	uint16_t flags = read_acquire(&r->slot[s.at].flags);

	return (flags >> VRING_PACKED_DESC_F_USED & 1) == s.wrap;
}

/* As the driver sees it. One that a chain skipped a lap ago has only the USED bit right. */
static bool
is_used(const struct ring *r, struct spot s)
{
	uint16_t flags = read_acquire(&r->slot[s.at].flags);

	return (flags >> VRING_PACKED_DESC_F_AVAIL & 1) == s.wrap && was_published(r, s);
}

static bool
is_available(const struct ring *r, struct spot s)
{
	uint16_t flags = read_acquire(&r->slot[s.at].flags);

	return (flags >> VRING_PACKED_DESC_F_AVAIL & 1) == s.wrap && !was_published(r, s);
}

/* Slots of the chain whose first untouched descriptor is at @s, and its id; 0: none there. */
static uint16_t
chain_at(const struct ring *r, struct spot s, uint16_t *ret_id)
{
	for (uint16_t n = 1; n <= r->size && is_available(r, s); n++) {
		const struct vring_packed_desc *d = &r->slot[s.at];

		*ret_id = read_once(&d->id);
		if (!(read_once(&d->flags) & VRING_DESC_F_NEXT))
			return n;
		advance(r, &s, 1);
	}
	return 0;
}

/*
 * Slots of a chain whose first descriptor was overwritten by a used one. If it had more, the rest looks
 * like a chain of its own that has the same id, which no other buffer has.
 */
static uint16_t
used_slots(const struct ring *r, struct spot s)
{
	uint16_t id = 0, n;
	struct spot rest = s;

	advance(r, &rest, 1);
	n = chain_at(r, rest, &id);
	return n > 0 && n < r->size && id == read_once(&r->slot[s.at].id) ? n + 1 : 1;
}

/* Finishes a batch at @s, if there is one. Returns the place after it. */
static struct spot
finish(struct ring *r, struct spot s)
{
	struct spot at = s;
	uint32_t total;
	uint16_t id = 0;

	total = chain_at(r, s, &id);
	advance(r, &at, (uint16_t)total);
	if (total == 0 || total >= r->size || !is_used(r, at))
		return s;
	/* release: pairs with the driver's acquire; what comes behind is whole already */
	write_release((word_t *)&r->slot[s.at].len, read_once(&r->inflight->first));
	while (total < r->size && is_used(r, at)) {
		uint16_t n = used_slots(r, at);

		total += n;
		advance(r, &at, n);
	}
	return at;
}

bool
ring_resume(struct ring *r)
{
	struct ring_inflight left = {.version = read_once(&r->inflight->version),
				     .position = read_once(&r->inflight->position)};
	struct spot old = {.at = left.old_used_idx, .wrap = left.old_used_wrap & 1};
	struct spot used = {.at = left.used_idx, .wrap = left.used_wrap & 1};

	if (left.version == 0 || old.at >= r->size || used.at >= r->size)
		return false;
	/* else the batch that was being written is the driver's, all of it */
	if ((old.at == used.at && old.wrap == used.wrap) || !was_published(r, old))
		used = finish(r, old);
	r->pos = used.at;
	r->wrap = used.wrap;
	return true;
}
