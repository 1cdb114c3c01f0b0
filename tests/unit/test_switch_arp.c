/* SPDX-License-Identifier: Apache-2.0 */
/* ARP of our own endpoints: bytes, and what stations may make us believe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "vhost-user/arp.h"

#define US     0x0a000001u
#define PEER   0x0a000002u
#define M_US   UINT64_C(0x020000000001)
#define M_PEER UINT64_C(0x020000000002)
#define M_EVIL UINT64_C(0x020000000066)

/* RFC 826 by hand: who has 10.0.0.1? tell 10.0.0.2 at 02:00:00:00:00:02 */
static const uint8_t question[ARP_FRAME] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 2, 8, 6, 0, 1, 8, 0,  6, 4, 0,
	1,    2,    0,    0,    0,    0,    2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1,
};

static void
test_question(void **state)
{
	struct arp a;

	(void)state;
	assert_true(arp_parse(question, sizeof(question), &a));
	assert_int_equal(a.op, ARP_REQUEST);
	assert_true(a.sender_mac == M_PEER);
	assert_int_equal(a.sender_ip, PEER);
	assert_int_equal(a.target_ip, US);
}

static void
test_made_frames_are_read_back(void **state)
{
	const struct arp ask = {.op = ARP_REQUEST,
				.sender_mac = M_PEER,
				.sender_ip = PEER,
				.target_ip = US};
	const struct arp reply = {.op = ARP_REPLY,
				  .sender_mac = M_US,
				  .target_mac = M_PEER,
				  .sender_ip = US,
				  .target_ip = PEER};
	uint8_t frame[ARP_FRAME];
	struct arp a;

	(void)state;
	arp_make(frame, &ask);
	assert_memory_equal(frame, question, sizeof(question));
	arp_make(frame, &reply);
	assert_true(arp_parse(frame, sizeof(frame), &a));
	assert_int_equal(a.op, ARP_REPLY);
	assert_true(a.target_mac == M_PEER && mac_number(frame) == M_PEER);
	assert_int_equal(a.target_ip, PEER);
}

static void
test_lies(void **state)
{
	static const struct {
		uint8_t at, value;
	} lie[] = {
		{13, 0}, {14, 1}, {16, 9}, {18, 8}, {19, 16}, {21, 3}, {22, 3}, {27, 9}, {11, 9},
	};
	uint8_t frame[ARP_FRAME];
	struct arp a;

	(void)state;
	for (uint32_t len = 0; len < 42; len++)
		assert_false(arp_parse(question, len, &a));
	for (size_t i = 0; i < sizeof(lie) / sizeof(lie[0]); i++) {
		memcpy(frame, question, sizeof(frame));
		frame[lie[i].at] = lie[i].value;
		assert_false(arp_parse(frame, sizeof(frame), &a));
	}
	memcpy(frame, question, sizeof(frame));
	memset(frame + 6, 0, 6);
	memset(frame + 22, 0, 6);
	assert_false(arp_parse(frame, sizeof(frame), &a)); /* nobody */
}

static struct arp
says(uint64_t mac, uint16_t op)
{
	return (struct arp){.op = op, .sender_mac = mac, .sender_ip = PEER, .target_ip = US};
}

static uint64_t
known(const struct arp_hop *h)
{
	return atomic_load(&h->mac);
}

static void
test_only_answers_count(void **state)
{
	struct arp_hop h = {.ip = PEER, .age = ARP_DEAD};
	struct arp reply = says(M_PEER, ARP_REPLY), evil = says(M_EVIL, ARP_REPLY);
	struct arp gratuitous = says(M_EVIL, ARP_REQUEST);
	uint64_t to = 0;

	(void)state;
	arp_hop_hear(&h, &reply, US);
	assert_true(known(&h) == 0); /* nobody asked */
	assert_true(arp_hop_tick(&h, &to));
	assert_true(to == ARP_BROADCAST);
	reply.target_ip = PEER;
	arp_hop_hear(&h, &reply, US);
	assert_true(known(&h) == 0); /* told to somebody else */
	reply.target_ip = US;
	arp_hop_hear(&h, &reply, US);
	assert_true(known(&h) == M_PEER);
	arp_hop_hear(&h, &evil, US);
	arp_hop_hear(&h, &gratuitous, US);
	assert_true(known(&h) == M_PEER);
	/* but it is looked into: everybody is asked, and the answer decides */
	assert_true(arp_hop_tick(&h, &to));
	assert_true(to == ARP_BROADCAST);
	arp_hop_hear(&h, &reply, US);
	assert_true(known(&h) == M_PEER);
	assert_false(arp_hop_tick(&h, &to));
	assert_int_equal(atomic_load(&h.moved), 0);
}

static void
test_moves_when_asked(void **state)
{
	struct arp_hop h = {.ip = PEER, .age = ARP_DEAD};
	struct arp reply = says(M_PEER, ARP_REPLY), news = says(M_EVIL, ARP_REQUEST);
	uint64_t to;

	(void)state;
	arp_hop_tick(&h, &to);
	arp_hop_hear(&h, &reply, US);
	arp_hop_hear(&h, &news, US); /* a router that failed over announces itself */
	assert_true(arp_hop_tick(&h, &to));
	reply.sender_mac = M_EVIL;
	arp_hop_hear(&h, &reply, US);
	assert_true(known(&h) == M_EVIL);
	assert_int_equal(atomic_load(&h.moved), 1);
}

static void
test_ages(void **state)
{
	struct arp_hop h = {.ip = PEER, .age = ARP_DEAD};
	struct arp reply = says(M_PEER, ARP_REPLY);
	uint64_t to;
	int asked = 0, direct = 0;

	(void)state;
	arp_hop_tick(&h, &to);
	arp_hop_hear(&h, &reply, US);
	for (int s = 0; s <= ARP_DEAD; s++) {
		assert_true(known(&h) == M_PEER);
		if (!arp_hop_tick(&h, &to))
			continue;
		asked++;
		direct += to == M_PEER;
	}
	assert_true(known(&h) == 0);
	assert_int_equal(direct, ARP_DIRECT);
	assert_int_equal(asked, ARP_DEAD - ARP_FRESH + 1);
	/* it asks on, and finds it again */
	assert_true(arp_hop_tick(&h, &to) && to == ARP_BROADCAST);
	arp_hop_hear(&h, &reply, US);
	assert_true(known(&h) == M_PEER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_made_frames_are_read_back),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_only_answers_count),
		cmocka_unit_test(test_moves_when_asked),
		cmocka_unit_test(test_ages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
