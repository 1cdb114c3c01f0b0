/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/pacer.h"

void
pacer_init(struct pacer *p, uint64_t start, uint64_t hz, uint64_t rate)
{
	*p = (struct pacer){.next = start};
	if (!rate)
		return;
	p->step = hz / rate;
	/* Rounded up (rate is below 2^32), so that a second never holds one frame too many. */
	p->step_frac = (uint32_t)((((hz % rate) << 32) + rate - 1) / rate);
}

void
pacer_advance(struct pacer *p)
{
	p->next += p->step + __builtin_add_overflow(p->frac, p->step_frac, &p->frac);
}
