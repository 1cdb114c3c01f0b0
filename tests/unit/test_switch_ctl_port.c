/* SPDX-License-Identifier: Apache-2.0 */
/* What a declared port may say: each field's limits, and words for each refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/ctl.h"

static struct port_cfg
plain(void)
{
	return (struct port_cfg){.name = "fw1/lan",
				 .network = "svc-a",
				 .socket = "/run/corelane/fw1.sock",
				 .mac = {2},
				 .queues = 2,
				 .mtu = 1500,
				 .mac_age_s = 300};
}

static struct port_ip
ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t prefix)
{
	return (struct port_ip){.family = 4, .prefix = prefix, .addr = {a, b, c, d}};
}

/* Everything that a guest's port can have. */
static struct port_cfg
full(void)
{
	struct port_cfg c = plain();

	strcpy(c.segment, "uplink");
	c.vlan_mode = PORT_TRUNK;
	c.native_vlan = 1;
	c.trunk[0] = 6;
	c.trunk[VLAN_WORDS - 1] = UINT64_C(1) << 62;
	c.isolated = c.any_mac = c.any_ip = c.snoop = c.strict = c.mirror_in = 1;
	c.mac_limit = 5;
	c.storm[0] = c.storm[1] = c.storm[2] = 100;
	c.police_in = (struct port_policer){.rate = 1000, .burst = 1518};
	c.police_out = (struct port_policer){1000, 2000, 1, 1518};
	c.shape_out = (struct port_policer){.rate = 1000, .burst = 1518, .excess = 100000};
	c.static_mac[0][5] = 1;
	c.ip[0] = ip4(10, 0, 0, 1, 32);
	c.ip[1] = (struct port_ip){.family = 6, .prefix = 64, .addr = {0xfe, 0x80}};
	strcpy(c.mirror_to, "tap/probe");
	return c;
}

static struct port_cfg
uplink(enum port_kind kind)
{
	struct port_cfg c = plain();

	memset(c.socket, 0, sizeof(c.socket));
	memset(c.mac, 0, sizeof(c.mac));
	c.kind = (uint8_t)kind;
	if (kind == PORT_ETHDEV || kind == PORT_BOND)
		strcpy(c.device[0], "0000:02:00.0");
	if (kind == PORT_BOND)
		strcpy(c.device[1], "net_tap0,iface=lan0");
	if (kind != PORT_VXLAN)
		return c;
	c.vxlan.vni = 0xffffff;
	c.vxlan.udp_port = 4789;
	strcpy(c.vxlan.over, "uplink");
	c.vxlan.local = ip4(192, 0, 2, 1, 24);
	c.vxlan.gateway = ip4(192, 0, 2, 254, 32);
	c.vxlan.peer[0] = ip4(198, 51, 100, 1, 32);
	return c;
}

static void
expect_good(const struct port_cfg *c)
{
	struct err e = {0};

	if (ctl_check_port(c, &e) != 0)
		fail_msg("refused: %s", e.text);
}

static void
expect_refused(const struct port_cfg *c, const char *word)
{
	struct err e = {0};

	if (ctl_check_port(c, &e) != -EINVAL)
		fail_msg("not refused for its %s", word);
	if (!strstr(e.text, word))
		fail_msg("\"%s\" does not say \"%s\"", e.text, word);
	assert_non_null(strstr(e.text, "port "));
}

#define REFUSED(start, change, word)                                                               \
	do {                                                                                       \
		struct port_cfg q = start;                                                         \
		change;                                                                            \
		expect_refused(&q, word);                                                          \
	} while (0)

static void
test_good(void **state)
{
	struct port_cfg c = plain();

	expect_good(&c);
	c = full();
	expect_good(&c);
	for (int kind = PORT_ETHDEV; kind < PORT_KINDS; kind++) {
		c = uplink((enum port_kind)kind);
		expect_good(&c);
	}
	c = plain();
	c.vlan_mode = PORT_QINQ;
	c.vlan = VLAN_MAX;
	c.mtu = MTU_MAX;
	expect_good(&c);
}

static void
test_flags(void **state)
{
	REFUSED(plain(), q.kind = PORT_KINDS, "kind is 4");
	REFUSED(plain(), q.vlan_mode = 255, "vlan_mode is 255");
	REFUSED(plain(), q.bond_mode = 2, "bond_mode");
	REFUSED(plain(), q.socket_listen = 2, "socket_listen");
	REFUSED(plain(), q.isolated = 2, "isolated");
	REFUSED(plain(), q.any_mac = 2, "any_mac");
	REFUSED(plain(), q.any_ip = 2, "any_ip");
	REFUSED(plain(), q.snoop = 9, "snoop");
	REFUSED(plain(), q.lldp = 2, "lldp");
	REFUSED(full(), q.strict = 2, "strict");
	REFUSED(full(), q.offload = 2, "offload");
	REFUSED(full(), q.mirror_in = 2, "mirror_in");
	REFUSED(full(), q.mirror_out = 3, "mirror_out");
	REFUSED(full(), q.mirror_also = 3, "mirror_also");
}

static void
test_vlans(void **state)
{
	REFUSED(plain(), q.vlan = 4095, "vlan 4095");
	REFUSED(full(), q.native_vlan = 4095, "native vlan 4095");
	REFUSED(full(), q.trunk[0] |= 1, "VLANs 1..4094");
	REFUSED(full(), q.trunk[63] |= UINT64_C(1) << 63, "VLANs 1..4094");
	REFUSED(plain(), q.vlan_mode = PORT_TRUNK, "without VLANs");
	REFUSED(plain(), q.trunk[5] = 1, "it is none");
	REFUSED(plain(), q.native_vlan = 1, "it is none");
	REFUSED(plain(), q.vlan_mode = PORT_QINQ, "service vlan");
}

static void
test_addresses(void **state)
{
	REFUSED(plain(), q.mac[0] = 1, "group");
	REFUSED(uplink(PORT_ETHDEV), q.mac[0] = 1, "group");
	REFUSED(full(), memset(q.static_mac, 3, sizeof(q.static_mac)), "group");
	REFUSED(full(), q.ip[0].family = 5, "address 1");
	REFUSED(full(), q.ip[0].prefix = 33, "address 1");
	REFUSED(full(), q.ip[0].addr[0] = 224, "address 1");
	REFUSED(full(), memset(q.ip[0].addr, 0, 16), "address 1");
	REFUSED(full(), q.ip[1].prefix = 129, "address 2");
	REFUSED(full(), q.ip[1].addr[0] = 0xff, "address 2");
	REFUSED(full(), memset(q.ip[1].addr, 0, 16); q.ip[1].prefix = 128, "address 2");
}

static void
test_rates(void **state)
{
	REFUSED(full(), q.storm[2] = 1000000001, "unknown");
	REFUSED(full(), q.police_in.rate = UINT64_MAX, "from the guest is above");
	REFUSED(full(), q.police_in.burst = 1517, "below one frame; 1518 bytes");
	REFUSED(full(), q.offload = 1, "65553 bytes are the least with an mtu of 1500 and offload");
	REFUSED(full(), q.police_in.burst = UINT64_MAX, "burst above");
	REFUSED(full(), q.police_in.excess = UINT64_C(1) << 33, "burst above");
	REFUSED(full(), q.police_in.rate = 0, "no rate");
	REFUSED(full(), q.police_out.peak = 999, "below its rate");
	REFUSED(full(), q.police_out.peak = UINT64_MAX, "to the guest is above");
	REFUSED(full(), q.police_out.excess = 1517, "below one frame");
	REFUSED(full(), q.mtu = 9000, "9018 bytes are the least");
	REFUSED(full(), q.shape_out.peak = 1000, "one rate");
	REFUSED(full(), q.shape_out.burst = 1517, "shaper has a burst below");
	REFUSED(full(), memset(&q.shape_out, 0, sizeof(q.shape_out)), "need a shaper");
	REFUSED(plain(), q.shape_out.burst = 1, "no rate");
}

static void
test_mirrors_and_kinds(void **state)
{
	REFUSED(full(), strcpy(q.mirror_to, q.name), "itself");
	REFUSED(full(), q.mirror_in = 0, "neither direction");
	REFUSED(full(), q.mirror_to[0] = '\0', "to no port");
	REFUSED(full(), memset(q.mirror_to, 'x', sizeof(q.mirror_to)), "mirror_to");
	REFUSED(full(), strcpy(q.segment, "a b"), "segment");
	REFUSED(full(), memset(q.segment, 'x', sizeof(q.segment)), "segment");
	REFUSED(plain(), q.socket[0] = '\0', "socket");
	REFUSED(uplink(PORT_ETHDEV), strcpy(q.socket, "x"), "socket");
	REFUSED(plain(), strcpy(q.device[0], "net_null0"), "1 devices; 0 are possible");
	REFUSED(uplink(PORT_ETHDEV), q.device[0][0] = '\0', "no device");
	REFUSED(uplink(PORT_ETHDEV), strcpy(q.device[1], "net_null0"), "2 devices");
	REFUSED(uplink(PORT_BOND), strcpy(q.device[1], q.device[0]), "twice");
	REFUSED(uplink(PORT_BOND), strcpy(q.device[3], "net_null0"), "device 3 is empty");
	REFUSED(uplink(PORT_BOND), memset(q.device[1], 'x', sizeof(q.device[1])), "device 2");
}

static void
test_vxlan(void **state)
{
	REFUSED(uplink(PORT_VXLAN), q.vxlan.vni = 0x1000000, "vni 16777216");
	REFUSED(uplink(PORT_VXLAN), q.vxlan.udp_port = 0, "UDP port 0");
	REFUSED(uplink(PORT_VXLAN), q.vxlan.over[0] = '\0', "no port");
	REFUSED(uplink(PORT_VXLAN), strcpy(q.vxlan.over, q.name), "itself");
	REFUSED(uplink(PORT_VXLAN), q.vxlan.local.family = 0, "local address");
	REFUSED(uplink(PORT_VXLAN), q.vxlan.local.addr[0] = 239, "local address");
	REFUSED(uplink(PORT_VXLAN), q.vxlan.gateway.family = 6, "gateway");
	REFUSED(uplink(PORT_VXLAN), q.vxlan.peer[0].family = 0, "no peer");
	REFUSED(uplink(PORT_VXLAN), q.vxlan.peer[0].family = 6, "peer 1");
	REFUSED(uplink(PORT_VXLAN), q.vxlan.peer[1] = q.vxlan.local, "peer 2");
	REFUSED(uplink(PORT_VXLAN), strcpy(q.device[0], "net_null0"), "devices");
}

/* One line, whatever the bytes are, and never "good" by accident of a missing terminator. */
static void
test_noise(void **state)
{
	srand(12);
	for (int i = 0; i < 100000; i++) {
		struct port_cfg c = rand() % 2 ? full() : uplink((enum port_kind)(1 + rand() % 3));
		uint8_t *bytes = (uint8_t *)&c;
		struct err e = {0};

		for (int k = rand() % 4; k >= 0; k--)
			bytes[(size_t)rand() % sizeof(c)] = (uint8_t)rand();
		if (ctl_check_port(&c, &e) == 0) {
			assert_true(strnlen(c.name, sizeof(c.name)) < sizeof(c.name));
			assert_true(c.kind < PORT_KINDS && c.vlan_mode < PORT_VLAN_MODES);
			continue;
		}
		assert_true(e.text[0] != '\0');
		for (const char *t = e.text; *t; t++)
			assert_true((unsigned char)*t >= 0x20 && (unsigned char)*t < 0x7f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),  cmocka_unit_test(test_flags),
		cmocka_unit_test(test_vlans), cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_rates), cmocka_unit_test(test_mirrors_and_kinds),
		cmocka_unit_test(test_vxlan), cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
