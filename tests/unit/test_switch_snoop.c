/* SPDX-License-Identifier: Apache-2.0 */
/* Snooping: messages as hosts and routers send them, hostile ones, groups over time, the lanes' part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/snoop_groups.h"
#include "vhost-user/snoop_priv.h"
#include "vhost-user/watch.h"

#define A 0x201u /* ports */
#define B 0x202u
#define C 0x203u

static uint8_t frame[1600];

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t
sum_of(const uint8_t *p, uint32_t len, uint32_t start)
{
	uint32_t s = start;

	for (uint32_t i = 0; i < len; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (s > 0xffff)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

/* An IGMP message in a frame, with a router alert option. Returns its length. */
static uint32_t
igmp(uint32_t source, uint32_t target, const void *msg, uint32_t len)
{
	uint8_t *ip = frame + 14, *p = ip + 24;

	memset(frame, 0, sizeof(frame));
	memcpy(frame, "\x01\0\x5e\0\0\x16\2\0\0\0\0\1\x08", 13);
	memcpy(ip, "\x46\xc0", 2);
	put16(ip + 2, 24 + len);
	ip[8] = 1;
	ip[9] = 2;
	put16(ip + 12, source >> 16);
	put16(ip + 14, source);
	put16(ip + 16, target >> 16);
	put16(ip + 18, target);
	memcpy(ip + 20, "\x94\x04", 2);
	memcpy(p, msg, len);
	put16(p + 2, 0);
	put16(p + 2, sum_of(p, len, 0));
	return 38 + len;
}

static uint32_t
mld(const uint8_t *source, const void *msg, uint32_t len)
{
	uint8_t *ip = frame + 14, *p = ip + 48;
	uint32_t pseudo = len + 58;

	memset(frame, 0, sizeof(frame));
	memcpy(frame, "\x33\x33\0\0\0\x16\2\0\0\0\0\1\x86\xdd\x60", 15);
	put16(ip + 4, 8 + len);
	ip[7] = 1;
	memcpy(ip + 8, source, 16);
	memcpy(ip + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x16", 16);
	memcpy(ip + 40, "\x3a\0\x05\x02\0\0\1\0", 8);
	memcpy(p, msg, len);
	put16(p + 2, 0);
	for (int i = 8; i < 40; i += 2)
		pseudo += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	put16(p + 2, sum_of(p, len, pseudo));
	return 62 + len;
}

static const uint8_t linklocal[16] = {0xfe, 0x80, [15] = 7}, none[16];

static void
expect(uint32_t len, enum snoop_kind kind, uint32_t n)
{
	struct snoop_msg m;

	assert_true(snoop_may_be(frame, MIN_OF(len, 128u)) || kind == SNOOP_NOTHING);
	snoop_parse(frame, len, &m);
	assert_int_equal(m.kind, kind);
	assert_int_equal(m.n, n);
}

static void
test_igmp(void **state)
{
	struct snoop_msg m;
	uint32_t len;

	expect(igmp(0x0a000001, 0xe0000001, "\x11\x64\0\0\0\0\0\0", 8), SNOOP_QUERY, 0);
	expect(igmp(0, 0xe0000001, "\x11\x64\0\0\0\0\0\0", 8), SNOOP_ASKED, 0);
	len = igmp(0x0a000001, 0xef010203, "\x16\0\0\0\xef\1\2\3", 8);
	expect(len, SNOOP_REPORT, 1);
	assert_true(snoop_is_report(frame, len));
	snoop_parse(frame, len, &m);
	assert_memory_equal(m.record[0].group, "\xef\1\2\3\0\0", 6);
	assert_true(m.record[0].member);
	expect(igmp(0x0a000001, 0xef010203, "\x12\0\0\0\xef\1\2\3", 8), SNOOP_REPORT, 1);
	len = igmp(0x0a000001, 0xe0000002, "\x17\0\0\0\xef\1\2\3", 8);
	snoop_parse(frame, len, &m);
	assert_true(m.n == 1 && !m.record[0].member);
	/* groups of the link are nobody's in particular */
	expect(igmp(0x0a000001, 0xe00000fb, "\x16\0\0\0\xe0\0\0\xfb", 8), SNOOP_REPORT, 0);
	/* not a group at all */
	expect(igmp(0x0a000001, 0x0a000002, "\x16\0\0\0\x0a\0\0\2", 8), SNOOP_REPORT, 0);
	/* v3: exclude nothing (join), include nothing (leave), allow one, block one */
	len = igmp(0x0a000001, 0xe0000016,
		   "\x22\0\0\0\0\0\0\4"
		   "\4\0\0\0\xef\1\1\1"
		   "\3\0\0\0\xef\1\1\2"
		   "\5\0\0\1\xef\1\1\3\x0a\0\0\1"
		   "\6\0\0\1\xef\1\1\4\x0a\0\0\1",
		   8 + 8 + 8 + 12 + 12);
	expect(len, SNOOP_REPORT, 3);
	snoop_parse(frame, len, &m);
	assert_true(m.record[0].member && !m.record[1].member && m.record[2].member);
	assert_int_equal(m.record[2].group[3], 3);
	/* a hello of PIM */
	len = igmp(0x0a000001, 0xe000000d, "\x20\0\0\0", 4);
	frame[14 + 9] = 103;
	expect(len, SNOOP_HELLO, 0);
}

static void
test_mld(void **state)
{
	static const uint8_t group[16] = {0xff, 0x05, [15] = 9}, nodes[16] = {0xff, 0x02, [15] = 1};
	uint8_t msg[200] = {130};
	struct snoop_msg m;
	uint32_t len;

	expect(mld(linklocal, msg, 24), SNOOP_QUERY, 0);
	expect(mld(none, msg, 28), SNOOP_ASKED, 0);
	memcpy(msg + 8, group, 16);
	expect(mld(linklocal, msg, 24), SNOOP_QUERY, 1);
	msg[0] = 131;
	len = mld(none, msg, 24);
	expect(len, SNOOP_REPORT, 1);
	assert_true(snoop_is_report(frame, len));
	msg[0] = 132;
	snoop_parse(frame, mld(linklocal, msg, 24), &m);
	assert_true(m.n == 1 && !m.record[0].member);
	assert_memory_equal(m.record[0].group, group, 16);
	memset(msg, 0, sizeof(msg));
	msg[0] = 143;
	msg[7] = 2;
	msg[8] = 4;
	memcpy(msg + 12, group, 16);
	msg[28] = 2;
	memcpy(msg + 32, nodes, 16);
	expect(mld(linklocal, msg, 48), SNOOP_REPORT, 1);
	/* from a global address: routers ignore it, and so do we */
	expect(mld(group, msg, 48), SNOOP_NOTHING, 0);
}

/* Any message cut anywhere, with any byte changed: read within its bounds, and never a wrong sum. */
static void
test_hostile(void **state)
{
	struct snoop_msg m;
	uint32_t len = igmp(0x0a000001, 0xe0000016,
			    "\x22\0\0\0\0\0\0\2\4\0\0\0\xef\1\1\1\4\0\0\0\xef\1\1\2", 24);
	uint32_t changed = 0;

	for (uint32_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut + 1); /* so that a sanitizer sees the end */

		memcpy(copy, frame, cut);
		snoop_parse(copy, cut, &m);
		assert_int_equal(m.kind, SNOOP_NOTHING);
		if (cut > 0)
			snoop_is_report(frame, cut);
		free(copy);
	}
	for (uint32_t i = 38; i < len; i++) {
		frame[i] ^= 0x40;
		snoop_parse(frame, len, &m);
		changed += m.kind == SNOOP_NOTHING;
		frame[i] ^= 0x40;
	}
	assert_int_equal(changed, len - 38); /* the checksum tells */
	/* a record that claims more than there is */
	len = igmp(0x0a000001, 0xe0000016,
		   "\x22\0\0\0\0\0\xff\xff\4\0\0\0\xef\1\1\1\4\xff\xff\xff\xef\1\1\2", 24);
	expect(len, SNOOP_REPORT, 1);
	/* crossed a router; a fragment */
	frame[22] = 2;
	expect(len, SNOOP_NOTHING, 0);
	frame[22] = 1;
	frame[20] = 0x20;
	expect(len, SNOOP_NOTHING, 0);
}

static void
hear(struct snoop_groups *g, uint32_t ref, uint32_t len, uint32_t now)
{
	struct snoop_msg m;

	snoop_parse(frame, len, &m);
	assert_int_not_equal(m.kind, SNOOP_NOTHING);
	snoop_groups_hear(g, ref, 5, &m, now);
}

static uint32_t
join(uint8_t last)
{
	uint8_t msg[8] = {0x16, 0, 0, 0, 239, 1, 1, last};

	return igmp(0x0a000001, 0xef010100u | last, msg, 8);
}

static uint32_t
leave(uint8_t last)
{
	uint8_t msg[8] = {0x17, 0, 0, 0, 239, 1, 1, last};

	return igmp(0x0a000001, 0xe0000002, msg, 8);
}

static uint32_t
query(void)
{
	return igmp(0x0a000001, 0xe0000001, "\x11\x64\0\0\0\0\0\0", 8);
}

/* Who gets frames to 239.1.1.@last: "" everybody, else letters. */
static const char *
who(const struct snoop_groups *g, uint8_t last, uint16_t domain)
{
	static char text[8];
	uint8_t mac[6] = {1, 0, 0x5e, 1, 1, last};
	const struct snoop_ports *p;
	struct snoop_table *t;
	bool empty;
	size_t n = 0;

	t = snoop_table_make(g, &empty);
	assert_int_equal(t == NULL, empty);
	p = t ? snoop_table_find(t, domain, mac) : NULL;
	for (uint32_t i = 0; p && i < p->n; i++)
		text[n++] = (char)('A' + p->ref[i] - A);
	text[n] = '\0';
	snoop_table_free(t);
	return p && n == 0 ? "nobody" : text;
}

static void
test_groups(void **state)
{
	struct snoop_groups *g = snoop_groups_make();

	assert_non_null(g);
	hear(g, A, join(1), 1000);
	assert_string_equal(who(g, 1, 5), ""); /* nobody asks: flooded */
	hear(g, C, query(), 1000);
	assert_string_equal(who(g, 1, 5), "AC");
	assert_string_equal(who(g, 1, 6), ""); /* another domain */
	assert_string_equal(who(g, 2, 5), ""); /* nobody wants it: flooded */
	hear(g, B, join(1), 1010);
	assert_string_equal(who(g, 1, 5), "ABC");
	hear(g, A, leave(1), 1020);
	assert_string_equal(who(g, 1, 5), "ABC"); /* another behind A may answer */
	assert_false(snoop_groups_age(g, 1020 + SNOOP_LEAVE_S - 1));
	assert_true(snoop_groups_age(g, 1020 + SNOOP_LEAVE_S));
	assert_string_equal(who(g, 1, 5), "BC");
	hear(g, B, leave(1), 1030);
	hear(g, B, join(1), 1031); /* he did */
	assert_false(snoop_groups_age(g, 1040));
	assert_string_equal(who(g, 1, 5), "BC");
	assert_false(snoop_groups_age(g, 1000 + SNOOP_ROUTER_S - 1));
	assert_true(snoop_groups_age(g, 1000 + SNOOP_ROUTER_S));
	assert_string_equal(who(g, 1, 5), ""); /* the router is gone */
	hear(g, C, query(), 1280);
	assert_string_equal(who(g, 1, 5), "BC");
	assert_true(snoop_groups_age(g, 1031 + SNOOP_MEMBER_S));
	assert_string_equal(who(g, 1, 5), "");
	hear(g, A, join(1), 1300);
	assert_true(snoop_groups_forget(g, A));
	assert_false(snoop_groups_forget(g, A));
	assert_string_equal(who(g, 1, 5), "");
	snoop_groups_free(g);
}

/* 239.0.0.5 looks like OSPF's 224.0.0.5 to a switch, which must reach everybody. */
static void
test_overlap(void **state)
{
	struct snoop_groups *g = snoop_groups_make();
	const uint8_t ospf[6] = {1, 0, 0x5e, 0, 0, 5};
	struct snoop_table *t;
	bool empty;

	hear(g, C, query(), 1);
	hear(g, A, igmp(0x0a000001, 0xef000005, "\x16\0\0\0\xef\0\0\5", 8), 1);
	t = snoop_table_make(g, &empty);
	assert_non_null(t);
	assert_null(snoop_table_find(t, 5, ospf));
	snoop_table_free(t);
	snoop_groups_free(g);
}

/* One port cannot take everybody's room. */
static void
test_limits(void **state)
{
	struct snoop_groups *g = snoop_groups_make();
	uint8_t mac[6] = {1, 0, 0x5e, 1, 1, 1};
	struct snoop_table *t;
	bool empty;

	hear(g, C, query(), 1);
	for (uint32_t i = 0; i < 2 * SNOOP_PORT_MAX; i++) {
		uint8_t msg[8] = {0x16, 0, 0, 0, 239, 2, (uint8_t)(i >> 8), (uint8_t)i};

		hear(g, A, igmp(0x0a000001, 0xef020000u + i, msg, 8), 1);
	}
	assert_int_equal(snoop_groups_refused(g), SNOOP_PORT_MAX);
	hear(g, B, join(1), 1);
	t = snoop_table_make(g, &empty);
	assert_non_null(t);
	assert_int_equal(snoop_table_find(t, 5, mac)->n, 2);
	for (uint32_t i = 0; i < SNOOP_PORT_MAX; i++) {
		const uint8_t of[6] = {1, 0, 0x5e, 2, (uint8_t)(i >> 8), (uint8_t)i};

		assert_int_equal(snoop_table_find(t, 5, of)->n, 2);
	}
	snoop_table_free(t);
	snoop_groups_free(g);
}

/* A lane passes copies on, so many a second, and finds where a group goes. */
static void
test_lane(void **state)
{
	struct port_cfg cfg = {.name = "a", .queues = 1, .mtu = 1500, .snoop = 1};
	struct lane *l = aligned_alloc(64, align_up(sizeof(*l), 64));
	struct capture_ring *ring = aligned_alloc(64, align_up(sizeof(*ring), 64));
	struct snoop s = {.lanes = 1, .ring = ring};
	struct snoop_groups *g = snoop_groups_make();
	struct pkt pkt = {.head = frame, .domain = 5}, *all[] = {&pkt};
	const struct capture_record *rec;
	const struct snoop_ports *p;
	struct swport *port;
	struct err e = {0};
	uint32_t n = 0;
	void *budget;
	bool empty;

	memset(l, 0, sizeof(*l));
	memset(ring, 0, sizeof(*ring));
	l->snoop = &s;
	l->tsc_hz = 1000;
	l->now = 5000;
	assert_int_equal(capture_ring_init(ring, 1u << 17), 0);
	port = swport_make(&cfg, A, 1);
	assert_true(feat_snoop.wanted(port));
	assert_int_equal(feat_snoop.make(port, NULL, &budget, &e), 0);
	pkt.len = join(1);
	pkt.head_len = (uint16_t)pkt.len;
	for (int i = 0; i < 1000; i++) {
		struct burst b = {.lane = l, .port = port, .pkt = all, .n = 1, .alive = 1};

		feat_snoop.run(&b, budget);
		assert_int_equal(b.alive, 1);
	}
	assert_true(pkt.flags & PKT_REPORT);
	for (; (rec = capture_ring_peek(ring)); n++) {
		assert_int_equal(rec->tag, (uint64_t)A << 32 | 5);
		assert_int_equal(rec->cap, pkt.len);
		capture_ring_next(ring, rec);
	}
	assert_in_range(n, 100, 400);
	assert_int_equal(s.missed, 1000 - n);
	/* and where they go: a report to the router, the group's frames to members too */
	assert_null(snoop_where(l, &pkt));
	hear(g, A, pkt.len, 1);
	hear(g, C, query(), 1);
	s.table = snoop_table_make(g, &empty);
	pkt.len = join(1);
	p = snoop_where(l, &pkt);
	assert_true(p && p->n == 1 && p->ref[0] == C);
	pkt.flags = 0;
	memcpy(frame, "\x01\0\x5e\1\1\1", 6);
	p = snoop_where(l, &pkt);
	assert_true(p && p->n == 2 && p->ref[0] == A && p->ref[1] == C);
	memset(frame, 0xff, 6);
	assert_null(snoop_where(l, &pkt));
	l->snoop = NULL;
	assert_null(snoop_where(l, &pkt));
	snoop_table_free(s.table);
	snoop_groups_free(g);
	feat_snoop.destroy(budget);
	capture_ring_fini(ring);
	free(ring);
	free(port);
	free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_igmp),    cmocka_unit_test(test_mld),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_groups),
		cmocka_unit_test(test_overlap), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
