/* SPDX-License-Identifier: Apache-2.0 */
/* What the switch does with a frame: learning, moving, ageing, domains, VLAN rules, causes of a drop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "tests/unit/switch_forward.h"
#include "vhost-user/flow.h"

static void
test_learns(void **state)
{
	expect(A, 1, 2, FWD_FLOOD); /* nobody knows 2 */
	expect_to(B, 2, 1, A);
	expect_to(A, 1, 2, B);
	expect_to(A, 1, 2, B); /* from the port's memory of its last frame */
	assert_int_equal(counter_get(&w.port[A]->count[0].learned), 1);
	assert_int_equal(counter_get(&w.port[B]->count[0].learned), 1);
	assert_int_equal(macs(A), 1);
	assert_int_equal(macs(B), 1);
	assert_int_equal(counter_get(&w.port[A]->count[0].moved), 0);
}

/* What one port remembers must not outlive what another port teaches. */
static void
test_moves(void **state)
{
	expect(A, 1, 2, FWD_FLOOD);
	expect_to(B, 2, 1, A);
	expect_to(A, 1, 2, B);
	expect_to(C, 2, 1, A); /* station 2 is behind C now */
	expect_to(A, 1, 2, C);
	assert_int_equal(counter_get(&w.port[C]->count[0].moved), 1);
	assert_int_equal(macs(B), 0);
	assert_int_equal(macs(C), 1);
}

static void
test_self(void **state)
{
	expect(A, 1, 9, FWD_FLOOD);
	expect(A, 3, 1, FWD_DROP + DROP_SELF); /* a hub behind the port delivers it itself */
	expect(A, 3, 1, FWD_DROP + DROP_SELF);
}

static void
test_group_destinations_flood(void **state)
{
	send(B, 2, 1);
	memset(w.frame, 0xff, 6);
	set_mac(w.frame + 6, 1);
	assert_int_equal(decide(A, 60), FWD_FLOOD);
	w.frame[0] = 0x01; /* multicast */
	assert_int_equal(decide(A, 60), FWD_FLOOD);
	memset(w.frame, 0, 6); /* nobody can own zero */
	assert_int_equal(decide(A, 60), FWD_FLOOD);
}

static void
test_reserved_addresses_stay(void **state)
{
	static const uint8_t reserved[6] = {0x01, 0x80, 0xc2, 0, 0, 0};
	(void)state;
	for (unsigned int i = 0; i <= 0x10; i++) {
		memset(w.frame, 0, sizeof(w.frame));
		memcpy(w.frame, reserved, sizeof(reserved));
		w.frame[5] = (uint8_t)i;
		set_mac(w.frame + 6, 1);
		set_type(0x88cc, 0);
		assert_int_equal(decide(A, 60), i < 0x10 ? FWD_DROP + DROP_RESERVED : FWD_FLOOD);
	}
}

static void
test_bad_sources(void **state)
{
	send(A, 1, 2);
	memset(w.frame + 6, 0, 6);
	assert_int_equal(decide(A, 60), FWD_DROP + DROP_SOURCE);
	memset(w.frame + 6, 0xff, 6);
	assert_int_equal(decide(A, 60), FWD_DROP + DROP_SOURCE);
	set_mac(w.frame + 6, 1);
	w.frame[6] |= 1;
	assert_int_equal(decide(A, 60), FWD_DROP + DROP_SOURCE);
	assert_int_equal(macs(A), 1); /* only station 1 was learnt */
}

static void
test_lengths(void **state)
{
	send(A, 1, 2);
	assert_int_equal(decide(A, 0), FWD_DROP + DROP_RUNT);
	assert_int_equal(decide(A, 13), FWD_DROP + DROP_RUNT);
	assert_int_equal(decide(A, 14), FWD_FLOOD);
	assert_int_equal(decide(A, 1514), FWD_FLOOD);
	assert_int_equal(decide(A, 1515), FWD_DROP + DROP_OVERSIZE);
	assert_int_equal(decide(A, 65535), FWD_DROP + DROP_OVERSIZE);
	assert_int_equal(decide(A, UINT32_MAX), FWD_DROP + DROP_OVERSIZE);
}

static void
test_tags(void **state)
{
	send(A, 1, 2);
	set_type(0x8100, 0); /* priority-tagged: no VLAN is named */
	assert_int_equal(decide(A, 64), FWD_FLOOD);
	set_type(0x8100, 7u << 13); /* with a priority */
	assert_int_equal(decide(A, 64), FWD_FLOOD);
	assert_int_equal(decide(A, 1518), FWD_FLOOD); /* the tag is not payload */
	assert_int_equal(decide(A, 1519), FWD_DROP + DROP_OVERSIZE);
	assert_int_equal(decide(A, 17), FWD_DROP + DROP_RUNT); /* half a tag */
	set_type(0x8100, 1);
	assert_int_equal(decide(A, 64), FWD_DROP + DROP_VLAN);
	set_type(0x8100, 4095);
	assert_int_equal(decide(A, 64), FWD_DROP + DROP_VLAN);
	set_type(0x88a8, 0); /* a service tag is a trunk's business */
	assert_int_equal(decide(A, 64), FWD_DROP + DROP_VLAN);
}

/* A frame that may not enter must not teach either. */
static void
test_dropped_frames_teach_nothing(void **state)
{
	send(A, 1, 2);
	set_mac(w.frame + 6, 7);
	set_type(0x8100, 5);
	assert_int_equal(decide(B, 64), FWD_DROP + DROP_VLAN);
	set_type(0x0800, 0);
	assert_int_equal(decide(B, 1515), FWD_DROP + DROP_OVERSIZE);
	assert_int_equal(macs(B), 0);
	expect(A, 1, 7, FWD_FLOOD);
}

static void
test_domains_are_apart(void **state)
{
	expect(A, 1, 2, FWD_FLOOD);
	expect(D, 5, 1, FWD_FLOOD); /* D does not know station 1, though A's domain does */
	expect(D, 1, 9, FWD_FLOOD); /* the same address twice, in two domains */
	assert_int_equal(counter_get(&w.port[D]->count[0].moved), 0);
	expect_to(B, 2, 1, A);
	assert_int_equal(w.f.flood[2]->n, 1);
	assert_int_equal(w.f.flood[1]->n, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(w.f.flood[1]->port[i]->domain, 1);
	assert_ptr_equal(w.f.flood[2]->port[0], w.port[D]);
}

static void
test_ages(void **state)
{
	expect(A, 1, 2, FWD_FLOOD);
	expect_to(B, 2, 1, A);
	pass_seconds(10);
	expect_to(B, 2, 1, A); /* 10 s old: still believed; and 2 was seen again */
	pass_seconds(1);
	expect(B, 2, 1, FWD_FLOOD);
	expect_to(C, 3, 2, B);
	pass_seconds(8); /* the whole table has been looked at */
	assert_int_equal(counter_get(&w.port[A]->count[0].aged), 1);
	assert_int_equal(macs(A), 0);
	assert_int_equal(macs(B), 1);
}

/* A busy station is seen again even when every frame is answered from the port's memory. */
static void
test_busy_stations_do_not_age(void **state)
{
	expect(A, 1, 2, FWD_FLOOD);
	expect_to(B, 2, 1, A);
	for (int i = 0; i < 30; i++) {
		pass_seconds(1);
		expect_to(A, 1, 2, B);
		expect_to(A, 1, 2, B);
		expect_to(B, 2, 1, A);
	}
	assert_int_equal(counter_get(&w.port[A]->count[0].aged), 0);
	assert_int_equal(counter_get(&w.port[A]->count[0].learned), 1);
}

static void
test_removed_port_is_forgotten(void **state)
{
	expect(A, 1, 2, FWD_FLOOD);
	expect_to(B, 2, 1, A);
	expect_to(A, 1, 2, B);
	close_port(B);
	expect(A, 1, 2, FWD_FLOOD);
	/* a new port in the same slot does not inherit what the old one had */
	plain_port(B, 1, 1500, 10);
	expect(A, 1, 2, FWD_FLOOD);
	expect_to(B, 2, 1, A);
	assert_int_equal(counter_get(&w.port[B]->count[0].learned), 1);
	assert_int_equal(counter_get(&w.port[B]->count[0].moved), 0);
	expect_to(A, 1, 2, B);
}

static void
test_sweep_drops_removed_ports(void **state)
{
	expect(A, 1, 2, FWD_FLOOD);
	close_port(A);
	pass_seconds(8);
	for (uint32_t b = 0; b <= w.f.mac.mask; b++)
		for (int i = 0; i < MAC_WAYS; i++)
			assert_int_equal(w.f.mac.bucket[b].key[i], 0);
}

static void
test_full_table_is_counted(void **state)
{
	memset(w.frame, 0, sizeof(w.frame));
	set_mac(w.frame, 200);
	set_type(0x0800, 0);
	for (uint32_t i = 0; i < 20000; i++) {
		const uint8_t src[6] = {2, 1, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		memcpy(w.frame + 6, src, sizeof(src));
		assert_int_equal(decide(A, 60), FWD_FLOOD);
	}
	assert_int_equal(macs(A), 256);
	assert_int_equal(counter_get(&w.port[A]->count[0].learned) -
				 counter_get(&w.port[A]->count[0].aged),
			 256);
	expect(B, 2, 3, FWD_FLOOD);
	assert_int_equal(counter_get(&w.port[B]->count[0].not_learned), 1);
	assert_int_equal(macs(B), 0);
}

static void
test_stats_copy(void **state)
{
	struct port_stats s;

	expect(A, 1, 2, FWD_FLOOD);
	counter_add(&w.port[A]->count[0].drops[DROP_RING_FULL], 5);
	counter_add(&w.port[A]->count[0].bad_ring, 2);
	atomic_store(&w.port[A]->bad_messages, 3);
	swport_stats(w.port[A], &s);
	assert_int_equal(s.learned, 1);
	assert_int_equal(s.macs, 1);
	assert_int_equal(s.drops[DROP_RING_FULL], 5);
	assert_int_equal(s.drops[DROP_RUNT], 0);
	assert_int_equal(s.bad_guest, 5);
	assert_int_equal(s.connected, 0);
}

/* IPv4 and UDP over what send() made. */
static uint32_t
udp_hash(uint8_t last_ip, uint8_t port, uint16_t fragment, uint32_t len)
{
	set_type(0x0800, 0);
	w.frame[14] = 0x45;
	w.frame[20] = (uint8_t)(fragment >> 8);
	w.frame[21] = (uint8_t)fragment;
	w.frame[23] = 17;
	w.frame[33] = last_ip;
	w.frame[35] = port;
	return flow_hash(w.frame, len);
}

static void
test_flow_hash(void **state)
{
	uint32_t seen = 0;

	send(A, 1, 2);
	assert_int_equal(udp_hash(1, 1, 0, 60), udp_hash(1, 1, 0, 60));
	assert_int_not_equal(udp_hash(1, 1, 0, 60), udp_hash(2, 1, 0, 60));
	assert_int_not_equal(udp_hash(1, 1, 0, 60), udp_hash(1, 2, 0, 60));
	/* a later fragment has no ports: the first one must not use them either */
	assert_int_equal(udp_hash(1, 1, 0x2000, 60), udp_hash(1, 9, 0x2000, 60));
	assert_int_equal(udp_hash(1, 1, 0x2000, 60), udp_hash(1, 9, 185, 60));
	for (uint8_t i = 0; i < 64; i++)
		seen |= 1u << udp_hash(1, i, 0, 60) % 8;
	assert_int_equal(seen, 0xff);           /* 64 flows reach all of 8 queues */
	for (uint32_t len = 0; len < 60; len++) /* never past the end */
		(void)udp_hash(1, 1, 0, len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_learns),
		WORLD_TEST(test_moves),
		WORLD_TEST(test_self),
		WORLD_TEST(test_group_destinations_flood),
		WORLD_TEST(test_reserved_addresses_stay),
		WORLD_TEST(test_bad_sources),
		WORLD_TEST(test_lengths),
		WORLD_TEST(test_tags),
		WORLD_TEST(test_dropped_frames_teach_nothing),
		WORLD_TEST(test_domains_are_apart),
		WORLD_TEST(test_ages),
		WORLD_TEST(test_busy_stations_do_not_age),
		WORLD_TEST(test_removed_port_is_forgotten),
		WORLD_TEST(test_sweep_drops_removed_ports),
		WORLD_TEST(test_full_table_is_counted),
		WORLD_TEST(test_stats_copy),
		WORLD_TEST(test_flow_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
