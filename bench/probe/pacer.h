/* SPDX-License-Identifier: Apache-2.0 */
/* When frames are due: an even rate without drift. Pure. */
#ifndef CORELANE_PROBE_PACER_H
#define CORELANE_PROBE_PACER_H

#include <stdint.h>

/* When the next frame is due, in ticks with 32 bits behind the point. */
struct pacer {
	uint64_t next, step;
	uint32_t frac, step_frac;
};

/* @rate 0: always due. */
void pacer_init(struct pacer *p, uint64_t start, uint64_t hz, uint64_t rate);
void pacer_advance(struct pacer *p);

#endif
