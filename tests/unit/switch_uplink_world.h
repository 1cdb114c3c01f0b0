/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uplinks over DPDK's ring devices, which give back what is put into them. One lane, which is the test
 * itself. Included once by each test of uplinks.
 */
#ifndef CORELANE_TESTS_SWITCH_UPLINK_WORLD_H
#define CORELANE_TESTS_SWITCH_UPLINK_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/log.h"
#include "base/util.h"
#include "vhost-user/lane.h"
#include "vhost-user/rcu.h"
#include "vhost-user/send.h"
#include "vhost-user/uplink.h"
#include "vhost-user/uplink_priv.h"

static struct lane lane;
static struct uplinks up;
static uint64_t clock_ms;

static inline struct swport *
make_port(const char *name, uint8_t kind, const char *device, uint16_t mtu)
{
	static uint32_t ref;
	struct port_cfg cfg = {.kind = kind, .mtu = mtu, .queues = 1, .mac_age_s = 300};
	struct swport *p;

	snprintf(cfg.name, sizeof(cfg.name), "%s", name);
	/* a number of its own each time: the driver keeps a ring when its device goes */
	if (device)
		snprintf(cfg.device[0], sizeof(cfg.device[0]), "%s%u", device, 10 * ref);
	p = swport_make(&cfg, ++ref << SWITCH_SLOT_BITS, 1);
	assert_non_null(p);
	atomic_store(&p->domain, 7);
	return p;
}

static inline void
open_port(struct swport *p)
{
	struct err e = {0};

	if (uplink_open(&up, p, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void
close_port(struct swport *p)
{
	uplink_close(&up, p);
	assert_null(atomic_load(&p->ops));
	free(p);
}

static inline void
tick(void)
{
	clock_ms += 1000;
	uplinks_tick(&up, clock_ms);
}

static inline uint32_t
peek(struct swport *p, struct pkt *pkt)
{
	const struct port_ops *ops = atomic_load(&p->ops);

	assert_non_null(ops);
	return ops->peek(&lane, p, 0, pkt, PKT_BURST);
}

static inline void
done(struct swport *p)
{
	atomic_load(&p->ops)->done(&lane, p, 0);
}

/* A frame as a guest's rings give it: a head of its own, the rest in two places. */
struct sample {
	uint8_t bytes[9018];
	uint8_t head[LANE_HEAD];
	struct pkt_seg seg;
	struct pkt pkt;
};

static inline struct pkt *
make_frame(struct sample *s, uint32_t len, uint32_t head)
{
	uint32_t body = (len - head) / 2;

	for (uint32_t i = 0; i < len; i++)
		s->bytes[i] = (uint8_t)(i * 7 + len);
	s->bytes[0] = 2;
	s->bytes[6] = 2;
	memcpy(s->head, s->bytes, head);
	s->seg = (struct pkt_seg){.addr = s->bytes + head + body, .len = len - head - body};
	s->pkt = (struct pkt){.head = s->head,
			      .head_len = (uint16_t)head,
			      .body = s->bytes + head,
			      .body_len = body,
			      .len = len,
			      .n_more = s->seg.len ? 1 : 0,
			      .more = &s->seg};
	return &s->pkt;
}

static inline void
expect_bytes(const struct pkt *p, const uint8_t *bytes, uint32_t len)
{
	static uint8_t got[9100];

	assert_int_equal(p->len, MAX_OF(len, 60));
	assert_true(p->head_len >= MIN_OF(p->len, PKT_DEEP));
	pkt_copy(p, got);
	assert_memory_equal(got, bytes, len);
	for (uint32_t i = len; i < p->len; i++)
		assert_int_equal(got[i], 0); /* padding tells nothing of ours */
}

static inline struct rte_mempool *
pool_of(struct swport *p)
{
	return ((struct eth_port *)p->backing)->dev.pool;
}

static inline int
setup(void **state)
{
	char *argv[] = {
		"test",           "--no-huge", "-m", "256",         "--no-shconf", "--no-pci",
		"--no-telemetry", "--lcores",  "0",  "--log-level", "error",       NULL};

	(void)state;
	log_init("test", LOG_LVL_ERR);
	if (rte_eal_init(ARRAY_SIZE(argv) - 1, argv) < 0)
		return -1;
	up.rcu = lane.rcu = rcu_make(1); /* its lane is never online */
	lane.lanes = 1;
	lane.put = send_choose(1);
	return up.rcu ? 0 : -1;
}

#endif
