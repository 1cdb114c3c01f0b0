/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports and a lane for tests of decisions: A, B, C share a broadcast domain, D is alone in another.
 * Include it once a program.
 */
#ifndef CORELANE_TESTS_UNIT_SWITCH_FORWARD_H
#define CORELANE_TESTS_UNIT_SWITCH_FORWARD_H

#include <stdlib.h>
#include <string.h>

#include "vhost-user/forward.h"

enum { A, B, C, D, N_PORTS, ROOM = 16 };

struct world {
	struct lane lane;
	struct fwd f;
	struct swport *port[ROOM];
	uint32_t generation;
	uint8_t frame[9100];
};

static struct world w;

static inline struct swport *
make_port(uint32_t slot, uint16_t domain, const struct port_cfg *cfg)
{
	struct swport *p =
		swport_make(cfg, ++w.generation << SWITCH_SLOT_BITS | slot, w.lane.lanes);

	assert_non_null(p);
	p->member.id = malloc(sizeof(uint16_t));
	assert_non_null(p->member.id);
	p->member.id[0] = p->member.untagged = domain;
	p->member.n = 1;
	swport_refresh(p);
	return p;
}

/* Publishes a port as the switch does. */
static inline int
open_port(uint32_t slot, uint16_t domain, const struct port_cfg *cfg, struct err *e)
{
	struct swport *p = make_port(slot, domain, cfg);
	int r = fwd_add(&w.f, p, e);

	fwd_collect(&w.f);
	if (r < 0) {
		free(p->member.id);
		free(p);
		return r;
	}
	w.port[slot] = p;
	return 0;
}

static inline void
close_port(uint32_t slot)
{
	struct swport *p = w.port[slot];

	if (!p)
		return;
	w.port[slot] = NULL;
	fwd_remove(&w.f, p);
	fwd_collect(&w.f);
	free(p->member.id);
	free(p); /* whoever still uses it is caught by the sanitizer */
}

/* With @mtu, ageing after @age seconds, any source. */
static inline void
plain_port(uint32_t slot, uint16_t domain, uint16_t mtu, uint32_t age)
{
	const struct port_cfg cfg = {.mtu = mtu, .mac_age_s = age, .queues = 1, .any_mac = 1};
	struct err e = {0};

	assert_int_equal(open_port(slot, domain, &cfg, &e), 0);
}

static inline int
setup(void **state)
{
	memset(&w, 0, sizeof(w));
	w.lane.lanes = 1;
	w.lane.fwd = &w.f;
	if (mac_table_init(&w.f.mac, 128, 1, 3) < 0)
		return -1;
	for (uint32_t i = 0; i < N_PORTS; i++)
		plain_port(i, i == D ? 2 : 1, 1500, 10);
	return 0;
}

static inline int
teardown(void **state)
{
	for (uint32_t i = 0; i < N_PORTS; i++)
		close_port(i);
	mac_table_fini(&w.f.mac);
	return 0;
}

static inline void
set_mac(uint8_t *at, uint8_t n)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 1, n};

	memcpy(at, mac, sizeof(mac));
}

static inline void
set_type(uint16_t type, uint16_t tci)
{
	w.frame[12] = (uint8_t)(type >> 8);
	w.frame[13] = (uint8_t)type;
	w.frame[14] = (uint8_t)(tci >> 8);
	w.frame[15] = (uint8_t)tci;
}

/* The verdict on @n equal frames at once; they must all get the same one. */
static inline uint32_t
decide_burst(int in, uint32_t len, uint32_t n)
{
	struct pkt pkt[PKT_BURST], *all[PKT_BURST];
	uint16_t each[PKT_BURST];
	uint32_t verdict = UINT32_MAX;
	uint64_t bytes;

	for (uint32_t i = 0; i < n; i++) {
		pkt[i] = (struct pkt){.head = w.frame,
				      .len = len,
				      .domain = w.port[in]->domain,
				      .head_len = 64};
		all[i] = &pkt[i];
	}
	if (fwd_remembered(&w.lane, w.port[in], all, n, &verdict, &bytes)) {
		assert_int_equal(bytes, (uint64_t)len * n);
		return verdict;
	}
	fwd_decide(&w.lane, w.port[in], all, n, each);
	for (uint32_t i = 1; i < n; i++)
		assert_int_equal(each[i], each[0]);
	return each[0];
}

static inline uint32_t
decide(int in, uint32_t len)
{
	return decide_burst(in, len, 1);
}

/* Whether @in would answer for such a frame from its memory. */
static inline bool
remembered(int in, uint32_t len)
{
	struct pkt pkt = {.head = w.frame, .len = len, .domain = w.port[in]->domain};
	struct pkt *all = &pkt;
	uint32_t verdict;
	uint64_t bytes;

	return fwd_remembered(&w.lane, w.port[in], &all, 1, &verdict, &bytes);
}

/* A frame of 60 bytes from station @src to station @dst, entering at port @in. */
static inline uint32_t
send(int in, uint8_t src, uint8_t dst)
{
	memset(w.frame, 0, sizeof(w.frame));
	set_mac(w.frame, dst);
	set_mac(w.frame + 6, src);
	set_type(0x0800, 0);
	return decide(in, 60);
}

static inline void
expect_to(int in, uint8_t src, uint8_t dst, uint32_t to)
{
	assert_int_equal(send(in, src, dst), to);
}

static inline void
expect(int in, uint8_t src, uint8_t dst, uint32_t verdict)
{
	assert_int_equal(send(in, src, dst), verdict);
}

static inline uint64_t
macs(int port)
{
	return w.port[port]->macs;
}

static inline void
pass_seconds(int n)
{
	for (int i = 0; i < n; i++) {
		fwd_tick(&w.f);
		for (int k = 0; k < 1000; k++)
			fwd_age(&w.lane);
	}
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
