/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/feat_police.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_meter.h>

#include "vhost-user/lane.h"

/* Of a port and direction, whatever its rates are now: it outlives the chains that use it. */
struct police_meter {
	_Atomic uint32_t users; /* chains; control thread */
	uint64_t last;          /* TSC; 0: not used yet */
	struct rte_meter_srtcm one;
	struct rte_meter_trtcm two;
};

/* Of one chain. */
struct police_state {
	struct port_policer cfg;
	struct police_meter *meter;
	uint64_t hz; /* for which the profiles are made; 0: not yet */
	struct rte_meter_srtcm_profile one;
	struct rte_meter_trtcm_profile two;
};

/*
 * How DPDK's meters count time: so many bytes every so many ticks. Its own way to choose them rounds
 * up the rate by up to 1 %; here the period is rounded up, so that nobody gets more than was declared,
 * and is as long as the burst allows, so that nobody gets noticeably less.
 */
static void
choose_period(uint64_t rate, uint64_t burst, uint64_t hz, uint64_t *ret_period, uint64_t *ret_bytes)
{
	uint64_t bytes = burst / 16 ? burst / 16 : 1;

	/* a millisecond is long enough */
	if (bytes > rate / 1000)
		bytes = rate / 1000 ? rate / 1000 : 1;
	*ret_bytes = bytes;
	*ret_period = (uint64_t)(((__uint128_t)hz * bytes + rate - 1) / rate);
}

static void
configure(struct police_state *s, uint64_t hz)
{
	const struct port_policer *c = &s->cfg;

	s->hz = hz;
	if (c->peak) {
		s->two.cbs = c->burst;
		s->two.pbs = c->excess;
		choose_period(c->rate, c->burst, hz, &s->two.cir_period,
			      &s->two.cir_bytes_per_period);
		choose_period(c->peak, c->excess, hz, &s->two.pir_period,
			      &s->two.pir_bytes_per_period);
		return;
	}
	s->one.cbs = c->burst;
	s->one.ebs = c->excess;
	choose_period(c->rate, c->burst, hz, &s->one.cir_period, &s->one.cir_bytes_per_period);
}

/* The buckets are full when it begins: RFC 2697, 3; RFC 2698, 3. */
static void
begin(struct police_meter *m, const struct police_state *s, uint64_t now)
{
	m->last = now;
	m->one = (struct rte_meter_srtcm){.time = now, .tc = s->one.cbs, .te = s->one.ebs};
	m->two = (struct rte_meter_trtcm){.time_tc = now,
					  .time_tp = now,
					  .tc = s->two.cbs,
					  .tp = s->two.pbs};
}

static void
run(struct burst *b, void *state)
{
	struct swport_counters *count = swport_count(b->port, b->lane);
	struct police_state *s = state;
	struct police_meter *m = s->meter;
	uint64_t yellow = 0;
	uint32_t i;

	if (__builtin_expect(s->hz != b->lane->tsc_hz, 0))
		configure(s, b->lane->tsc_hz);
	if (__builtin_expect(m->last == 0, 0))
		begin(m, s, b->lane->now);
	/* DPDK's meters do not expect the clock of another CPU to be behind */
	if (b->lane->now > m->last)
		m->last = b->lane->now;
	burst_for_each(i, b)
	{
		uint32_t len = b->pkt[i]->len;
		enum rte_color color =
			s->cfg.peak
				? rte_meter_trtcm_color_blind_check(&m->two, &s->two, m->last, len)
				: rte_meter_srtcm_color_blind_check(&m->one, &s->one, m->last, len);

		if (color == RTE_COLOR_RED)
			burst_drop(b, i, DROP_POLICED);
		else
			yellow += color == RTE_COLOR_YELLOW;
	}
	if (yellow)
		counter_add(&count->yellow, yellow);
}

static void
put_meter(struct police_meter *m)
{
	if (atomic_fetch_sub(&m->users, 1) == 1)
		free(m);
}

static void
destroy(void *state)
{
	struct police_state *s = state;

	put_meter(s->meter);
	free(s);
}

/* Changed rates go on with what the buckets hold; another kind of meter begins with full ones. */
static int
make(const struct swport *port, const struct port_policer *cfg, const struct police_state *old,
     void **ret_state, struct err *e)
{
	struct police_state *s = calloc(1, sizeof(*s));

	if (!s)
		goto no_memory;
	s->cfg = *cfg;
	if (old && !old->cfg.peak == !cfg->peak)
		s->meter = old->meter;
	else
		s->meter = calloc(1, sizeof(*s->meter));
	if (!s->meter)
		goto no_memory;
	atomic_fetch_add(&s->meter->users, 1);
	*ret_state = s;
	return 0;

no_memory:
	free(s);
	return err_sys(e, ENOMEM, "port %s: policer", port->cfg.name);
}

static int
make_in(struct swport *port, void *old, void **ret_state, struct err *e)
{
	return make(port, &port->cfg.police_in, old, ret_state, e);
}

static int
make_out(struct swport *port, void *old, void **ret_state, struct err *e)
{
	return make(port, &port->cfg.police_out, old, ret_state, e);
}

static bool
wanted_in(const struct swport *port)
{
	return port->cfg.police_in.rate != 0;
}

static bool
wanted_out(const struct swport *port)
{
	return port->cfg.police_out.rate != 0;
}

const struct feature feat_police_in = {
	.name = "policer in",
	.side = CHAIN_IN,
	.wanted = wanted_in,
	.make = make_in,
	.destroy = destroy,
	.run = run,
};

const struct feature feat_police_out = {
	.name = "policer out",
	.side = CHAIN_OUT,
	.wanted = wanted_out,
	.make = make_out,
	.destroy = destroy,
	.run = run,
};
