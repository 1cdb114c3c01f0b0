/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters against a reference that knows no frames: frames are built from a description, and rules are
 * compared with the description, one after another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/filter_set.h"

#define FRAME_MAX 256
#define HEAD      128

static uint32_t
rnd(uint32_t below)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 32) % below;
}

/* What a frame is, told by whoever made it. */
struct told {
	uint8_t source_mac[6], target_mac[6];
	uint16_t vlan, type;
	unsigned int tags;
	uint8_t family, protocol;
	uint8_t source[16], target[16];
	bool has_ports, cut; /* cut: its headers do not fit into the head */
	uint16_t source_port, target_port;
	uint8_t bytes[FRAME_MAX];
	uint32_t len;
};

/* Few values, near one another, so that rules match, and match partly. */
static void
pick_mac(uint8_t *mac)
{
	memset(mac, 0, 6);
	mac[0] = 2;
	mac[2] = (uint8_t)rnd(2);
	mac[5] = (uint8_t)rnd(4);
}

static void
pick_address(uint8_t family, uint8_t *a)
{
	unsigned int n = family == 6 ? 16 : 4;

	memset(a, 0, 16);
	a[0] = family == 6 ? 0xfd : 10;
	a[n / 2] = (uint8_t)rnd(3);
	a[n - 2] = (uint8_t)rnd(3);
	a[n - 1] = (uint8_t)rnd(6);
}

static uint16_t
pick_port(void)
{
	static const uint16_t port[] = {0, 1, 53, 80, 443, 1023, 1024, 40000, 65535};

	return port[rnd(ARRAY_SIZE(port))];
}

static uint8_t
pick_protocol(void)
{
	static const uint8_t proto[] = {1, 6, 6, 17, 17, 58, 132, 50, 0, 33, 136};

	return proto[rnd(ARRAY_SIZE(proto))];
}

static bool
carries_ports(uint8_t p)
{
	return p == 6 || p == 17 || p == 33 || p == 132 || p == 136;
}

static void
put16(struct told *t, uint16_t v)
{
	t->bytes[t->len++] = (uint8_t)(v >> 8);
	t->bytes[t->len++] = (uint8_t)v;
}

static void
put_layer4(struct told *t, bool first)
{
	if (!first || !carries_ports(t->protocol)) {
		t->len += 12;
		return;
	}
	t->has_ports = true;
	t->source_port = pick_port();
	t->target_port = pick_port();
	put16(t, t->source_port);
	put16(t, t->target_port);
	t->len += 8;
}

static void
put_ipv4(struct told *t)
{
	unsigned int options = rnd(4) ? 0 : rnd(11) * 4, fragment = rnd(5) ? 0 : 1u << rnd(13);
	uint8_t *ip = t->bytes + t->len;

	t->protocol = pick_protocol();
	ip[0] = (uint8_t)(0x40 | (5 + options / 4));
	ip[6] = (uint8_t)((rnd(2) ? 0x40 : 0) | fragment >> 8);
	ip[7] = (uint8_t)fragment;
	ip[9] = t->protocol;
	memcpy(ip + 12, t->source, 4);
	memcpy(ip + 16, t->target, 4);
	t->len += 20 + options;
	put_layer4(t, fragment == 0);
}

static void
put_ipv6(struct told *t)
{
	uint8_t *next = t->bytes + t->len + 6;
	bool first = true;

	t->bytes[t->len] = 0x60;
	memcpy(t->bytes + t->len + 8, t->source, 16);
	memcpy(t->bytes + t->len + 24, t->target, 16);
	t->len += 40;
	for (unsigned int n = rnd(3) ? 0 : rnd(3); n > 0 && first; n--) {
		static const uint8_t kind[] = {43, 60, 44, 51, 0};
		uint8_t k = kind[rnd(ARRAY_SIZE(kind))], *p = t->bytes + t->len;

		*next = k;
		next = p;
		if (k == 44) {
			p[3] = rnd(2) ? 0x01 : 0xf9; /* more fragments; offset 0 or 31 */
			first = p[3] == 0x01;
			t->len += 8;
		} else {
			p[1] = (uint8_t)rnd(2);
			t->len += k == 51 ? (p[1] + 2u) * 4 + (p[1] == 0 ? 0 : 0) : (p[1] + 1u) * 8;
		}
	}
	do
		t->protocol = pick_protocol();
	while (t->protocol == 0);
	*next = t->protocol;
	put_layer4(t, first);
}

static void
make_frame(struct told *t)
{
	static const uint16_t other[] = {0x0806, 0x88cc, 0x86de};

	memset(t, 0, sizeof(*t));
	pick_mac(t->source_mac);
	pick_mac(t->target_mac);
	t->vlan = (uint16_t)(rnd(3) * 100);
	t->tags = rnd(4) ? 0 : 1 + rnd(2);
	t->family = (uint8_t)(rnd(5) == 0 ? 0 : rnd(2) ? 4 : 6);
	t->type = t->family == 4 ? 0x0800 : t->family == 6 ? 0x86dd : other[rnd(ARRAY_SIZE(other))];
	memcpy(t->bytes, t->target_mac, 6);
	memcpy(t->bytes + 6, t->source_mac, 6);
	t->len = 12;
	for (unsigned int i = 0; i < t->tags; i++) {
		put16(t, rnd(2) ? 0x8100 : 0x88a8);
		put16(t, (uint16_t)rnd(65536));
	}
	put16(t, t->type);
	if (t->family) {
		pick_address(t->family, t->source);
		pick_address(t->family, t->target);
	}
	if (t->family == 4)
		put_ipv4(t);
	else if (t->family == 6)
		put_ipv6(t);
	else
		t->len += 40;
}

static void
make_rule(struct filter_rule *r, uint32_t i, uint32_t generality)
{
	static const uint16_t types[] = {0x0806, 0x88cc, 0x0800, 0x86dd};

	memset(r, 0, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "r%u", i);
	r->action = (uint8_t)rnd(2);
	r->family = (uint8_t)(rnd(5) == 0 ? 0 : rnd(2) ? 4 : 6);
	if (rnd(generality) == 0) {
		pick_mac(r->source_mac);
		memset(r->source_mac_mask, 0xff, rnd(2) ? 6 : 3);
		if (rnd(8) == 0)
			r->source_mac_mask[rnd(6)] = (uint8_t)rnd(256);
	}
	if (rnd(generality) == 0) {
		pick_mac(r->target_mac);
		memset(r->target_mac_mask, 0xff, 6);
	}
	if (rnd(4) == 0)
		r->vlan = (uint16_t)(rnd(3) * 100);
	if (r->family == 0 && rnd(2))
		r->ether_type = types[rnd(ARRAY_SIZE(types))];
	if (r->family) {
		unsigned int bits = r->family == 6 ? 128 : 32;

		pick_address(r->family, r->source);
		pick_address(r->family, r->target);
		r->source_prefix = (uint8_t)(rnd(2) ? rnd(bits + 1) : bits - rnd(10));
		r->target_prefix = (uint8_t)(rnd(3) ? rnd(bits + 1) : 0);
	}
	if (rnd(2)) {
		r->has_protocol = 1;
		r->protocol = pick_protocol();
	}
	if ((!r->has_protocol || carries_ports(r->protocol)) && rnd(2)) {
		uint16_t a = pick_port(), b = rnd(2) ? a : pick_port();

		r->target_port[0] = MIN_OF(a, b);
		r->target_port[1] = (uint16_t)(a + b - MIN_OF(a, b));
		if (rnd(3) == 0) {
			r->source_port[0] = 1;
			r->source_port[1] = rnd(2) ? 1 : 1024;
		}
	}
}

static bool
bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	for (unsigned int i = 0; i < bits; i++)
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	return true;
}

static bool
ref_ports(const struct told *t, const uint16_t want[2], uint16_t port)
{
	if (want[0] == 0 && want[1] == 0)
		return true;
	return t->has_ports && want[0] <= port && port <= want[1];
}

static bool
ref_matches(const struct filter_rule *r, const struct told *t)
{
	for (int i = 0; i < 6; i++)
		if ((r->source_mac[i] & r->source_mac_mask[i]) !=
			    (t->source_mac[i] & r->source_mac_mask[i]) ||
		    (r->target_mac[i] & r->target_mac_mask[i]) !=
			    (t->target_mac[i] & r->target_mac_mask[i]))
			return false;
	if (r->ether_type != 0 && r->ether_type != t->type)
		return false;
	if (r->vlan != 0 && r->vlan != t->vlan)
		return false;
	if (r->has_protocol && (t->family == 0 || r->protocol != t->protocol))
		return false;
	if (r->family != 0) {
		if (r->family != t->family || !bits_equal(r->source, t->source, r->source_prefix) ||
		    !bits_equal(r->target, t->target, r->target_prefix))
			return false;
	}
	return ref_ports(t, r->source_port, t->source_port) &&
	       ref_ports(t, r->target_port, t->target_port);
}

static struct filter_set *
compile(const struct filter_rule *rules, uint32_t n, const struct filter_set *old)
{
	struct filter_set *s = NULL;
	struct err e = {0};

	if (filter_set_make(rules, n, old, &s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

static uint32_t
compare(const struct filter_set *s, const struct filter_rule *rules, uint32_t n, uint32_t frames)
{
	uint32_t matched = 0;

	for (uint32_t i = 0; i < frames; i++) {
		uint32_t want = FILTER_NONE, got;
		union filter_key key;
		struct told t;

		make_frame(&t);
		assert_true(filter_key_make(t.bytes, MIN_OF(t.len, (uint32_t)HEAD), t.len, t.vlan,
					    &key) ||
			    t.len > HEAD);
		for (uint32_t k = 0; k < n && want == FILTER_NONE; k++) {
			bool hit = ref_matches(&rules[k], &t);

			assert_int_equal(filter_rule_matches(&rules[k], &key), hit);
			if (hit)
				want = k;
		}
		got = filter_set_find(s, &key);
		if (got != want)
			fail_msg("frame %u: rule %d in place of %d", i, (int)got, (int)want);
		matched += want != FILTER_NONE;
	}
	return matched;
}

/* Many small sets, as operators write them, and some large ones. */
static void
test_differential(void **state)
{
	static struct filter_rule rules[3000];
	uint32_t hits = 0, frames = 0;

	for (uint32_t round = 0; round < 400; round++) {
		uint32_t n = round % 40 == 0 ? 3000 : 1 + rnd(30), probes = 200;
		struct filter_set *s;

		for (uint32_t i = 0; i < n; i++)
			make_rule(&rules[i], i, 1 + rnd(6));
		s = compile(rules, n, NULL);
		hits += compare(s, rules, n, probes);
		frames += probes;
		filter_set_put(s);
	}
	/* neither everything nor nothing */
	assert_in_range(hits, frames / 4, frames - 100);
}

static void
tcp_frame(uint8_t *f, uint32_t *ret_len)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45};

	memset(f, 0, FRAME_MAX);
	memcpy(f, head, sizeof(head));
	f[23] = 6;
	memcpy(f + 26, "\x0a\x00\x00\x01\x0a\x00\x00\x02\x04\x00\x00\x50", 12);
	*ret_len = 60;
}

/* Headers that the head does not hold are told apart from those that the frame does not have. */
static void
test_cut(void **state)
{
	uint8_t f[FRAME_MAX], tags[FRAME_MAX];
	union filter_key key;
	uint32_t len;

	tcp_frame(f, &len);
	assert_true(filter_key_make(f, 60, 60, 0, &key));
	assert_int_equal(key.f.target_port, 80);
	assert_int_equal(key.f.source_port, 1024);
	for (uint32_t cut = 14; cut < 38; cut++) {
		assert_false(filter_key_make(f, cut, 60, 0, &key));
		assert_false(key.f.flags & KEY_PORTS);
		assert_true(filter_key_make(f, cut, cut, 0, &key)); /* a short frame, malformed */
		assert_false(key.f.flags & KEY_PORTS);
	}
	/* nothing but tags */
	for (uint32_t i = 0; i < FRAME_MAX; i += 4)
		memcpy(tags + i, "\x81\x00\x00\x00", 4);
	assert_false(filter_key_make(tags, HEAD, FRAME_MAX, 0, &key));
	/* a tower of extension headers */
	memset(tags, 0, sizeof(tags));
	memcpy(tags + 12, "\x86\xdd\x60\0\0\0\0\0\x3c", 9);
	for (uint32_t i = 54; i + 8 <= FRAME_MAX; i += 8)
		tags[i] = 60;
	assert_false(filter_key_make(tags, HEAD, FRAME_MAX, 0, &key));
	assert_true(filter_key_make(tags, HEAD, HEAD, 0, &key));
	/* lengths that lie */
	f[14] = 0x41;
	assert_true(filter_key_make(f, 60, 60, 0, &key));
	assert_int_equal(key.f.flags, 0);
	f[14] = 0x4f;
	assert_true(filter_key_make(f, 60, 60, 0, &key));
	assert_false(key.f.flags & KEY_PORTS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differential),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
