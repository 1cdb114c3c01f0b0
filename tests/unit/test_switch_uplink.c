/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uplinks over DPDK's ring devices, which give back what is put into them: frames, buffers, bonds,
 * VXLAN, and a life of coming and going. One lane, which is this program.
 */
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

static struct swport *
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

static void
open_port(struct swport *p)
{
	struct err e = {0};

	if (uplink_open(&up, p, &e) < 0)
		fail_msg("%s", e.text);
}

static void
close_port(struct swport *p)
{
	uplink_close(&up, p);
	assert_null(atomic_load(&p->ops));
	free(p);
}

static void
tick(void)
{
	clock_ms += 1000;
	uplinks_tick(&up, clock_ms);
}

static uint32_t
peek(struct swport *p, struct pkt *pkt)
{
	const struct port_ops *ops = atomic_load(&p->ops);

	assert_non_null(ops);
	return ops->peek(&lane, p, 0, pkt, PKT_BURST);
}

static void
done(struct swport *p)
{
	atomic_load(&p->ops)->done(&lane, p, 0);
}

/* A frame as a guest's rings give it: a head of its own, the rest in two places. */
struct sample {
	uint8_t bytes[9018];
	uint8_t head[PKT_DEEP];
	struct pkt_seg seg;
	struct pkt pkt;
};

static struct pkt *
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

static void
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

static struct rte_mempool *
pool_of(struct swport *p)
{
	return ((struct eth_port *)p->backing)->dev.pool;
}

/* Lengths around everything that matters, in one buffer or several. */
static void
test_frames_survive(void **state)
{
	static const uint16_t lens[] = {14,   59,   60,   64,   127,  128,  129,
					1514, 2047, 2048, 2049, 4096, 9014, 9018};
	struct swport *p = make_port("up", PORT_ETHDEV, "net_ring", MTU_MAX);
	static struct sample s;
	struct pkt got[PKT_BURST], *out;
	unsigned int before;

	(void)state;
	open_port(p);
	before = rte_mempool_avail_count(pool_of(p));
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		out = make_frame(&s, lens[i], lens[i] < PKT_HEAD ? lens[i] : PKT_HEAD);
		assert_int_equal(send_put(&lane, p, &out, 1), 1);
		assert_int_equal(peek(p, got), 1);
		assert_int_equal(got[0].domain, 7);
		expect_bytes(&got[0], s.bytes, lens[i]);
		done(p);
		assert_int_equal(peek(p, got), 0);
	}
	assert_int_equal(rte_mempool_avail_count(pool_of(p)), before);
	close_port(p);
}

/* A full device takes what it can, says so, and keeps nothing of the rest. */
static void
test_full_device(void **state)
{
	struct swport *p = make_port("up", PORT_ETHDEV, "net_ring", 1500);
	static struct sample s[PKT_BURST];
	struct pkt *out[PKT_BURST], got[PKT_BURST];
	uint32_t put = 0, back = 0, n;
	unsigned int before;

	(void)state;
	open_port(p);
	before = rte_mempool_avail_count(pool_of(p));
	for (int i = 0; i < PKT_BURST; i++)
		out[i] = make_frame(&s[i], (uint32_t)(60 + i), 16);
	for (int round = 0; round < 100; round++)
		put += send_put(&lane, p, out, PKT_BURST);
	assert_true(put > 0 && put < 100 * PKT_BURST);
	assert_int_equal(counter_get(&p->count[0].drops[DROP_RING_FULL]), 100 * PKT_BURST - put);
	while ((n = peek(p, got))) {
		for (uint32_t i = 0; i < n && back + i < 8 * PKT_BURST; i++)
			expect_bytes(&got[i], s[(back + i) % PKT_BURST].bytes,
				     60 + (back + i) % PKT_BURST);
		back += n;
		done(p);
	}
	assert_int_equal(back, put);
	assert_int_equal(rte_mempool_avail_count(pool_of(p)), before);
	close_port(p);
}

/* From one device to another: the buffer goes on, unless somebody else has it too. */
static void
test_buffers_go_on(void **state)
{
	struct swport *a = make_port("a", PORT_ETHDEV, "net_ring", 1500);
	struct swport *b = make_port("b", PORT_ETHDEV, "net_ring", 1500);
	struct swport *c = make_port("c", PORT_ETHDEV, "net_ring", 1500);
	static struct sample s;
	struct pkt in[PKT_BURST], out[PKT_BURST], *one = make_frame(&s, 1000, 16);
	unsigned int before;

	(void)state;
	open_port(a);
	open_port(b);
	open_port(c);
	before = rte_mempool_avail_count(pool_of(a));
	send_put(&lane, a, &one, 1);
	assert_int_equal(peek(a, in), 1);
	/* a tag was cut off: the addresses moved */
	memmove(in[0].head + 4, in[0].head, 12);
	in[0].head += 4;
	in[0].head_len -= 4;
	in[0].len -= 4;
	memmove(s.bytes + 4, s.bytes, 12);
	one = &in[0];
	assert_int_equal(send_put(&lane, b, &one, 1), 1);
	assert_int_equal(send_put(&lane, c, &one, 1), 1); /* a flood */
	done(a);
	assert_int_equal(peek(b, out), 1);
	assert_ptr_equal(out[0].mbuf, in[0].mbuf);
	expect_bytes(&out[0], s.bytes + 4, 996);
	done(b);
	assert_int_equal(peek(c, out), 1);
	assert_ptr_not_equal(out[0].mbuf, in[0].mbuf);
	expect_bytes(&out[0], s.bytes + 4, 996);
	done(c);
	assert_int_equal(rte_mempool_avail_count(pool_of(a)), before);
	close_port(a);
	close_port(b);
	close_port(c);
}

static void
test_refused(void **state)
{
	static const char *const bad[] = {"",
					  "net_ring",
					  "eth0",
					  "net_pcap0,iface=lo",
					  "0000:02",
					  "net_tap0,iface=a b",
					  "net_failsafe0,exec(id)"};
	struct swport *p = make_port("up", PORT_ETHDEV, "net_ring", 1500), *q;
	struct port_cfg cfg = {.name = "x", .kind = PORT_ETHDEV, .mtu = 1500};
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(cfg.device[0], sizeof(cfg.device[0]), "%s", bad[i]);
		if (uplink_check(&cfg, &e) == 0)
			fail_msg("taken: %s", bad[i]);
	}
	open_port(p);
	q = make_port("again", PORT_ETHDEV, "net_ring", 1500);
	memcpy(q->cfg.device, p->cfg.device, sizeof(q->cfg.device));
	assert_int_equal(uplink_open(&up, q, &e), -EBUSY);
	assert_non_null(strstr(e.text, "port again"));
	snprintf(q->cfg.device[0], sizeof(q->cfg.device[0]), "net_af_packet0,iface=nosuchif0");
	assert_int_equal(uplink_open(&up, q, &e), -ENODEV);
	snprintf(q->cfg.device[0], sizeof(q->cfg.device[0]), "ffff:00:1f.7");
	assert_int_equal(uplink_open(&up, q, &e), -ENODEV);
	assert_null(atomic_load(&q->ops));
	free(q);
	close_port(p);
}

/* LLDP goes out at once, then each half a minute; a last one says goodbye. */
static void
test_lldp(void **state)
{
	struct swport *p = make_port("up", PORT_ETHDEV, "net_ring", 1500);
	struct pkt got[PKT_BURST];
	uint32_t seen = 0;

	(void)state;
	p->cfg.lldp = 1;
	open_port(p);
	for (int s = 0; s < 61; s++) {
		uint32_t n;

		tick();
		n = peek(p, got); /* sends, and the ring gives it back */
		for (uint32_t i = 0; i < n; i++)
			assert_memory_equal(got[i].head, "\x01\x80\xc2\0\0\x0e", 6);
		seen += n;
		done(p);
	}
	assert_int_equal(seen, 3);
	p->cfg.lldp = 0;
	uplink_changed(&up, p);
	assert_int_equal(peek(p, got), 1);
	assert_memory_equal(got[0].head + 14 + 9 + 5, "\x06\x02\0\0", 4); /* TTL 0 */
	done(p);
	close_port(p);
}

/* Rings cannot be in a bond (their address cannot be set): they are theirs again, whole. */
static void
test_bond_that_cannot_be(void **state)
{
	struct swport *p = make_port("bond", PORT_BOND, "net_ring", 1500), *q;
	struct pkt got[PKT_BURST];
	struct err e = {0};

	(void)state;
	snprintf(p->cfg.device[1], sizeof(p->cfg.device[1]), "net_ring9001");
	assert_int_equal(uplink_check(&p->cfg, &e), 0);
	assert_true(uplink_open(&up, p, &e) < 0);
	assert_non_null(strstr(e.text, "port bond"));
	q = make_port("alone", PORT_ETHDEV, "net_ring", 1500);
	memcpy(q->cfg.device, p->cfg.device, sizeof(q->cfg.device));
	open_port(q);
	assert_int_equal(peek(q, got), 0);
	close_port(q);
	memcpy(p->cfg.device[1], p->cfg.device[0], sizeof(p->cfg.device[0]));
	assert_int_equal(uplink_check(&p->cfg, &e), -EINVAL); /* twice the same */
	p->cfg.device[1][0] = '\0';
	assert_int_equal(uplink_check(&p->cfg, &e), -EINVAL); /* of one */
	free(p);
}

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

static int
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_survive),
		cmocka_unit_test(test_full_device),
		cmocka_unit_test(test_buffers_go_on),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lldp),
		cmocka_unit_test(test_bond_that_cannot_be),
		cmocka_unit_test(test_vxlan_out),
		cmocka_unit_test(test_vxlan_in),
		cmocka_unit_test(test_vxlan_answers_arp),
		cmocka_unit_test(test_vxlan_needs_room),
		cmocka_unit_test(test_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
