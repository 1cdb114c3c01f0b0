/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/rcu.h"

#include <stdlib.h>
#include <time.h>

#include <rte_rcu_qsbr.h>

#include "base/util.h"

/* Nothing here but the library's variable, which says itself how long it is. */
struct rcu {
	struct rte_rcu_qsbr v;
};

struct rcu *
rcu_make(uint32_t lanes)
{
	size_t bytes = align_up(rte_rcu_qsbr_get_memsize(lanes), RTE_CACHE_LINE_SIZE);
	struct rcu *r = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);

	if (!r)
		return NULL;
	if (rte_rcu_qsbr_init(&r->v, lanes) != 0)
		goto fail;
	for (uint32_t i = 0; i < lanes; i++)
		if (rte_rcu_qsbr_thread_register(&r->v, i) != 0)
			goto fail;
	return r;

fail:
	free(r);
	return NULL;
}

void
rcu_free(struct rcu *r)
{
	free(r);
}

void
rcu_online(struct rcu *r, uint32_t lane)
{
	rte_rcu_qsbr_thread_online(&r->v, lane);
}

void
rcu_offline(struct rcu *r, uint32_t lane)
{
	rte_rcu_qsbr_thread_offline(&r->v, lane);
}

void
rcu_quiet(struct rcu *r, uint32_t lane)
{
	rte_rcu_qsbr_quiescent(&r->v, lane);
}

/* Not rte_rcu_qsbr_synchronize(): it spins, perhaps on the very CPU that a forwarding thread wants. */
void
rcu_wait(struct rcu *r)
{
	const struct timespec step = {.tv_nsec = 20000};
	uint64_t token = rte_rcu_qsbr_start(&r->v);

	while (rte_rcu_qsbr_check(&r->v, token, false) == 0)
		nanosleep(&step, NULL);
}
