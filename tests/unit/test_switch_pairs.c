/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane's memory of pairs never shows: the same random stations, moves, changes and seconds in two
 * switches, one with that memory and one without, and every verdict and counter is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "vhost-user/forward.h"
#include "vhost-user/pairs.h"

#define PORTS    5
#define STATIONS 40
#define STEPS    20000

struct half {
	struct lane lane;
	struct fwd f;
	struct swport *port[PORTS];
};

static struct half with, without;
static uint32_t generation;

static struct port_cfg
random_cfg(uint32_t slot)
{
	struct port_cfg c = {.mtu = rand() % 4 ? 1500 : 100,
			     .mac_age_s = 1 + (uint32_t)rand() % 5,
			     .queues = 1,
			     .any_mac = rand() % 3 != 0,
			     .isolated = rand() % 4 == 0,
			     .mac_limit = rand() % 4 ? 0 : 3,
			     .mac = {2, 0, 0, 0, 0, (uint8_t)slot}};

	return c;
}

static void
open_port(struct half *h, uint32_t slot, const struct port_cfg *cfg, uint16_t domain)
{
	struct swport *p = swport_make(cfg, generation << SWITCH_SLOT_BITS | slot, 1);
	struct err e = {0};

	assert_non_null(p);
	p->member.id = malloc(sizeof(uint16_t));
	assert_non_null(p->member.id);
	p->member.id[0] = p->member.untagged = domain;
	p->member.n = 1;
	swport_refresh(p);
	assert_int_equal(fwd_add(&h->f, p, &e), 0);
	h->port[slot] = p;
}

static void
close_port(struct half *h, uint32_t slot)
{
	struct swport *p = h->port[slot];

	fwd_remove(&h->f, p);
	fwd_collect(&h->f);
	free(p->member.id);
	free(p);
	h->port[slot] = NULL;
}

static void
make_half(struct half *h, uint32_t pairs)
{
	memset(h, 0, sizeof(*h));
	h->lane.lanes = 1;
	h->lane.fwd = &h->f;
	assert_int_equal(mac_table_init(&h->f.mac, 64, 77, 991), 0);
	pairs_make(&h->lane, pairs);
}

static void
replace(uint32_t slot)
{
	struct port_cfg cfg = random_cfg(slot);
	uint16_t domain = (uint16_t)(1 + rand() % 2);

	generation++;
	for (int i = 0; i < 2; i++) {
		struct half *h = i ? &with : &without;

		if (h->port[slot])
			close_port(h, slot);
		open_port(h, slot, &cfg, domain);
	}
}

static void
random_frame(uint8_t frame[PKT_HEAD])
{
	memset(frame, 0, PKT_HEAD);
	frame[0] = frame[6] = 2;
	frame[5] = (uint8_t)(rand() % STATIONS);
	frame[11] = (uint8_t)(rand() % STATIONS);
	frame[12] = 8;
	switch (rand() % 40) {
	case 0:
		memset(frame, 0xff, 6);
		break;
	case 1:
		memset(frame + 6, 0, 6);
		break;
	case 2:
		frame[6] |= 1;
		break;
	case 3: /* a tag, and one that names a VLAN */
		frame[12] = 0x81;
		frame[15] = (uint8_t)(rand() % 2);
		break;
	}
}

/* Random frames, many of them twice in a burst, from one port of both. */
static void
burst(void)
{
	uint8_t frame[PKT_BURST][PKT_HEAD];
	struct pkt pkt[PKT_BURST], *all[PKT_BURST];
	uint16_t got[PKT_BURST], wanted[PKT_BURST];
	uint32_t slot = (uint32_t)rand() % PORTS, n = 1;
	uint64_t bytes = 0, got_bytes = 0, version;

	if (rand() % 2)
		n += (uint32_t)rand() % (PKT_BURST - 1);
	for (uint32_t i = 0; i < n; i++) {
		if (i && rand() % 3 == 0)
			memcpy(frame[i], frame[(uint32_t)rand() % i], PKT_HEAD);
		else
			random_frame(frame[i]);
		pkt[i] = (struct pkt){.head = frame[i],
				      .len = rand() % 30 ? 60 : (uint32_t)rand() % 2000,
				      .head_len = PKT_HEAD,
				      .domain = with.port[slot]->domain};
		all[i] = &pkt[i];
		bytes += pkt[i].len;
	}
	version = mac_version(&without.f.mac);
	pairs_decide(&with.lane, with.port[slot], all, n, got, &got_bytes);
	assert_true(fwd_decide(&without.lane, without.port[slot], all, n, wanted));
	/* what one frame of a burst teaches another may or may not know yet */
	if (n == 1 || version == mac_version(&without.f.mac))
		assert_memory_equal(got, wanted, n * sizeof(got[0]));
	assert_int_equal(got_bytes, bytes);
}

static void
compare(void)
{
	for (uint32_t i = 0; i < PORTS; i++) {
		const struct swport_counters *a = with.port[i]->count, *b = without.port[i]->count;

		assert_int_equal(with.port[i]->macs, without.port[i]->macs);
		assert_int_equal(counter_get(&a->learned), counter_get(&b->learned));
		assert_int_equal(counter_get(&a->moved), counter_get(&b->moved));
		assert_int_equal(counter_get(&a->aged), counter_get(&b->aged));
	}
}

static void
run(uint32_t pairs, unsigned int seed)
{
	srand(seed);
	make_half(&with, pairs);
	make_half(&without, 0);
	assert_null(without.lane.pairs);
	for (uint32_t i = 0; i < PORTS; i++)
		replace(i);
	for (int step = 0; step < STEPS; step++) {
		burst();
		if (rand() % 50 == 0) {
			fwd_tick(&with.f);
			fwd_tick(&without.f);
		}
		fwd_age(&with.lane);
		fwd_age(&without.lane);
		if (rand() % 200 == 0)
			replace((uint32_t)rand() % PORTS);
		compare();
	}
	for (uint32_t i = 0; i < PORTS; i++) {
		close_port(&with, i);
		close_port(&without, i);
	}
	mac_table_fini(&with.f.mac);
	mac_table_fini(&without.f.mac);
	pairs_free(&with.lane);
}

static void
test_never_shows(void **state)
{
	run(4096, 1);
	run(4096, 2);
}

/* Far more pairs than places: it is pushed out all the time, and steps aside. */
static void
test_too_small(void **state)
{
	run(4, 3);
	run(16, 4);
}

static void
test_none(void **state)
{
	run(0, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_shows),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
