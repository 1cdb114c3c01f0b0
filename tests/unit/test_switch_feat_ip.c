/* SPDX-License-Identifier: Apache-2.0 */
/* IP anti-spoofing: who may say what, case by case; and heads of any length and content. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>

#include "base/util.h"
#include "tests/unit/switch_burst.h"
#include "vhost-user/feat_ip.h"

#define ROOM 256

static struct domains ds;
static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};

struct built {
	uint8_t b[ROOM];
	uint32_t len;
};

static void
bytes(struct built *f, const void *data, uint32_t n)
{
	memcpy(f->b + f->len, data, n);
	f->len += n;
}

static void
be16(struct built *f, uint16_t v)
{
	bytes(f, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void
address(struct built *f, const char *text)
{
	uint8_t a[16];
	bool six = strchr(text, ':') != NULL;

	assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, text, a), 1);
	bytes(f, a, six ? 16 : 4);
}

/* The header as far as the EtherType, in @tags tags. */
static struct built
ether(uint32_t tags, uint16_t type)
{
	struct built f = {.b = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, .len = 6};

	bytes(&f, mac, 6);
	for (uint32_t i = 0; i < tags; i++) {
		be16(&f, i % 2 ? 0x8100 : 0x88a8);
		be16(&f, 5);
	}
	be16(&f, type);
	return f;
}

/* IPv4 with @options words of options; what follows is @ports when it is UDP. */
static struct built
ipv4(uint32_t tags, const char *from, uint8_t proto, uint8_t options, uint16_t fragment,
     const uint16_t ports[2])
{
	struct built f = ether(tags, 0x0800);

	bytes(&f, (uint8_t[]){(uint8_t)(0x45 + options), 0, 0, 28, 0, 0}, 6);
	be16(&f, fragment);
	bytes(&f, (uint8_t[]){64, proto, 0, 0}, 4);
	address(&f, from);
	address(&f, "255.255.255.255");
	f.len += options * 4u;
	be16(&f, ports ? ports[0] : 0);
	be16(&f, ports ? ports[1] : 0);
	return f;
}

static struct built
arp(uint16_t type, const char *from, const uint8_t *from_mac)
{
	struct built f = ether(0, type);

	bytes(&f, (uint8_t[]){0, 1, 8, 0, 6, 4, 0, 1}, 8);
	bytes(&f, from_mac, 6);
	address(&f, from);
	bytes(&f, (uint8_t[6]){0}, 6);
	address(&f, "10.0.0.1");
	return f;
}

/* ICMPv6 behind @extensions headers of 8 bytes; @target at its place. */
static struct built
icmp6(uint32_t tags, const char *from, uint8_t type, uint32_t extensions, const char *target)
{
	struct built f = ether(tags, 0x86dd);

	bytes(&f, (uint8_t[]){0x60, 0, 0, 0, 0, 32, extensions ? 0 : 58, 255}, 8);
	address(&f, from);
	address(&f, "ff02::1");
	for (uint32_t i = 0; i < extensions; i++)
		bytes(&f, (uint8_t[]){i + 1 < extensions ? 60 : 58, 0, 0, 0, 0, 0, 0, 0}, 8);
	bytes(&f, (uint8_t[]){type, 0, 0, 0, 0, 0, 0, 0}, 8);
	address(&f, target);
	return f;
}

static struct port_cfg
declare(const char *a, int a_prefix, const char *b, int b_prefix)
{
	const char *text[] = {a, b};
	const int prefix[] = {a_prefix, b_prefix};
	struct port_cfg cfg = {.network = "net"};

	for (int i = 0; i < 2 && text[i]; i++) {
		bool six = strchr(text[i], ':') != NULL;

		cfg.ip[i].family = six ? 6 : 4;
		cfg.ip[i].prefix = (uint8_t)prefix[i];
		inet_pton(six ? AF_INET6 : AF_INET, text[i], cfg.ip[i].addr);
	}
	return cfg;
}

static bool
passes(const struct port_cfg *cfg, const struct built *f)
{
	struct swport *p = burst_port(&ds, cfg);
	static struct test_burst t;
	struct err e = {0};
	void *s = NULL;
	bool ok;

	assert_true(feat_ip.wanted(p));
	assert_int_equal(feat_ip.make(p, NULL, &s, &e), 0);
	burst_begin(&t, p);
	burst_add(&t, f->b, f->len, PKT_DEEP);
	feat_ip.run(&t.b, s);
	feat_ip.destroy(s);
	burst_port_free(&ds, p);
	ok = t.cause[0] == NO_DROP;
	if (!ok && f->len >= 14)
		assert_int_equal(t.cause[0], DROP_SPOOFED);
	return ok;
}

#define PASS(cfg, ...)                                                                             \
	do {                                                                                       \
		struct built built_ = __VA_ARGS__;                                                 \
		assert_true(passes(&(cfg), &built_));                                              \
	} while (0)
#define DROP(cfg, ...)                                                                             \
	do {                                                                                       \
		struct built built_ = __VA_ARGS__;                                                 \
		assert_false(passes(&(cfg), &built_));                                             \
	} while (0)

static const uint16_t dhcp[2] = {68, 67}, dns[2] = {53, 53};

static void
test_ipv4(void **state)
{
	struct port_cfg one = declare("10.0.0.7", 32, NULL, 0);
	struct port_cfg net = declare("10.1.2.0", 23, "10.0.0.7", 32);
	struct built f;

	PASS(one, ipv4(0, "10.0.0.7", 17, 0, 0, dns));
	DROP(one, ipv4(0, "10.0.0.8", 17, 0, 0, dns));
	PASS(net, ipv4(0, "10.1.3.255", 6, 0, 0, NULL));
	PASS(net, ipv4(0, "10.0.0.7", 6, 0, 0, NULL));
	DROP(net, ipv4(0, "10.1.4.0", 6, 0, 0, NULL));
	DROP(one, ipv4(0, "169.254.1.1", 17, 0, 0, dns));
	/* behind tags, as far as anybody looks; more of them is nothing that a host sends */
	PASS(one, ipv4(1, "10.0.0.7", 17, 0, 0, dns));
	DROP(one, ipv4(1, "10.0.0.8", 17, 0, 0, dns));
	DROP(one, ipv4(2, "10.0.0.8", 17, 0, 0, dns));
	DROP(one, ipv4(3, "10.0.0.7", 17, 0, 0, dns));
	/* before it has an address */
	PASS(one, ipv4(0, "0.0.0.0", 17, 0, 0, dhcp));
	PASS(one, ipv4(0, "0.0.0.0", 17, 3, 0, dhcp));
	DROP(one, ipv4(0, "0.0.0.0", 17, 0, 0, dns));
	DROP(one, ipv4(0, "0.0.0.0", 17, 0, 8, dhcp));
	PASS(one, ipv4(0, "0.0.0.0", 2, 0, 0, NULL));
	DROP(one, ipv4(0, "0.0.0.0", 1, 0, 0, NULL));
	/* not what it says it is */
	f = ipv4(0, "10.0.0.7", 17, 0, 0, dns);
	f.b[14] = 0x65;
	assert_false(passes(&one, &f));
	f.b[14] = 0x44;
	assert_false(passes(&one, &f));
	f.b[14] = 0x45;
	f.len = 14 + 19;
	assert_false(passes(&one, &f));
	/* no IP at all */
	PASS(one, ether(0, 0x88cc));
	/* no IPv6 was declared */
	DROP(one, icmp6(0, "2001:db8::7", 128, 0, "::"));
}

static void
test_arp(void **state)
{
	static const uint8_t other[6] = {2, 0, 0, 0, 0, 8};
	struct port_cfg one = declare("10.0.0.7", 32, NULL, 0);
	struct built f;

	PASS(one, arp(0x0806, "10.0.0.7", mac));
	PASS(one, arp(0x0806, "0.0.0.0", mac)); /* RFC 5227 */
	DROP(one, arp(0x0806, "10.0.0.1", mac));
	DROP(one, arp(0x0806, "10.0.0.7", other));
	PASS(one, arp(0x8035, "0.0.0.0", mac));
	DROP(one, arp(0x8035, "10.0.0.1", mac));
	f = arp(0x0806, "10.0.0.7", mac);
	f.b[14 + 5] = 16;
	assert_false(passes(&one, &f));
	f = arp(0x0806, "10.0.0.7", mac);
	for (f.len = 14; f.len < 14 + 28; f.len++)
		assert_false(passes(&one, &f));
	assert_true(passes(&one, &f));
}

static void
test_ipv6(void **state)
{
	struct port_cfg one = declare("2001:db8::7", 128, NULL, 0);
	struct port_cfg net = declare("2001:db8:0:8000::", 49, NULL, 0);
	struct port_cfg strict = declare("2001:db8::7", 128, "fe80::7", 128);

	PASS(one, icmp6(0, "2001:db8::7", 128, 0, "::"));
	DROP(one, icmp6(0, "2001:db8::8", 128, 0, "::"));
	PASS(net, icmp6(0, "2001:db8:0:ffff::1", 128, 0, "::"));
	DROP(net, icmp6(0, "2001:db8:0:7fff::1", 128, 0, "::"));
	DROP(one, icmp6(1, "2001:db8::8", 128, 0, "::"));
	DROP(one, ipv4(0, "10.0.0.7", 17, 0, 0, dns));
	/* link-local: any, until some are declared; then these and the one that the MAC makes */
	PASS(one, icmp6(0, "fe80::1234", 128, 0, "::"));
	PASS(one, icmp6(0, "febf::1234", 128, 0, "::"));
	DROP(one, icmp6(0, "fec0::1234", 128, 0, "::"));
	DROP(strict, icmp6(0, "fe80::1234", 128, 0, "::"));
	PASS(strict, icmp6(0, "fe80::7", 128, 0, "::"));
	PASS(strict, icmp6(0, "fe80::ff:fe00:7", 128, 0, "::"));
	DROP(strict, icmp6(0, "fe80::ff:fe00:8", 128, 0, "::"));
	/* before it has an address */
	PASS(one, icmp6(0, "::", 135, 0, "2001:db8::7"));
	PASS(one, icmp6(0, "::", 133, 0, "::"));
	PASS(one, icmp6(0, "::", 143, 1, "::"));
	PASS(one, icmp6(0, "::", 131, 1, "::"));
	DROP(one, icmp6(0, "::", 136, 0, "2001:db8::7"));
	DROP(one, icmp6(0, "::", 128, 0, "::"));
	/* what neighbours are told is its own */
	PASS(one, icmp6(0, "2001:db8::7", 136, 0, "2001:db8::7"));
	PASS(one, icmp6(0, "fe80::1", 136, 0, "2001:db8::7"));
	DROP(one, icmp6(0, "2001:db8::7", 136, 0, "2001:db8::1"));
	DROP(one, icmp6(0, "2001:db8::7", 136, 3, "2001:db8::1"));
	PASS(one, icmp6(0, "2001:db8::7", 136, 3, "2001:db8::7"));
	DROP(strict, icmp6(0, "2001:db8::7", 136, 0, "fe80::1"));
	/* asking for others is what solicitations are for */
	PASS(one, icmp6(0, "2001:db8::7", 135, 0, "2001:db8::1"));
	/* hidden behind more than anybody looks at */
	DROP(one, icmp6(0, "2001:db8::7", 136, 12, "2001:db8::1"));
	DROP(one, icmp6(0, "2001:db8::7", 128, 12, "::"));
}

/* A fragment may be anything but a sender's first word: RFC 6980 lets hosts ignore such. */
static void
test_fragments(void **state)
{
	struct port_cfg one = declare("2001:db8::7", 128, NULL, 0);
	struct built f = icmp6(0, "2001:db8::7", 136, 1, "2001:db8::1");

	f.b[14 + 6] = 44;
	assert_true(passes(&one, &f));
	memset(f.b + 14 + 8, 0, 16);
	assert_false(passes(&one, &f)); /* from :: */
}

static void
test_off(void **state)
{
	struct port_cfg cfg = declare("10.0.0.7", 32, NULL, 0);
	struct swport *p = burst_port(&ds, &cfg);

	assert_true(feat_ip.wanted(p));
	p->cfg.any_ip = 1;
	assert_false(feat_ip.wanted(p));
	memset(&p->cfg.ip, 0, sizeof(p->cfg.ip));
	p->cfg.any_ip = 0;
	assert_false(feat_ip.wanted(p));
	burst_port_free(&ds, p);
}

/*
 * Heads that end exactly where their memory ends, cut and changed anywhere: nothing is read beyond
 * (with a sanitizer this would end the test), and never does a source that is not declared pass as
 * IPv4 or IPv6.
 */
static void
test_noise(void **state)
{
	struct port_cfg cfg = declare("10.0.0.7", 32, "2001:db8::7", 128);
	struct swport *p = burst_port(&ds, &cfg);
	static struct test_burst t;
	uint32_t dropped = 0;
	struct err e = {0};
	void *s = NULL;

	srand(13);
	assert_int_equal(feat_ip.make(p, NULL, &s, &e), 0);
	for (int i = 0; i < 200000; i++) {
		struct built f = rand() % 3 == 0   ? ipv4((uint32_t)rand() % 3, "10.0.0.7", 17,
							  (uint8_t)(rand() % 4), 0, dhcp)
				 : rand() % 2 == 0 ? arp(0x0806, "10.0.0.7", mac)
						   : icmp6((uint32_t)rand() % 3, "2001:db8::7", 136,
							   (uint32_t)rand() % 8, "2001:db8::7");
		uint32_t len = rand() % 4 ? f.len : (uint32_t)rand() % (f.len + 1);
		uint8_t *exact;

		for (int k = rand() % 4; k > 0; k--)
			f.b[12 + rand() % (int)(f.len - 12)] = (uint8_t)rand();
		len = MIN_OF(len, PKT_DEEP);
		exact = malloc(len ? len : 1);
		memcpy(exact, f.b, len);
		burst_begin(&t, p);
		burst_add(&t, f.b, f.len, 0);
		t.pkt[0].head = exact;
		t.pkt[0].head_len = (uint16_t)len;
		t.pkt[0].len = len;
		feat_ip.run(&t.b, s);
		dropped += t.cause[0] != NO_DROP;
		if (t.cause[0] == NO_DROP && len >= 34 && exact[12] == 8 && exact[13] == 0)
			assert_true(memcmp(exact + 26, (uint8_t[]){10, 0, 0, 7}, 4) == 0 ||
				    memcmp(exact + 26, (uint8_t[4]){0}, 4) == 0);
		free(exact);
	}
	assert_true(dropped > 20000 && dropped < 190000);
	feat_ip.destroy(s);
	burst_port_free(&ds, p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4), cmocka_unit_test(test_arp),
		cmocka_unit_test(test_ipv6), cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_off),  cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
