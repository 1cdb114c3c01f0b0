/* SPDX-License-Identifier: Apache-2.0 */
/* What a port declares decides: its addresses, limits, isolation; what is remembered of a decision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/unit/switch_forward.h"

/* A burst of one kind is answered from memory, and only while nothing has changed. */
static void
test_remembers(void **state)
{
	expect(A, 1, 2, FWD_FLOOD);
	expect_to(B, 2, 1, A);
	expect_to(A, 1, 2, B);
	assert_int_equal(decide_burst(A, 60, PKT_BURST), B);
	assert_true(remembered(A, 60));
	assert_true(remembered(A, 1514));
	assert_false(remembered(A, 1515)); /* what is wrong is looked at closer */
	assert_false(remembered(A, 13));
	w.frame[13] ^= 1; /* another EtherType may be a tag */
	assert_false(remembered(A, 60));
	w.frame[13] ^= 1;
	assert_true(remembered(A, 60));
	w.port[A]->domain = 2; /* the same addresses elsewhere */
	assert_false(remembered(A, 60));
	w.port[A]->domain = 1;
	expect(C, 3, 9, FWD_FLOOD); /* something was learnt */
	send(A, 1, 2);
	assert_true(remembered(A, 60));
	fwd_tick(&w.f);
	assert_false(remembered(A, 60));
}

static void
replace_port(uint32_t slot, const struct port_cfg *cfg)
{
	struct err e = {0};

	close_port(slot);
	assert_int_equal(open_port(slot, 1, cfg, &e), 0);
}

/* Without any_mac a port sends from what is declared for it, and its neighbours know where that is. */
static void
test_spoofing(void **state)
{
	const struct port_cfg cfg = {.mtu = 1500,
				     .mac_age_s = 10,
				     .queues = 1,
				     .mac = {2, 0, 0, 0, 1, 5},
				     .static_mac = {{2, 0, 0, 0, 1, 6}}};
	struct err e = {0};

	replace_port(B, &cfg);
	expect_to(A, 1, 5, B); /* known before it says a word */
	expect_to(A, 1, 6, B);
	expect_to(B, 5, 1, A);
	expect_to(B, 6, 1, A);
	expect(B, 7, 1, FWD_DROP + DROP_SPOOFED);
	expect(B, 1, 7, FWD_DROP + DROP_SPOOFED); /* a neighbour's */
	expect(B, 7, 1, FWD_DROP + DROP_SPOOFED);
	expect_to(C, 3, 1, A);                    /* and it did not move */
	expect(C, 5, 1, FWD_DROP + DROP_SPOOFED); /* nobody else may have it, whatever he may use */
	expect_to(A, 1, 5, B);
	pass_seconds(40);
	expect_to(A, 1, 5, B);
	assert_int_equal(macs(B), 0);
	assert_int_equal(w.port[B]->declared, 2);
	/* twice in one domain: refused, and nothing of the second one stays */
	assert_int_equal(open_port(ROOM - 1, 1, &cfg, &e), -EEXIST);
	assert_non_null(strstr(e.text, "02:00:00:00:01:05"));
	assert_int_equal(w.f.flood[1]->n, 3);
	expect_to(A, 1, 5, B);
	/* in another domain it is another address */
	close_port(D);
	assert_int_equal(open_port(D, 2, &cfg, &e), 0);
	close_port(B);
	expect(A, 1, 5, FWD_FLOOD);
	expect(C, 5, 1, A); /* free for anybody now */
}

static void
test_mac_limit(void **state)
{
	const struct port_cfg cfg = {
		.mtu = 1500, .mac_age_s = 10, .queues = 1, .any_mac = 1, .mac_limit = 2};

	replace_port(B, &cfg);
	expect(B, 1, 9, FWD_FLOOD);
	expect(B, 2, 9, FWD_FLOOD);
	expect(B, 3, 9, FWD_DROP + DROP_MAC_LIMIT);
	expect(B, 3, 9, FWD_DROP + DROP_MAC_LIMIT);
	expect(B, 1, 9, FWD_FLOOD);
	assert_int_equal(macs(B), 2);
	/* a station that left makes room */
	expect(A, 2, 9, FWD_FLOOD);
	expect(B, 3, 9, FWD_FLOOD);
	expect(B, 4, 9, FWD_DROP + DROP_MAC_LIMIT);
	/* and so does one that is silent for long */
	for (int i = 0; i < 20; i++) {
		pass_seconds(1);
		expect(B, 1, 9, FWD_FLOOD);
	}
	expect(B, 4, 9, FWD_FLOOD);
	assert_int_equal(macs(B), 2);
}

static void
expect_locked(int in, uint8_t src, uint32_t verdict)
{
	uint32_t v;

	mac_lock(&w.f.mac);
	v = send(in, src, 9);
	mac_unlock(&w.f.mac);
	assert_int_equal(v, verdict);
}

/* What may not pass does not pass either while another lane has the table. */
static void
test_locked(void **state)
{
	const struct port_cfg own = {.mtu = 1500,
				     .mac_age_s = 10,
				     .queues = 1,
				     .mac = {2, 0, 0, 0, 1, 5}};
	const struct port_cfg limited = {
		.mtu = 1500, .mac_age_s = 10, .queues = 1, .any_mac = 1, .mac_limit = 2};

	replace_port(B, &own);
	replace_port(C, &limited);
	expect(C, 1, 9, FWD_FLOOD);
	expect_locked(A, 5, FWD_DROP + DROP_SPOOFED);
	expect_locked(C, 5, FWD_DROP + DROP_SPOOFED);
	expect_locked(C, 2, FWD_FLOOD); /* not learnt yet */
	assert_int_equal(macs(C), 1);
	expect(C, 2, 9, FWD_FLOOD);
	expect_locked(C, 3, FWD_DROP + DROP_MAC_LIMIT);
	expect_locked(C, 1, FWD_FLOOD);
	close_port(B);
	expect_locked(A, 5, FWD_FLOOD); /* declared for nobody any more */
}

static void
test_isolated(void **state)
{
	const struct port_cfg cfg = {
		.mtu = 1500, .mac_age_s = 10, .queues = 1, .any_mac = 1, .isolated = 1};

	replace_port(B, &cfg);
	replace_port(C, &cfg);
	expect(A, 1, 9, FWD_FLOOD);
	expect_to(B, 2, 1, A);
	expect_to(C, 3, 1, A);
	expect(C, 3, 2, FWD_DROP + DROP_ISOLATED);
	expect_to(A, 1, 2, B);
}

/* A port's declaration changes in place. */
static void
test_changes(void **state)
{
	struct err e = {0};
	struct swport *b = w.port[B];

	expect(B, 5, 9, FWD_FLOOD);
	expect(B, 6, 9, FWD_FLOOD);
	assert_int_equal(macs(B), 2);
	/* one address only from now on: what was learnt is forgotten */
	b->cfg.any_mac = 0;
	memcpy(b->cfg.mac, (const uint8_t[]){2, 0, 0, 0, 1, 5}, 6);
	swport_refresh(b);
	assert_int_equal(fwd_change(&w.f, b, &b->member, &e), 0);
	expect_to(A, 1, 5, B);
	expect(A, 1, 6, FWD_FLOOD);
	expect(B, 6, 9, FWD_DROP + DROP_SPOOFED);
	assert_int_equal(macs(B), 0);
	assert_int_equal(b->declared, 1);
	/* and back */
	b->cfg.any_mac = 1;
	swport_refresh(b);
	assert_int_equal(fwd_change(&w.f, b, &b->member, &e), 0);
	expect(A, 1, 5, FWD_FLOOD);
	expect(B, 6, 9, FWD_FLOOD);
	assert_int_equal(b->declared, 0);
	fwd_collect(&w.f);
}

static bool meanwhile;

void __real_mac_unlock(struct mac_table *t);
void __wrap_mac_unlock(struct mac_table *t);

/* Whenever somebody lets go of the table, lane 0 goes on with its own sweep. */
void
__wrap_mac_unlock(struct mac_table *t)
{
	__real_mac_unlock(t);
	if (!meanwhile)
		return;
	meanwhile = false;
	w.f.sweep_left = 64;
	while (w.f.sweep_left)
		fwd_age(&w.lane);
	meanwhile = true;
}

/* A change that withdraws addresses finds all of them while the lanes' sweep goes on. */
static void
test_changes_while_swept(void **state)
{
	struct err e = {0};
	struct swport *b = w.port[B];

	mac_table_fini(&w.f.mac);
	assert_int_equal(mac_table_init(&w.f.mac, 4096, 1, 3), 0);
	for (uint8_t n = 1; n <= 200; n++)
		send(B, n, 0xff);
	assert_int_equal(macs(B), 200);
	b->cfg.any_mac = 0;
	memcpy(b->cfg.mac, (const uint8_t[]){2, 0, 0, 0, 1, 5}, 6);
	swport_refresh(b);
	meanwhile = true;
	assert_int_equal(fwd_change(&w.f, b, &b->member, &e), 0);
	meanwhile = false;
	assert_int_equal(macs(B), 0);
	expect_to(A, 0xfe, 5, B);
	for (uint8_t n = 6; n <= 200; n++)
		expect(A, 0xfe, n, FWD_FLOOD);
	fwd_collect(&w.f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_remembers), WORLD_TEST(test_spoofing),
		WORLD_TEST(test_mac_limit), WORLD_TEST(test_isolated),
		WORLD_TEST(test_changes),   WORLD_TEST(test_changes_while_swept),
		WORLD_TEST(test_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
