/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/feature.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "vhost-user/feat_ip.h"
#include "vhost-user/feat_police.h"
#include "vhost-user/feat_shape.h"
#include "vhost-user/feat_vlan.h"
#include "vhost-user/lane.h"
#include "vhost-user/trace.h"
#include "vhost-user/watch.h"

/*
 * Every feature, in the order in which its stage runs: what came is classified before it is filtered,
 * filtered before it is metered; what goes out is tagged last. NULL ends the list.
 */
static const struct feature *const features[] = {
	&feat_trace,
	&feat_capture_in,
	&feat_mirror_in,
	&feat_vlan_in,
	&feat_ip,
	&feat_filter_from,
	&feat_snoop,
	&feat_police_in,
	/* out */
	&feat_mirror_only,
	&feat_filter_to,
	&feat_police_out,
	&feat_vlan_out,
	&feat_mirror_out,
	&feat_capture_out,
	&feat_shape, /* last: what waits is as it will leave */
	NULL,
};

static void *
state_of(const struct chain *c, const struct feature *f)
{
	for (uint32_t i = 0; c && i < c->n; i++)
		if (c->stage[i].feature == f)
			return c->stage[i].state;
	return NULL;
}

static int
add_stage(struct chain *c, const struct feature *f, struct swport *port, const struct chain *old,
	  struct err *e)
{
	struct stage *s = &c->stage[c->n];
	int r;

	if (c->n == CHAIN_STAGES_MAX)
		return err_set(e, E2BIG, "port %s: more than %d features at once", port->cfg.name,
			       CHAIN_STAGES_MAX);
	*s = (struct stage){.run = f->run, .feature = f};
	if (f->make) {
		r = f->make(port, state_of(old, f), &s->state, e);
		if (r < 0)
			return r;
	}
	c->n++;
	c->deep |= f->deep;
	c->rounds |= f->round != NULL;
	return 0;
}

int
chain_make(struct swport *port, enum chain_side side, const struct chain *old,
	   const struct chain **ret, struct err *e)
{
	struct chain *c = NULL;
	int r;

	for (size_t i = 0; features[i]; i++) {
		const struct feature *f = features[i];

		if (f->side != side || !f->wanted(port))
			continue;
		if (!c)
			c = calloc(1, sizeof(*c));
		if (!c)
			return err_sys(e, ENOMEM, "port %s: features", port->cfg.name);
		r = add_stage(c, f, port, old, e);
		if (r < 0) {
			chain_free(c);
			return r;
		}
	}
	*ret = c;
	return 0;
}

void
chain_free(const struct chain *c)
{
	for (uint32_t i = 0; c && i < c->n; i++)
		if (c->stage[i].feature->destroy)
			c->stage[i].feature->destroy(c->stage[i].state);
	free((void *)c);
}

void
burst_drop(struct burst *b, uint32_t i, enum switch_drop cause)
{
	b->alive &= ~(UINT64_C(1) << i);
	swport_drop(b->port, b->lane, cause, 1);
	trace_drop(b->lane, b->port, b->pkt[i], cause);
}
