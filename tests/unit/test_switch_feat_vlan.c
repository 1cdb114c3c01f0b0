/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VLAN stages: random ports and frames against a model that thinks of a frame as a list of tags and a
 * payload; and the cases that matter one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/util.h"
#include "tests/unit/switch_burst.h"
#include "vhost-user/feat_vlan.h"

#define ROOM     256
#define TAGS_MAX 3

static struct domains ds;
static const struct feature *const in = &feat_vlan_in, *const out = &feat_vlan_out;

/* A frame as a person sees it. */
struct model {
	uint32_t n;
	struct {
		uint16_t tpid, tci;
	} tag[TAGS_MAX + 1];
	uint32_t payload; /* bytes from the EtherType on */
};

static uint32_t
write_frame(const struct model *m, uint8_t *to)
{
	uint32_t len = 12;

	for (uint32_t i = 0; i < 12; i++)
		to[i] = (uint8_t)(0x20 + i);
	for (uint32_t i = 0; i < m->n; i++) {
		to[len++] = (uint8_t)(m->tag[i].tpid >> 8);
		to[len++] = (uint8_t)m->tag[i].tpid;
		to[len++] = (uint8_t)(m->tag[i].tci >> 8);
		to[len++] = (uint8_t)m->tag[i].tci;
	}
	for (uint32_t i = 0; i < m->payload; i++)
		to[len++] = (uint8_t)(i == 0 ? 8 : i == 1 ? 0 : i * 3);
	return len;
}

static void
drop_front(struct model *m)
{
	memmove(&m->tag[0], &m->tag[1], sizeof(m->tag) - sizeof(m->tag[0]));
	m->n--;
}

static void
add_front(struct model *m, uint16_t tpid, uint16_t tci)
{
	memmove(&m->tag[1], &m->tag[0], sizeof(m->tag) - sizeof(m->tag[0]));
	m->tag[0].tpid = tpid;
	m->tag[0].tci = tci;
	m->n++;
}

static bool
carries(const struct port_cfg *cfg, uint16_t vlan)
{
	return cfg->trunk[vlan / 64] >> vlan % 64 & 1;
}

/* Which VLANs of the one segment are service VLANs in these tests. */
static bool
is_service(uint16_t vlan)
{
	return vlan == 3;
}

/* VLAN that a frame from this port belongs to, its tag taken off; -1: dropped. */
static int
model_in(const struct port_cfg *cfg, struct model *m, int *ret_pcp)
{
	bool tagged = m->n > 0;
	uint16_t vid = tagged ? m->tag[0].tci & 0xfff : 0;
	bool service = tagged && m->tag[0].tpid == 0x88a8;

	*ret_pcp = tagged && (vid || !service) ? m->tag[0].tci >> 13 : 0;
	if (cfg->vlan_mode == PORT_QINQ) {
		*ret_pcp = tagged ? m->tag[0].tci >> 13 : 0;
		return cfg->vlan;
	}
	if (!tagged || (vid == 0 && !service))
		return cfg->native_vlan ? cfg->native_vlan : -1;
	if (vid == 0 || vid == 4095 || is_service(vid) != service)
		return -1;
	if (!carries(cfg, vid))
		return -1;
	drop_front(m);
	return vid;
}

/* Whether this port gets the frame, and what it then looks like. */
static bool
model_out(const struct port_cfg *cfg, uint16_t vlan, int pcp, struct model *m)
{
	uint16_t tpid = is_service(vlan) ? 0x88a8 : 0x8100;

	if (cfg->vlan_mode == PORT_ACCESS || cfg->vlan_mode == PORT_QINQ)
		return cfg->vlan == vlan;
	if (cfg->native_vlan == vlan)
		return m->n == 0 || (m->tag[0].tpid == 0x8100 && !(m->tag[0].tci & 0xfff));
	if (!carries(cfg, vlan))
		return false;
	if (tpid == 0x8100 && m->n && m->tag[0].tpid == 0x8100 && !(m->tag[0].tci & 0xfff))
		drop_front(m);
	add_front(m, tpid, (uint16_t)(pcp << 13 | vlan));
	return true;
}

static struct port_cfg
random_cfg(bool may_be_access)
{
	struct port_cfg cfg = {.network = "net", .mtu = 1500};

	cfg.vlan_mode = (uint8_t)(rand() % 3);
	if (cfg.vlan_mode == PORT_ACCESS && !may_be_access)
		cfg.vlan_mode = PORT_TRUNK;
	if (cfg.vlan_mode == PORT_ACCESS)
		cfg.vlan = (uint16_t)(1 + rand() % 2);
	if (cfg.vlan_mode == PORT_QINQ)
		cfg.vlan = 3;
	if (cfg.vlan_mode == PORT_TRUNK) {
		cfg.trunk[0] = (uint64_t)(rand() % 64) & ~UINT64_C(1);
		cfg.native_vlan = (uint16_t)(rand() % 3);
		if (rand() % 8 == 0)
			cfg.trunk[63] = UINT64_C(1) << 62; /* 4094 */
	}
	return cfg;
}

static struct model
random_model(void)
{
	static const uint16_t vid[] = {0, 1, 2, 3, 4, 5, 4094, 4095};
	struct model m = {.n = (uint32_t)(rand() % (TAGS_MAX - 1)),
			  .payload = 46 + (uint32_t)(rand() % 100)};

	for (uint32_t i = 0; i < m.n; i++) {
		m.tag[i].tpid = rand() % 3 ? 0x8100 : 0x88a8;
		m.tag[i].tci = (uint16_t)(rand() % 8 << 13 | vid[rand() % 8]);
	}
	return m;
}

static void *
make_state(const struct feature *f, struct swport *p)
{
	struct err e = {0};
	void *state = NULL;

	if (!f->wanted(p))
		return NULL;
	assert_int_equal(f->make(p, NULL, &state, &e), 0);
	return state;
}

/* The frames of a burst go from one port to another; each compared with what the model says. */
static void
cross(struct swport *a, struct swport *b)
{
	void *sa = make_state(in, a), *sb = make_state(out, b);
	static struct test_burst ta, tb;
	static uint8_t wire[PKT_BURST][ROOM];
	struct model m[PKT_BURST];
	uint8_t got[ROOM], want[ROOM];

	burst_begin(&ta, a);
	for (int i = 0; i < PKT_BURST; i++) {
		m[i] = random_model();
		burst_add(&ta, wire[i], write_frame(&m[i], wire[i]), PKT_DEEP);
	}
	in->run(&ta.b, sa);
	for (int i = 0; i < PKT_BURST; i++) {
		int pcp, vlan = model_in(&a->cfg, &m[i], &pcp);
		uint16_t id = ta.pkt[i].domain;

		assert_int_equal(ta.cause[i], vlan < 0 ? DROP_VLAN : NO_DROP);
		if (vlan < 0)
			continue;
		assert_int_equal(ds.d[id].vlan, vlan);
		assert_int_equal(pkt_priority(&ta.pkt[i]), pcp);
		burst_begin(&tb, b);
		pkt_copy(&ta.pkt[i], got);
		*burst_add(&tb, got, ta.pkt[i].len, PKT_HEAD) =
			(struct pkt){.head = tb.head[0] + PKT_HEADROOM,
				     .head_len = (uint16_t)MIN_OF(ta.pkt[i].len, PKT_HEAD),
				     .body = got + MIN_OF(ta.pkt[i].len, PKT_HEAD),
				     .body_len = ta.pkt[i].len - MIN_OF(ta.pkt[i].len, PKT_HEAD),
				     .len = ta.pkt[i].len,
				     .domain = id,
				     .pcp = ta.pkt[i].pcp,
				     .flags = ta.pkt[i].flags};
		if (!domain_is_member(&b->member, id) && !sb)
			continue; /* it is not flooded there */
		if (sb)
			out->run(&tb.b, sb);
		if (!model_out(&b->cfg, (uint16_t)vlan, pcp, &m[i])) {
			assert_int_equal(tb.cause[0], DROP_VLAN);
			continue;
		}
		assert_int_equal(tb.cause[0], NO_DROP);
		assert_int_equal(tb.pkt[0].len, write_frame(&m[i], want));
		assert_int_equal(tb.pkt[0].len, tb.pkt[0].head_len + tb.pkt[0].body_len);
		/* the head moved into its headroom; its body stayed */
		memmove(got + tb.pkt[0].head_len, tb.pkt[0].body, tb.pkt[0].body_len);
		memcpy(got, tb.pkt[0].head, tb.pkt[0].head_len);
		assert_memory_equal(got, want, tb.pkt[0].len);
	}
	in->destroy(sa);
	out->destroy(sb);
}

static void
test_random(void **state)
{
	/* VLAN 3 is somebody's service VLAN all the time */
	const struct port_cfg customer = {.network = "net", .vlan_mode = PORT_QINQ, .vlan = 3};
	struct swport *keeper;

	srand(11);
	test_lane.domains = &ds;
	keeper = burst_port(&ds, &customer);
	for (int round = 0; round < 2000; round++) {
		struct port_cfg ca = random_cfg(false), cb = random_cfg(true);
		struct swport *a, *b;

		if (rand() % 4 == 0)
			snprintf(cb.segment, sizeof(cb.segment), "elsewhere");
		if (cb.segment[0])
			cb.trunk[0] &= ~UINT64_C(8); /* no service VLAN there */
		if (cb.segment[0] && cb.vlan_mode == PORT_QINQ)
			continue;
		a = burst_port(&ds, &ca);
		b = burst_port(&ds, &cb);
		if (!cb.segment[0])
			cross(a, b);
		burst_port_free(&ds, a);
		burst_port_free(&ds, b);
	}
	burst_port_free(&ds, keeper);
}

/* A frame through one stage; returns its cause of dropping. */
static int
one(const struct feature *f, struct swport *port, struct test_burst *t)
{
	void *s = make_state(f, port);

	f->run(&t->b, s);
	f->destroy(s);
	return t->cause[0];
}

static void
test_short(void **state)
{
	struct port_cfg cfg = {.network = "net", .vlan_mode = PORT_TRUNK, .trunk = {2}};
	struct swport *p = burst_port(&ds, &cfg);
	uint8_t frame[18] = {[12] = 0x81, [15] = 1};
	static struct test_burst t;

	test_lane.domains = &ds;
	for (uint32_t len = 0; len <= sizeof(frame); len++) {
		burst_begin(&t, p);
		burst_add(&t, frame, len, PKT_DEEP);
		assert_int_equal(one(in, p, &t), len < 18 ? DROP_RUNT : NO_DROP);
	}
	assert_int_equal(t.pkt[0].len, 14);
	assert_int_equal(counter_get(&p->count[0].drops[DROP_RUNT]), 18);
	burst_port_free(&ds, p);
}

/* What the guest said about checksums and segments counts from the frame's first byte. */
static void
test_offload(void **state)
{
	struct port_cfg cfg = {.network = "net", .vlan_mode = PORT_TRUNK, .trunk = {2}};
	const struct virtio_net_hdr off = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					   .hdr_len = 58,
					   .gso_size = 1000,
					   .csum_start = 38,
					   .csum_offset = 16};
	struct swport *p = burst_port(&ds, &cfg);
	uint8_t frame[100] = {[12] = 0x81, [14] = 0xa0, [15] = 1};
	static struct test_burst t;

	test_lane.domains = &ds;
	for (uint16_t start = 0; start < 80; start++) {
		uint16_t hint = start % 2 ? 58 : 2; /* of the headers' length */

		burst_begin(&t, p);
		burst_add(&t, frame, sizeof(frame), PKT_DEEP);
		t.pkt[0].flags = PKT_OFFLOAD;
		t.pkt[0].off = off;
		t.pkt[0].off.csum_start = start;
		t.pkt[0].off.hdr_len = hint;
		t.pkt[0].mbuf = (void *)frame;
		assert_int_equal(one(in, p, &t), start < 18 ? DROP_OFFLOAD : NO_DROP);
		if (start < 18)
			continue;
		assert_int_equal(t.pkt[0].off.csum_start, start - 4);
		assert_int_equal(t.pkt[0].off.hdr_len, start % 2 ? 54 : 0);
		assert_int_equal(t.pkt[0].pcp, 5);
		assert_null(t.pkt[0].mbuf);
		assert_int_equal(one(out, p, &t), NO_DROP);
		assert_int_equal(t.pkt[0].off.csum_start, start);
		assert_int_equal(t.pkt[0].off.hdr_len, start % 2 ? 58 : 4);
		assert_memory_equal(t.pkt[0].head, frame, 18);
		assert_int_equal(t.pkt[0].len, sizeof(frame));
	}
	burst_port_free(&ds, p);
}

/* A frame that was decided on before the trunk lost its VLAN does not get in any more. */
static void
test_stale(void **state)
{
	struct port_cfg wide = {.network = "net", .vlan_mode = PORT_TRUNK, .trunk = {6}};
	struct port_cfg narrow = {.network = "net", .vlan_mode = PORT_TRUNK, .trunk = {2}};
	struct swport *a = burst_port(&ds, &wide), *b = burst_port(&ds, &narrow);
	const uint8_t frame[60] = {0};
	static struct test_burst t;

	test_lane.domains = &ds;
	for (uint16_t vlan = 0; vlan <= 3; vlan++) {
		burst_begin(&t, b);
		burst_add(&t, frame, sizeof(frame), PKT_HEAD)->domain = a->member.of[vlan];
		assert_int_equal(one(out, b, &t), vlan == 1 ? NO_DROP : DROP_VLAN);
	}
	burst_port_free(&ds, a);
	burst_port_free(&ds, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_offload),
		cmocka_unit_test(test_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
