/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storm control: how many frames a second a port may have flooded. Asked by the flood path alone, of
 * ports with SWPORT_STORM alone. The port's own lane only.
 */
#ifndef CORELANE_VHOST_USER_FEAT_STORM_H
#define CORELANE_VHOST_USER_FEAT_STORM_H

#include "vhost-user/lane.h"

enum storm_kind { STORM_BROADCAST, STORM_MULTICAST, STORM_UNKNOWN }; /* as port_cfg.storm[] */

/* By the destination of a frame that is to be flooded. */
static inline enum storm_kind
storm_kind(const uint8_t *dst)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (!(dst[0] & 1))
		return STORM_UNKNOWN;
	return memcmp(dst, broadcast, sizeof(broadcast)) == 0 ? STORM_BROADCAST : STORM_MULTICAST;
}

/*
 * What may come at once: a tenth of a second's frames; with low limits a second's or 32 frames, since
 * a guest that starts says several things in a row.
 */
static inline uint64_t
storm_burst(uint32_t rate)
{
	uint64_t least = rate < 32 ? rate : 32;

	return rate / 10 > least ? rate / 10 : least;
}

/* Whether one more frame may be flooded; false: DROP_STORM. */
static inline bool
storm_allows(const struct lane *lane, struct swport *in, enum storm_kind kind)
{
	/* relaxed: a number that stands for itself */
	uint32_t rate = atomic_load_explicit(&in->storm_rate[kind], memory_order_relaxed);
	const struct bucket_rate r = {rate, storm_burst(rate), lane->tsc_hz};

	if (rate == 0)
		return true;
	bucket_fill(&in->storm[kind], &r, lane->now);
	return bucket_take(&in->storm[kind], &r, 1);
}

#endif
