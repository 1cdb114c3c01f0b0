/* SPDX-License-Identifier: Apache-2.0 */
/* VXLAN ports: packets out and in, ARP, a life of coming and going. */
#include "tests/unit/switch_uplink_world.h"

static struct swport *
make_vxlan(const char *name, uint32_t vni, uint16_t mtu)
{
	struct swport *p = make_port(name, PORT_VXLAN, NULL, mtu);
	struct err e = {0};

	p->cfg.vxlan = (struct port_vxlan){
		.vni = vni,
		.udp_port = 4789,
		.over = "up",
		.local = {.family = 4, .prefix = 24, .addr = {10, 0, 0, 1}},
		.peer = {{.family = 4, .addr = {10, 0, 0, 2}},
			 {.family = 4, .addr = {10, 0, 0, 3}}},
	};
	if (uplink_check(&p->cfg, &e) < 0)
		fail_msg("%s", e.text);
	return p;
}

/* What the outer network would send us: @bytes go into the ring and are polled from it. */
static void
outer(struct swport *u, const uint8_t *bytes, uint32_t len)
{
	static uint8_t copy[9100];
	struct pkt p = {.head = copy, .head_len = PKT_HEAD, .body = copy + PKT_HEAD, .len = len};
	struct pkt *one = &p, got[PKT_BURST];

	memcpy(copy, bytes, len);
	p.body_len = len - PKT_HEAD;
	assert_int_equal(send_put(&lane, u, &one, 1), 1);
	while (peek(u, got))
		done(u);
}

static void
peer_answers(struct swport *u, uint32_t ip, uint64_t mac)
{
	const struct eth_port *ep = u->backing;
	struct arp a = {.op = ARP_REPLY,
			.sender_mac = mac,
			.sender_ip = ip,
			.target_mac = mac_number(ep->dev.mac),
			.target_ip = 0x0a000001};
	uint8_t frame[ARP_FRAME];

	arp_make(frame, &a);
	outer(u, frame, sizeof(frame));
}

#define M2 UINT64_C(0x020000000002)
#define M3 UINT64_C(0x020000000003)

/* Frames that left on @u, as the ring gives them back, through @want: outer target address. */
static uint32_t
collect(struct swport *u, struct pkt *got)
{
	return peek(u, got);
}

static void
expect_outer(const struct pkt *p, const struct sample *s, uint64_t hop, uint8_t peer)
{
	struct vxlan_seen seen;

	assert_true(mac_number(p->head) == hop);
	assert_int_equal(vxlan_parse(p->head, p->head_len, p->len, 4789, &seen), VXLAN_FRAME);
	assert_int_equal(seen.target, 0x0a000000u + peer);
	assert_int_equal(seen.vni, 77);
	assert_int_equal(seen.len, s->pkt.len);
	static uint8_t all[9100];
	pkt_copy(p, all);
	assert_memory_equal(all + seen.at, s->bytes, s->pkt.len);
}

static void
test_vxlan_out(void **state)
{
	struct swport *u = make_port("up", PORT_ETHDEV, "net_ring", 9000);
	struct swport *v = make_vxlan("v", 77, 1500);
	static struct sample s;
	struct pkt got[PKT_BURST], *one = make_frame(&s, 1500, 16);

	(void)state;
	open_port(v); /* waits */
	assert_null(atomic_load(&v->ops));
	open_port(u);
	tick();
	assert_non_null(atomic_load(&v->ops));
	peek(u, got); /* its questions leave and come back; they are nobody's answer */
	done(u);
	while (peek(u, got))
		done(u);
	assert_int_equal(send_put(&lane, v, &one, 1), 1);
	assert_int_equal(counter_get(&v->count[0].drops[DROP_LINK_DOWN]), 2); /* no answer yet */
	peer_answers(u, 0x0a000002, M2);
	peer_answers(u, 0x0a000003, M3);
	/* a destination that nobody was seen at goes to both */
	send_put(&lane, v, &one, 1);
	assert_int_equal(collect(u, got), 2);
	expect_outer(&got[0], &s, M2, 2);
	expect_outer(&got[1], &s, M3, 3);
	assert_memory_equal(s.head, s.bytes, 16); /* the sender's head is as it was */
	done(u);
	close_port(u);
	assert_null(atomic_load(&v->ops)); /* waits again */
	close_port(v);
}

/* Heads as chains leave them: longer than a deep one, as a tag may be cut off. */
static void
test_vxlan_out_of_chains(void **state)
{
	static const uint16_t head[] = {16, 127, 128, 129, 132, 136, LANE_HEAD - PKT_HEADROOM};
	struct swport *u = make_port("up", PORT_ETHDEV, "net_ring", 9000);
	struct swport *v = make_vxlan("v", 77, 1500);
	static struct sample s;
	struct pkt got[PKT_BURST], *one = &s.pkt;

	(void)state;
	open_port(u);
	open_port(v);
	while (peek(u, got))
		done(u);
	peer_answers(u, 0x0a000002, M2);
	peer_answers(u, 0x0a000003, M3);
	for (size_t i = 0; i < ARRAY_SIZE(head); i++) {
		/* another frame was there before, and no byte of it may stay */
		memset(lane.out[0].head, 0xee, sizeof(lane.out[0].head));
		make_frame(&s, 200, head[i]);
		assert_int_equal(send_put(&lane, v, &one, 1), 1);
		assert_int_equal(collect(u, got), 2);
		expect_outer(&got[0], &s, M2, 2);
		expect_outer(&got[1], &s, M3, 3);
		done(u);
	}
	make_frame(&s, 200, LANE_HEAD - PKT_HEADROOM + 1);
	send_put(&lane, v, &one, 1);
	assert_int_equal(counter_get(&v->count[0].drops[DROP_BUFFERS]), 1);
	assert_int_equal(collect(u, got), 0);
	close_port(v);
	close_port(u);
}

/* As the peer at 10.0.0.@from would wrap @s. */
static uint32_t
wrap(struct swport *u, uint8_t *to, const struct sample *s, uint32_t vni, uint8_t from)
{
	const struct eth_port *ep = u->backing;
	const struct vxlan_path path = {.our_mac = M2,
					.hop_mac = mac_number(ep->dev.mac),
					.local = 0x0a000000u + from,
					.peer = 0x0a000001,
					.udp_port = 4789,
					.vni = vni};

	vxlan_push(to, &path, s->pkt.len, 5);
	memcpy(to + VXLAN_OUTER, s->bytes, s->pkt.len);
	return VXLAN_OUTER + s->pkt.len;
}

static void
test_vxlan_in(void **state)
{
	struct swport *u = make_port("up", PORT_ETHDEV, "net_ring", 9000);
	struct swport *v = make_vxlan("v", 77, 8900), *w = make_vxlan("w", 78, 1500);
	static struct sample s, back;
	static uint8_t frame[9100];
	struct pkt got[PKT_BURST], *one;
	uint32_t len;

	(void)state;
	open_port(u);
	open_port(v);
	open_port(w);
	for (int i = 0; i < 3; i++) {
		make_frame(&s, (const uint16_t[]){60, 1514, 8914}[i], 16);
		len = wrap(u, frame, &s, 77, 3);
		outer(u, frame, len);
		assert_int_equal(peek(v, got), 1);
		expect_bytes(&got[0], s.bytes, s.pkt.len);
		done(v);
		assert_int_equal(peek(w, got), 0);
	}
	/* now it is known behind which peer that station is */
	peer_answers(u, 0x0a000002, M2);
	peer_answers(u, 0x0a000003, M3);
	one = make_frame(&back, 300, 16);
	memcpy(back.bytes, s.bytes + 6, 6);
	memcpy(back.head, s.bytes + 6, 6);
	send_put(&lane, v, &one, 1);
	assert_int_equal(collect(u, got), 1);
	expect_outer(&got[0], &back, M3, 3);
	done(u);
	/* nobody's: another network, a stranger, a broken header */
	len = wrap(u, frame, &s, 79, 3);
	outer(u, frame, len);
	len = wrap(u, frame, &s, 77, 9);
	outer(u, frame, len);
	len = wrap(u, frame, &s, 77, 3);
	frame[17]++;
	outer(u, frame, len);
	assert_int_equal(counter_get(&u->count[0].drops[DROP_TUNNEL]), 3);
	assert_int_equal(peek(v, got) + peek(w, got), 0);
	close_port(v);
	len = wrap(u, frame, &s, 77, 3);
	outer(u, frame, len); /* not a tunnel's any more */
	assert_int_equal(counter_get(&u->count[0].drops[DROP_TUNNEL]), 4);
	close_port(w);
	close_port(u);
}

static void
test_vxlan_answers_arp(void **state)
{
	struct swport *u = make_port("up", PORT_ETHDEV, "net_ring", 1600);
	struct swport *v = make_vxlan("v", 77, 1500);
	const struct eth_port *ep;
	struct arp a = {.op = ARP_REQUEST,
			.sender_mac = M2,
			.sender_ip = 0x0a000002,
			.target_ip = 0x0a000001};
	uint8_t frame[ARP_FRAME];
	struct pkt got[PKT_BURST];

	(void)state;
	open_port(u);
	open_port(v);
	ep = u->backing;
	while (peek(u, got))
		done(u);
	while (peek(u, got))
		done(u);
	arp_make(frame, &a);
	outer(u, frame, sizeof(frame)); /* answered, and the answer left and came back */
	peek(u, got);
	done(u);
	assert_int_equal(peek(u, got), 0); /* to a station that is not ours: it was heard */
	assert_int_equal(counter_get(&u->count[0].drops[DROP_TUNNEL]), 0);
	assert_true(rte_mempool_full(ep->dev.pool));
	a.target_ip = 0x0a000009; /* somebody else: goes on as any frame */
	arp_make(frame, &a);
	{
		struct pkt p = {.head = frame,
				.head_len = 16,
				.body = frame + 16,
				.body_len = 44,
				.len = 60};
		struct pkt *one = &p;

		send_put(&lane, u, &one, 1);
	}
	assert_int_equal(peek(u, got), 1);
	expect_bytes(&got[0], frame, 60);
	done(u);
	close_port(u);
	close_port(v);
}

static void
test_vxlan_needs_room(void **state)
{
	struct swport *u = make_port("up", PORT_ETHDEV, "net_ring", 1500);
	struct swport *v = make_vxlan("v", 77, 1500);
	struct err e = {0};

	(void)state;
	open_port(u);
	assert_int_equal(uplink_open(&up, v, &e), -EINVAL);
	assert_non_null(strstr(e.text, "1550"));
	v->cfg.mtu = 1450;
	open_port(v);
	close_port(u);
	u = make_port("up", PORT_ETHDEV, "net_ring", 1400);
	open_port(u);
	tick();
	assert_null(atomic_load(&v->ops)); /* too small now */
	u->cfg.mtu = 1500;
	uplink_changed(&up, u);
	tick();
	assert_non_null(atomic_load(&v->ops));
	close_port(v);
	close_port(u);
}

/* Declared anew while it runs: one peer less. The other one is still known. */
static void
test_vxlan_changes(void **state)
{
	struct swport *u = make_port("up", PORT_ETHDEV, "net_ring", 9000);
	struct swport *v = make_vxlan("v", 77, 1500);
	static struct sample s;
	struct pkt got[PKT_BURST], *one = make_frame(&s, 300, 16);

	(void)state;
	open_port(u);
	open_port(v);
	while (peek(u, got))
		done(u);
	peer_answers(u, 0x0a000002, M2);
	peer_answers(u, 0x0a000003, M3);
	v->cfg.vxlan.peer[1].family = 0;
	uplink_changed(&up, v);
	assert_non_null(atomic_load(&v->ops));
	while (peek(u, got)) /* it asks again */
		done(u);
	send_put(&lane, v, &one, 1);
	assert_int_equal(peek(u, got), 1);
	expect_outer(&got[0], &s, M2, 2);
	done(u);
	close_port(v);
	close_port(u);
}

/* Declared anew while it runs: nothing of it changed, then the order of its peers. */
static void
test_vxlan_keeps_what_it_has(void **state)
{
	struct swport *u = make_port("up", PORT_ETHDEV, "net_ring", 9000);
	struct swport *v = make_vxlan("v", 77, 1500);
	static struct sample s, back;
	static uint8_t frame[9100];
	struct pkt got[PKT_BURST], *one = &back.pkt;
	struct port_ip swap;

	(void)state;
	open_port(u);
	open_port(v);
	while (peek(u, got))
		done(u);
	peer_answers(u, 0x0a000002, M2);
	peer_answers(u, 0x0a000003, M3);
	make_frame(&s, 500, 16);
	make_frame(&back, 300, 16);
	memcpy(back.bytes, s.bytes + 6, 6);
	memcpy(back.head, s.bytes + 6, 6);
	for (int i = 0; i < 2; i++) {
		/* a frame waits, from a station behind the second peer */
		outer(u, frame, wrap(u, frame, &s, 77, 3));
		if (i == 0) {
			v->cfg.mac_limit = 100;
		} else {
			swap = v->cfg.vxlan.peer[0];
			v->cfg.vxlan.peer[0] = v->cfg.vxlan.peer[1];
			v->cfg.vxlan.peer[1] = swap;
		}
		uplink_changed(&up, v);
		assert_int_equal(atomic_load(&v->connects), 1 + i);
		assert_int_equal(peek(v, got), 1);
		expect_bytes(&got[0], s.bytes, s.pkt.len);
		done(v);
		while (peek(u, got)) /* it asks again */
			done(u);
		assert_int_equal(send_put(&lane, v, &one, 1), 1);
		assert_int_equal(collect(u, got), 1);
		expect_outer(&got[0], &back, M3, 3);
		done(u);
	}
	/* that peer is gone, and so is what was behind it: to all that are left */
	v->cfg.vxlan.peer[0] = v->cfg.vxlan.peer[1];
	v->cfg.vxlan.peer[1].family = 0;
	uplink_changed(&up, v);
	while (peek(u, got))
		done(u);
	assert_int_equal(send_put(&lane, v, &one, 1), 1);
	assert_int_equal(collect(u, got), 1);
	expect_outer(&got[0], &back, M2, 2);
	done(u);
	/* another network: nothing of this one comes out of it */
	outer(u, frame, wrap(u, frame, &s, 77, 2));
	v->cfg.vxlan.vni = 78;
	uplink_changed(&up, v);
	assert_int_equal(peek(v, got), 0);
	close_port(v);
	close_port(u);
}

/* Nothing stays behind: devices, rings and buffers could be had again a thousand times. */
static void
test_comes_and_goes(void **state)
{
	unsigned int first = 0;

	(void)state;
	for (int i = 0; i < 40; i++) {
		struct swport *u = make_port("up", PORT_ETHDEV, "net_ring", 1600);
		struct swport *v = make_vxlan("v", 77, 1500);
		unsigned int walked = 0;

		open_port(u);
		open_port(v);
		close_port(i % 2 ? u : v);
		close_port(i % 2 ? v : u);
		tick();
		uplinks_fini(&up);
		for (size_t k = 0; k < ETH_POOLS_MAX; k++)
			walked += up.pools.retired[k] != NULL;
		if (i == 0)
			first = walked;
		assert_int_equal(walked, first);
		assert_int_equal(walked, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vxlan_out),
		cmocka_unit_test(test_vxlan_in),
		cmocka_unit_test(test_vxlan_answers_arp),
		cmocka_unit_test(test_vxlan_needs_room),
		cmocka_unit_test(test_vxlan_changes),
		cmocka_unit_test(test_comes_and_goes),
		cmocka_unit_test(test_vxlan_out_of_chains),
		cmocka_unit_test(test_vxlan_keeps_what_it_has),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
