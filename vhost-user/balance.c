/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which lane serves which port. By place first: the lane on the NUMA node of the port's memory. Then by
 * measured work: a port moves when that makes the busiest lane clearly less busy, and stays so long
 * enough not to move to and fro. Who moved a port by hand has the last word on it.
 */
#include "base/log.h"
#include "vhost-user/switch.h"

#define BUSY_ENOUGH 0.5  /* a lane with time left needs no help */
#define FAR_APART   0.15 /* of a second: what is gained must be worth the move */
#define SECONDS     3    /* in a row */

struct load {
	double lane[LANES_MAX];
	double port[SWITCH_PORTS_MAX];
};

static bool
fits(const struct lane_switch *sw, uint32_t lane, int node)
{
	return node < 0 || sw->lane[lane].node == node;
}

uint32_t
switch_choose_lane(const struct lane_switch *sw, int node)
{
	uint32_t ports[LANES_MAX] = {0}, best = 0;

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		const struct swport *p = sw->fwd.slot[i];

		if (p && p->lane < sw->n_lanes)
			ports[p->lane]++;
	}
	for (uint32_t i = 1; i < sw->n_lanes; i++)
		if (fits(sw, i, node) > fits(sw, best, node) ||
		    (fits(sw, i, node) == fits(sw, best, node) && ports[i] < ports[best]))
			best = i;
	return best;
}

/* What each port cost since the last call, as a share of that time. */
static void
measure(struct lane_switch *sw, double seconds, struct load *ret)
{
	for (uint32_t i = 0; i < sw->n_lanes; i++)
		ret->lane[i] = 0;
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		const struct swport *p = sw->fwd.slot[i];
		uint64_t busy = p ? counter_get(&p->busy) : 0;
		/* another port in that slot began anew */
		uint64_t since = busy >= sw->busy_before[i] ? busy - sw->busy_before[i] : busy;

		sw->busy_before[i] = busy;
		ret->port[i] = (double)since / (double)sw->lane[0].tsc_hz / seconds;
		if (p && p->lane < sw->n_lanes)
			ret->lane[p->lane] += ret->port[i];
	}
}

/* The port whose memory is far from its lane while another lane is near to it. */
static struct swport *
misplaced(const struct lane_switch *sw, uint32_t *ret_lane)
{
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		struct swport *p = sw->fwd.slot[i];
		int node = p ? p->node : -1;

		if (!p || p->pinned || node < 0 || fits(sw, p->lane, node))
			continue;
		*ret_lane = switch_choose_lane(sw, node);
		if (fits(sw, *ret_lane, node))
			return p;
	}
	return NULL;
}

/* The port of the busiest lane that, on the least busy one, leaves both closest to each other. */
static struct swport *
best_move(const struct lane_switch *sw, const struct load *l, uint32_t *ret_lane)
{
	uint32_t most = 0, least = 0;
	struct swport *best = NULL;
	double gap, gain = FAR_APART;

	for (uint32_t i = 1; i < sw->n_lanes; i++) {
		most = l->lane[i] > l->lane[most] ? i : most;
		least = l->lane[i] < l->lane[least] ? i : least;
	}
	gap = l->lane[most] - l->lane[least];
	if (l->lane[most] < BUSY_ENOUGH)
		return NULL;
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		struct swport *p = sw->fwd.slot[i];
		double after;

		if (!p || p->lane != most || p->pinned || !fits(sw, least, p->node))
			continue;
		after = gap - 2 * l->port[i];
		if (after < 0)
			after = -after;
		if (gap - after > gain) {
			gain = gap - after;
			best = p;
		}
	}
	*ret_lane = least;
	return best;
}

void
switch_balance(struct lane_switch *sw, uint64_t now)
{
	double seconds = (double)(now - sw->balanced) / (double)sw->lane[0].tsc_hz;
	uint32_t lane = 0;
	struct swport *p;
	struct load l;

	if (sw->n_lanes < 2 || seconds < 0.9)
		return;
	sw->balanced = now;
	measure(sw, seconds, &l);
	p = misplaced(sw, &lane);
	if (!p) {
		p = best_move(sw, &l, &lane);
		sw->lopsided = p ? sw->lopsided + 1 : 0;
		if (sw->lopsided < SECONDS)
			return;
	}
	sw->lopsided = 0;
	if (switch_move(sw, p, lane) == 0)
		log_info("port %s: moved to the forwarding thread on CPU %d", p->cfg.name,
			 sw->lane[lane].cpu);
}
