/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bursts for tests of single stages: frames with private heads and headroom, a body that lies
 * elsewhere, and what was dropped and why. Include it once a program: it stands in for feature.c.
 */
#ifndef CORELANE_TESTS_UNIT_SWITCH_BURST_H
#define CORELANE_TESTS_UNIT_SWITCH_BURST_H

#include <stdlib.h>
#include <string.h>

#include "vhost-user/lane.h"

#define NO_DROP (-1)

static struct lane test_lane = {.tsc_hz = 2000000000, .lanes = 1};

struct test_burst {
	struct burst b;
	struct pkt *all[PKT_BURST];
	struct pkt pkt[PKT_BURST];
	int cause[PKT_BURST]; /* NO_DROP or enum switch_drop */
	uint8_t head[PKT_BURST][PKT_HEADROOM + PKT_DEEP];
};

void
burst_drop(struct burst *b, uint32_t i, enum switch_drop cause)
{
	struct test_burst *t = (struct test_burst *)b;

	b->alive &= ~(UINT64_C(1) << i);
	t->cause[i] = cause;
	swport_drop(b->port, b->lane, cause, 1);
}

static inline void
burst_begin(struct test_burst *t, struct swport *port)
{
	memset(t, 0, sizeof(*t));
	t->b = (struct burst){.lane = &test_lane, .port = port, .pkt = t->all};
	for (int i = 0; i < PKT_BURST; i++)
		t->all[i] = &t->pkt[i];
}

/* @frame stays where it is: all behind @head_len bytes is the body. */
static inline struct pkt *
burst_add(struct test_burst *t, const uint8_t *frame, uint32_t len, uint32_t head_len)
{
	uint32_t i = t->b.n++;
	struct pkt *p = &t->pkt[i];

	if (head_len > len)
		head_len = len;
	p->head = t->head[i] + PKT_HEADROOM;
	memcpy(p->head, frame, head_len);
	p->head_len = (uint16_t)head_len;
	p->body = frame + head_len;
	p->body_len = len - head_len;
	p->len = len;
	t->b.alive |= UINT64_C(1) << i;
	t->cause[i] = NO_DROP;
	return p;
}

/* A port as the switch makes it, in its domains; free with burst_port_free(). */
static inline struct swport *
burst_port(struct domains *ds, const struct port_cfg *cfg)
{
	struct swport *p = swport_make(cfg, 1, 1);
	struct err e = {0};

	if (!p || domain_join(ds, cfg, NULL, &p->member, &e) < 0)
		abort();
	swport_refresh(p);
	return p;
}

static inline void
burst_port_free(struct domains *ds, struct swport *p)
{
	domain_leave(ds, &p->member);
	free(p);
}

#endif
