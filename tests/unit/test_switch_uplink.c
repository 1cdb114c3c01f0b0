/* SPDX-License-Identifier: Apache-2.0 */
/* Uplinks: frames, buffers, what is refused, LLDP. */
#include "tests/unit/switch_uplink_world.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_survive), cmocka_unit_test(test_full_device),
		cmocka_unit_test(test_buffers_go_on),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lldp),           cmocka_unit_test(test_bond_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
